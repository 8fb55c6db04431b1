"""POD: prompt distillation. Wordings and prompt vectors are learned together, and vectors and ids alone asked with."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from llmrec_bench import Config, TrainingData
from llmrec_bench_plugins.rdrec.t5_recommender import T5Recommender
from llmrec_bench_plugins.rdrec.tasks import SequentialTask, Task, TopNTask


class Ratio(Config):
    """How often each task is drawn, beside the others: batches where these alternate, shares where they are mixed."""

    sequential: int = Field(default=1, ge=0)
    """The next item of a history."""
    top_n: int = Field(default=1, ge=0)
    """The user's own item in a list."""

    @model_validator(mode="after")
    def _some_task(self) -> Self:
        if not self.sequential and not self.top_n:
            raise ValueError("all tasks have the share 0; at least one has to be drawn")
        return self


class POD(T5Recommender):
    """T5 with prompt vectors for each task learns to name a user's next item, and a user's item among candidates.

    POD's third task, explaining a recommendation, needs sentences of reviews that are not part of these data, and is
    left out. Texts hold no words of items: what is learned of an item is learned of the digits of its number.
    """

    name = "pod"
    version = "1"
    source = "Li et al., Prompt Distillation for Efficient LLM-based Recommendation, CIKM 2023"
    settings: ClassVar = {
        "released": {
            "trunk": {"kind": "pretrained", "model": "google-t5/t5-small"},
            "learning_rate": 5e-4,
            "patience_counts": "total",
            "train_on_padding": True,
            "ranking": "free",
        }
    }

    class Config(T5Recommender.Config):
        """Options of POD. The settings `released` are those of its code, on Amazon Beauty, without explanations."""

        negatives: int = Field(99, ge=1)
        """Items beside the positive in the list of the task `top_n`."""
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

    def tasks(self, train: TrainingData, seed: int) -> Sequence[Task]:
        """Sequential and top-N recommendation."""
        config = self.config
        return (SequentialTask(train, config.history_length), TopNTask(train, config.negatives, seed))

    def ratio(self) -> Mapping[str, int]:
        """Of the tasks that are drawn at all."""
        shares: dict[str, Any] = self.config.ratio.model_dump()
        return {name: share for name, share in shares.items() if share}
