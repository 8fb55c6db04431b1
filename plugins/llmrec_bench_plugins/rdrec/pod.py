"""POD: prompt distillation. Wordings and prompt vectors are learned together, and vectors and ids alone asked with."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from llmrec_bench import Run, TrainingData
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

    config: Config

    def tasks(self, train: TrainingData, run: Run) -> Sequence[Task]:
        """Explanation, sequential and top-N recommendation."""
        config = self.config
        return (
            ExplanationTask(train, config.text_tokens),
            SequentialTask(train, config.history_length),
            TopNTask(train, config.negatives, run.seed),
        )
