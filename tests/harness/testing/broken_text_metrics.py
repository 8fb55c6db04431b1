"""Metrics of explanations that break a promise each."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from llmrec_bench import ExplainedPairs, PairTextMetric, TextMetric


class SoundTextMetric(PairTextMetric):
    """Whether anything was written."""

    name = "Written"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "1 if t_p is not empty, else 0"
    source = "this test"
    breaks: ClassVar[str] = ""

    def per_pair(self, pairs: ExplainedPairs) -> npt.NDArray[np.float64]:
        return np.array([bool(text) for text in pairs.texts], dtype=np.float64)


class Letters(SoundTextMetric):
    """Counts letters within bounds of 0 and 1."""

    breaks = "value-range"

    def per_pair(self, pairs: ExplainedPairs) -> npt.NDArray[np.float64]:
        return np.array([len(text) for text in pairs.texts], dtype=np.float64)


class Flags(SoundTextMetric):
    """Gives truth values for numbers."""

    breaks = "value-range"

    def per_pair(self, pairs: ExplainedPairs) -> Any:
        return super().per_pair(pairs) > 0


class FirstFirst(SoundTextMetric):
    """Weighs the first pairs most."""

    breaks = "pair-order"

    def per_pair(self, pairs: ExplainedPairs) -> npt.NDArray[np.float64]:
        return super().per_pair(pairs) / np.arange(1, len(pairs) + 1)


class Sharer(TextMetric):
    """Divides by the number of pairs."""

    name = "Sharer"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "1 / N"
    source = "this test"
    breaks = "nothing-to-measure"

    def overall(self, pairs: ExplainedPairs) -> float:
        return 1 / len(pairs)
