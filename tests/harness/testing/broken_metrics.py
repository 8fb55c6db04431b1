"""Metrics that break a promise each."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from llmrec_bench import PerUserMetric, Rankings


class SoundMetric(PerUserMetric):
    """Whether the target is within k, in expectation over ties."""

    name = "Sound"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "P(rank <= k)"
    source = "this test"
    has_chance_level = True
    breaks: ClassVar[str] = ""

    def per_query(self, rankings: Rankings, k: int) -> npt.NDArray[np.float64]:
        ranks = rankings.ranks
        values = np.full(rankings.n_queries, np.nan)
        values[ranks.queries] = np.clip((k - ranks.above) / ranks.tied, 0, 1)
        return values


class Upward(SoundMetric):
    """Knows no direction."""

    direction: Any = "up"
    breaks = "declarations"


class Sourceless(SoundMetric):
    """Is nobody's."""

    source = ""
    breaks = "declarations"


class Percent(SoundMetric):
    """Counts in percent within bounds of 0 and 1."""

    breaks = "value-range"

    def per_query(self, rankings: Rankings, k: int) -> npt.NDArray[np.float64]:
        return 100 * super().per_query(rankings, k)


class Single(SoundMetric):
    """Is computed in single precision."""

    breaks = "value-range"

    def per_query(self, rankings: Rankings, k: int) -> Any:
        return super().per_query(rankings, k).astype(np.float32)


class Impatient(SoundMetric):
    """Weighs the first queries most."""

    breaks = "query-order"

    def per_query(self, rankings: Rankings, k: int) -> npt.NDArray[np.float64]:
        return super().per_query(rankings, k) / np.arange(1, rankings.n_queries + 1)


class Hopeful(SoundMetric):
    """Takes a tied target for the first of its equals."""

    breaks = "ties"

    def per_query(self, rankings: Rankings, k: int) -> npt.NDArray[np.float64]:
        values = np.full(rankings.n_queries, np.nan)
        values[rankings.ranks.queries] = rankings.ranks.above < k
        return values


class Pretender(SoundMetric):
    """Claims a chance level and reads what the lists hold."""

    breaks = "chance-level"

    def per_query(self, rankings: Rankings, k: int) -> npt.NDArray[np.float64]:
        return (rankings.lists[:, :1] % 2).mean(axis=1).astype(np.float64)


class Divider(SoundMetric):
    """Divides by the number of queries."""

    breaks = "nothing-to-measure"

    def overall(self, rankings: Rankings, k: int) -> float:
        return float(np.nansum(self.per_query(rankings, k))) / rankings.n_queries
