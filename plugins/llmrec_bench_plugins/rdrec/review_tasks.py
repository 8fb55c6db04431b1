"""Tasks that teach to write: why a user might like an item, what users prefer, what items have (POD and RDRec)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from llmrec_bench import TrainingData
from llmrec_bench_plugins.rdrec.tasks import Codes, Example, Task
from llmrec_bench_plugins.rdrec.templates import EXPLANATION, PREFERENCE, Templates


class ExplanationTask(Task):
    """From a user and an item to what the user wrote about it, one example a review."""

    name = "explanation"
    prompts = ("explanation",)
    lacking = (
        "the task explanation learns from reviews, and the training data have none; take a data set with reviews, or "
        "give the task no share in `ratio`"
    )

    def __init__(self, train: TrainingData, text_tokens: int, wording: Templates = EXPLANATION) -> None:
        self._train, self._validation = (
            _pairs(train.reviews, text_tokens),
            _pairs(train.validation_reviews, text_tokens),
        )
        self._text_tokens, self._wording = text_tokens, wording
        self.sources = np.arange(len(self._train))
        self.taught = [text for _, _, text in self._train]

    def draw(self, sources: Codes, rng: np.random.Generator) -> list[Example]:
        """Each review's user and item in one of the wordings."""
        drawn = [self._train[source] for source in sources.tolist()]
        return [self._example(self._wording.drawn(user, [item], rng), text) for user, item, text in drawn]

    def validation(self) -> list[Example]:
        """The reviews of validation interactions."""
        return [self._example(self._wording.bare(user, [item]), text) for user, item, text in self._validation]

    def _example(self, source: str, text: str) -> Example:
        return Example(source, text, "explanation", self._text_tokens)


class RationaleTask(Task):
    """From a user to a preference and from an item to an attribute, both out of one rationale: two examples a record.

    `prompts_as_released` repeats a slip of RDRec's code: of n records the examples come alternately, preference and
    attribute, while their prompts come as n times that of the preference, then n times that of the attribute, so that
    about half of the examples have the other one's prompt.
    """

    name = "rationale"
    prompts = ("preference", "attribute")
    lacking = (
        "the task rationale has no rationale to learn from; see what the stage review-rationales says of its answers"
    )

    def __init__(
        self,
        rationales: pd.DataFrame,
        parts: Sequence[str],
        attribute: Templates,
        text_tokens: int,
        *,
        prompts_as_released: bool,
        counts_records: bool,
        batch_size: int,
    ) -> None:
        """`rationales` as `read_review_rationales` gives them; `parts` is what of them is learned, `attribute` how an
        item is asked about. With `counts_records` a record takes the place of one example of a batch, else of as many
        as there are parts. `batch_size` is how many records of the validation are together, for the slip."""
        self._prompts_as_released, self._batch_size = prompts_as_released, batch_size
        wordings = {"preference": PREFERENCE, "attribute": attribute}
        records = {
            split: [
                [
                    Example(wordings[part].bare(user, [item]), begun(texts[part], text_tokens), part, text_tokens)
                    for part in parts
                    if texts[part]
                ]
                for user, item, texts in zip(
                    rows["user"], rows["item"], rows[list(parts)].to_dict("records"), strict=True
                )
                if any(texts.values())
            ]
            for split, rows in rationales.groupby("part")
        }
        self._train, self._validation = records.get("train", []), records.get("validation", [])
        self.sources = np.arange(len(self._train))
        self.counts = 1 if counts_records else len(parts)
        self.taught = [example.target for record in self._train for example in record]

    def draw(self, sources: Codes, rng: np.random.Generator) -> list[Example]:
        """What each rationale gives; there is nothing to draw, as each part has one wording."""
        return self._batch([self._train[source] for source in sources.tolist()])

    def validation(self) -> list[Example]:
        """Of the reviews of validation interactions."""
        starts = range(0, len(self._validation), self._batch_size)
        batches = [self._batch(self._validation[start : start + self._batch_size]) for start in starts]
        return [example for batch in batches for example in batch]

    def _batch(self, records: Sequence[Sequence[Example]]) -> list[Example]:
        examples = [example for record in records for example in record]
        if not self._prompts_as_released:
            return examples
        prompts = sorted((example.prompt for example in examples), key=self.prompts.index)
        return [replace(example, prompt=prompt) for example, prompt in zip(examples, prompts, strict=True)]


def _pairs(reviews: pd.DataFrame | None, text_tokens: int) -> list[tuple[int, int, str]]:
    if reviews is None:
        return []
    texts = [begun(text, text_tokens) for text in reviews["text"].tolist()]
    return list(zip(reviews["user"].tolist(), reviews["item"].tolist(), texts, strict=True))


def begun(text: str, tokens: int) -> str:
    """A text's first words, as many as its first `tokens` tokens can have, and one more to tell that it goes on."""
    return " ".join(text.split(maxsplit=tokens + 1)[: tokens + 1])
