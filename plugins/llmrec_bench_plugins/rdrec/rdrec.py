"""RDRec: POD that also learns to write what reviews tell of users and items, as a larger model put it."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llmrec_bench import Run, TrainingData
from llmrec_bench_plugins.rdrec.pod import POD, RELEASED
from llmrec_bench_plugins.rdrec.review_tasks import RationaleTask
from llmrec_bench_plugins.rdrec.t5_recommender import Ratio
from llmrec_bench_plugins.rdrec.tasks import Task
from llmrec_bench_plugins.rdrec.templates import (
    ATTRIBUTE,
    ATTRIBUTIONS,
    EXPLANATION,
    PREFERENCE,
    SEQUENTIAL,
    TOP_N,
    Wordings,
)
from llmrec_bench_plugins.stages.review_rationales import ReviewRationales, read_review_rationales

_RELEASED: dict[str, Any] = {
    **RELEASED,
    "batching": "mixed",
    "epoch_by": "explanation",
    "rationale_task_ids": "as_released",
    "rationale_counts": "records",
    "attribute_wording": "attributions",
    "return_beams": 15,
}


class RDRecRatio(Ratio):
    """How often each task is drawn, beside the others. The paper writes explanation : rationale : sequential : top-N,
    the option of its code explanation : sequential : rationale : top-N; here each has its name."""

    explanation: int = Field(default=1, ge=0)
    """What a user wrote about an item."""
    rationale: int = Field(default=1, ge=0)
    """What a rationale says of the user's preference and of the item's attribute."""


class RDRec(POD):
    """POD with two more tasks: to write a user's preference and an item's attribute, out of rationales that a language
    model gave for reviews.

    The ratios of the paper's Tables 5 and 6 are options in a suite; its Table 4 is `use_preference: false` and
    `use_attribute: false`.
    """

    name = "rdrec"
    version = "1"
    source = "Wang et al., RDRec: Rationale Distillation for LLM-based Recommendation, ACL 2024"
    settings: ClassVar = {"released": _RELEASED, "released-sports": {**_RELEASED, "learning_rate": 1e-3}}

    class Config(POD.Config):
        """Options of RDRec. The settings `released` are those of its code since June 2024 on Amazon Beauty and Toys,
        `released-sports` those on Sports."""

        wordings: ClassVar[tuple[Wordings, ...]] = (
            *(EXPLANATION, SEQUENTIAL, TOP_N),
            *(PREFERENCE, ATTRIBUTE, ATTRIBUTIONS),
        )

        rationales: ReviewRationales
        """What a language model makes of the reviews."""
        ratio: RDRecRatio = RDRecRatio()
        """How often each task is drawn."""
        use_preference: bool = True
        """Whether users' preferences are learned; false is the paper's ablation UsP."""
        use_attribute: bool = True
        """Whether items' attributes are learned; false is the paper's ablation ItA."""
        attribute_wording: Literal["attribute", "attributions"] = "attribute"
        """What an item is asked for: the paper's word, or that of the released code."""
        rationale_task_ids: Literal["aligned", "as_released"] = "aligned"
        """`as_released`: about half of the rationales' examples get the other part's prompt vectors, as in the released
        code, where texts of a batch alternate between user and item and prompts do not."""
        rationale_counts: Literal["examples", "records"] = "examples"
        """What a batch's share of the task `rationale` counts. A record gives two examples, so that batches grow with
        `records`, as in the released code: at equal shares 64 become 80."""

        @model_validator(mode="after")
        def _learns_some_part(self) -> Self:
            if self.ratio.rationale and not (self.use_preference or self.use_attribute):
                raise ValueError("neither preferences nor attributes are used; set `ratio: {rationale: 0}`")
            return self

    config: Config

    def tasks(self, train: TrainingData, run: Run) -> Sequence[Task]:
        """Those of POD, then the two parts of rationales."""
        config = self.config
        used = {"preference": config.use_preference, "attribute": config.use_attribute}
        rationale = RationaleTask(
            read_review_rationales(run.artifact(config.rationales)),
            [part for part in RationaleTask.prompts if used[part]],
            ATTRIBUTE if config.attribute_wording == "attribute" else ATTRIBUTIONS,
            config.text_tokens,
            prompts_as_released=config.rationale_task_ids == "as_released",
            counts_records=config.rationale_counts == "records",
            batch_size=config.batch_size,
        )
        return (*super().tasks(train, run), rationale)
