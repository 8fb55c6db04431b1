"""What a metric is: a name, a direction, a formula, and one vectorised pass over rankings."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from llmrec_bench.metrics.rankings import Rankings


class Metric(ABC):
    """A measure at a cut-off k. Subclass `PerUserMetric` or `OverallMetric`."""

    name: ClassVar[str]
    """What a suite writes, without the cut-off: `NDCG` in `NDCG@10`."""
    direction: ClassVar[Literal["higher", "lower", "neither"]]
    """Which way is better; `neither` where that depends on the reader."""
    bounds: ClassVar[tuple[float, float]]
    """The smallest and the largest value possible."""
    formula: ClassVar[str]
    """One line, in the notation of `metrics/README.md`."""
    source: ClassVar[str]
    """The paper or tool whose definition this is."""
    has_chance_level: ClassVar[bool] = False
    """True where `Ranks` and list lengths say everything, so that `chance` gives the value of a random order."""

    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of `bench check` that it is meant to fail, by name, each with the reason."""

    @abstractmethod
    def overall(self, rankings: Rankings, k: int) -> float:
        """The value over all queries; NaN where it is undefined (no query, say)."""


class PerUserMetric(Metric):
    """A metric with a value for each query; the overall value is their mean."""

    @abstractmethod
    def per_query(self, rankings: Rankings, k: int) -> npt.NDArray[np.float64]:
        """float64 (B,): one value a query, NaN where the query does not count (nothing relevant, say)."""

    def overall(self, rankings: Rankings, k: int) -> float:
        """Mean over the queries that count."""
        values = self.per_query(rankings, k)
        counted = values[~np.isnan(values)]
        return float(counted.mean()) if len(counted) else float("nan")


class OverallMetric(Metric):
    """A metric of all lists together, such as coverage or evenness; it has no value for a single user."""
