"""What a metric is: a name, a direction, a formula, and one pass over rankings or over texts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from llmrec_bench.metrics.explained_pairs import ExplainedPairs
from llmrec_bench.metrics.rankings import Rankings


class Metric(ABC):
    """A measure. Subclass `PerUserMetric` or `OverallMetric` for one of rankings, `TextMetric` or `PairTextMetric` for
    one of explanations."""

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
    has_user_values: ClassVar[bool] = False
    """True where single users have a value, so that tests over users and groups of users are possible."""

    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of `bench check` that it is meant to fail, by name, each with the reason."""

    @classmethod
    @abstractmethod
    def columns(cls, cutoffs: Sequence[int]) -> list[str]:
        """What it is called in records and tables, under a protocol with these cut-offs."""

    @classmethod
    def fault(cls) -> str | None:
        """Why it cannot be computed on this machine, and what would help; None where it can."""
        return None


class RankingMetric(Metric):
    """A measure of rankings at a cut-off k."""

    @classmethod
    def columns(cls, cutoffs: Sequence[int]) -> list[str]:
        """`NDCG@10`, one for each cut-off."""
        return [f"{cls.name}@{k}" for k in cutoffs]

    @abstractmethod
    def overall(self, rankings: Rankings, k: int) -> float:
        """The value over all queries; NaN where it is undefined (no query, say)."""


class PerUserMetric(RankingMetric):
    """A metric with a value for each query; the overall value is their mean."""

    has_user_values = True

    @abstractmethod
    def per_query(self, rankings: Rankings, k: int) -> npt.NDArray[np.float64]:
        """float64 (B,): one value a query, NaN where the query does not count (nothing relevant, say)."""

    def overall(self, rankings: Rankings, k: int) -> float:
        """Mean over the queries that count."""
        return mean_of_counted(self.per_query(rankings, k))


class OverallMetric(RankingMetric):
    """A metric of all lists together, such as coverage or evenness; it has no value for a single user."""


class TextMetric(Metric):
    """A measure of all explanations together, such as how many differ; it has no cut-off."""

    @classmethod
    def columns(cls, cutoffs: Sequence[int]) -> list[str]:
        """`BLEU-4`."""
        return [cls.name]

    @abstractmethod
    def overall(self, pairs: ExplainedPairs) -> float:
        """The value over all pairs; NaN where it is undefined (no pair, say)."""


class PairTextMetric(TextMetric):
    """A measure of explanations with a value for each pair of a user and an item; the overall value is their mean, and
    that of a user the mean over the user's pairs."""

    has_user_values = True

    @abstractmethod
    def per_pair(self, pairs: ExplainedPairs) -> npt.NDArray[np.float64]:
        """float64 (N,): one value a pair, NaN where the pair does not count (no feature known, say)."""

    def overall(self, pairs: ExplainedPairs) -> float:
        """Mean over the pairs that count."""
        return mean_of_counted(self.per_pair(pairs))


def mean_of_counted(values: npt.NDArray[np.float64]) -> float:
    """The mean of those that are not NaN; NaN where all are."""
    counted = values[~np.isnan(values)]
    return float(counted.mean()) if len(counted) else float("nan")
