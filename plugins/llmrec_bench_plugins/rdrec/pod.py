"""POD: prompt distillation. Wordings and prompt vectors are learned together, and vectors and ids alone asked with."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from llmrec_bench import Config, Run, TrainingData
from llmrec_bench_plugins.rdrec.review_tasks import ExplanationTask
from llmrec_bench_plugins.rdrec.t5_recommender import T5Recommender
from llmrec_bench_plugins.rdrec.tasks import SequentialTask, Task, TopNTask
from llmrec_bench_plugins.rdrec.templates import EXPLANATION, SEQUENTIAL, TOP_N, Wordings

RELEASED: Mapping[str, Any] = {
    "trunk": {"kind": "pretrained", "model": "google-t5/t5-small"},
    "learning_rate": 5e-4,
    "patience_counts": "total",
    "train_on_padding": True,
    "ranking": "free",
    # transformers counts the token that every text begins with: a text of 10 to 50 has 9 to 49 others.
    "explanation_search": {"penalty": 0.0, "shortest": 9, "longest": 49},
}
"""What the code of POD and that of RDRec have in common, on Amazon Beauty and Toys."""


class Ratio(Config):
    """How often each task is drawn, beside the others: batches where these alternate, shares where they are mixed."""

    explanation: int | None = Field(default=None, ge=0)
    """What a user wrote about an item. null: 1 where the data have reviews, else 0; the log says which."""
    sequential: int = Field(default=1, ge=0)
    """The next item of a history."""
    top_n: int = Field(default=1, ge=0)
    """The user's own item in a list."""

    @model_validator(mode="after")
    def _some_task(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("all tasks have the share 0; at least one has to be drawn")
        return self


class POD(T5Recommender):
    """T5 with prompt vectors for each task learns to name a user's next item, a user's item among candidates and, where
    there are reviews, to write what a user would say about an item.

    Prompts hold no words of items: what is learned of an item is learned of the digits of its number, and of what
    reviews say.
    """

    name = "pod"
    version = "2"
    source = "Li et al., Prompt Distillation for Efficient LLM-based Recommendation, CIKM 2023"
    settings: ClassVar = {
        "released": {**RELEASED, "epoch_by": "examples", "write_seen": True, "return_beams": 10},
        "released-logs": {
            **RELEASED,
            "prompt_vectors": 10,
            "batching": "mixed",
            "epoch_by": "explanation",
            "write_seen": True,
            "return_beams": 10,
        },
    }

    class Config(T5Recommender.Config):
        """Options of POD. The settings `released` are those of its current code on Amazon Beauty and Toys,
        `released-logs` those behind its released logs, which need reviews; for Sports both take `learning_rate: 0.001`.
        """

        wordings: ClassVar[tuple[Wordings, ...]] = (EXPLANATION, SEQUENTIAL, TOP_N)

        negatives: int = Field(99, ge=1)
        """Items beside the positive in the list of the task `top_n`."""
        text_tokens: int = Field(20, ge=1)
        """Of a text that it learns to write, the first so many tokens are learned."""
        ratio: Ratio = Ratio()
        """How often each task is drawn."""

        @model_validator(mode="after")
        def _asks_what_it_learned(self) -> Self:
            if not getattr(self.ratio, self.candidates_prompt):
                prompt = self.candidates_prompt
                raise ValueError(
                    f"`candidates_prompt: {prompt}` asks for the task {prompt}, whose share in `ratio` is 0"
                )
            return self

    config: Config

    def tasks(self, train: TrainingData, run: Run) -> Sequence[Task]:
        """Explanation, sequential and top-N recommendation."""
        config = self.config
        explanation = ExplanationTask(train, config.text_tokens)
        if config.ratio.explanation is None:
            n_reviews = len(explanation.sources)
            run.log(
                f"explanation: learned from {n_reviews:,} reviews" if n_reviews else "explanation: no reviews to learn"
            )
        return (
            explanation,
            SequentialTask(train, config.history_length),
            TopNTask(train, config.negatives, run.seed),
        )

    def ratio(self, train: TrainingData) -> Mapping[str, int]:
        """Of the tasks that are drawn at all."""
        shares: dict[str, Any] = self.config.ratio.model_dump()
        if shares["explanation"] is None:
            shares["explanation"] = int(train.reviews is not None and len(train.reviews) > 0)
        return {name: share for name, share in shares.items() if share}
