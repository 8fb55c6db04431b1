"""What holds for every metric of rankings."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from llmrec_bench.data.sequences import PAD
from llmrec_bench.metrics.metric import PerUserMetric, RankingMetric
from llmrec_bench.metrics.rankings import UNRANKED, Popularity, Rankings, Ranks
from llmrec_bench.testing.check import Check, named
from llmrec_bench.testing.import_checks import IMPORT_CHECKS, Importable

_B, _ITEMS, _LENGTH = 24, 20, 8
_CUTOFFS = (1, 3, _LENGTH)
_SLACK = 1e-9


class MetricSubject:
    """A metric of rankings under check."""

    def __init__(self, kind: type[RankingMetric]) -> None:
        self.kind = kind
        self.metric = kind()


def drawn_rankings(seed: int) -> Rankings:
    """Queries with one target each out of twenty items, some of it unranked, some lists short."""
    rng = np.random.default_rng(seed)
    lists = np.stack([rng.permutation(_ITEMS)[:_LENGTH] for _ in range(_B)]).astype(np.int32)
    lists[::5, 3:] = PAD
    targets = rng.integers(0, _ITEMS, _B).astype(np.int32)
    found = lists == targets[:, None]
    above = np.where(found.any(axis=1), found.argmax(axis=1), rng.integers(_LENGTH, _ITEMS, _B)).astype(np.int64)
    above[1] = UNRANKED if not found[1].any() else above[1]
    counts = rng.integers(0, 9, _ITEMS).astype(np.int64)
    return Rankings(
        ranks=Ranks(np.arange(_B), targets, above, np.ones(_B, dtype=np.int64), np.ones(_B)),
        lists=lists,
        offered=np.full(_B, _ITEMS, dtype=np.int64),
        popularity=Popularity(counts, 12),
    )


def declarations(subject: Importable) -> str | None:
    """Direction, bounds, a formula on one line and a source are said."""
    kind = subject.kind
    if kind.direction not in ("higher", "lower", "neither"):
        return f"direction is {kind.direction!r}; should be higher, lower or neither"
    low, high = kind.bounds
    if not low < high:
        return f"bounds are {low:g} and {high:g}; the first should be below the second"
    if not kind.formula.strip() or "\n" in kind.formula:
        return "formula should be one line"
    return None if kind.source.strip() else "source is empty; say whose definition this is"


def value_range(subject: MetricSubject) -> str | None:
    """Values are within the bounds, one for each query where there is one, and no infinities."""
    low, high = subject.kind.bounds
    for seed, k in ((seed, k) for seed in range(5) for k in _CUTOFFS):
        rankings = drawn_rankings(seed)
        overall = subject.metric.overall(rankings, k)
        values = np.array([overall], dtype=np.float64)
        if isinstance(subject.metric, PerUserMetric):
            own: object = subject.metric.per_query(rankings, k)
            if not isinstance(own, np.ndarray) or own.dtype != np.float64 or own.shape != (_B,):
                given = f"{own.dtype} {own.shape}" if isinstance(own, np.ndarray) else f"a {type(own).__name__}"
                return f"per_query returned {given}; should be float64 {(_B,)}"
            values = np.append(values, own)
        if np.isinf(values).any():
            return f"an infinity at {k}; NaN says that there is no value"
        known = values[~np.isnan(values)]
        outside = known[(known < low - _SLACK) | (known > high + _SLACK)]
        if len(outside):
            return f"{outside[0]:g} at {k} is outside the bounds {low:g} to {high:g}"
    return None


def query_order(subject: MetricSubject) -> str | None:
    """Values do not depend on the order of queries."""
    order = np.random.default_rng(9).permutation(_B)
    for k in _CUTOFFS:
        rankings = drawn_rankings(0)
        shuffled = _taken(rankings, order)
        first, second = subject.metric.overall(rankings, k), subject.metric.overall(shuffled, k)
        if not np.isclose(first, second, equal_nan=True):
            return f"{first:g} at {k}, and {second:g} with the queries in another order"
        if isinstance(subject.metric, PerUserMetric):
            own, other = subject.metric.per_query(rankings, k), subject.metric.per_query(shuffled, k)
            if not np.allclose(own[order], other, equal_nan=True):
                return f"the value of a query at {k} depends on its place among the others"
    return None


def ties(subject: MetricSubject) -> str | None:
    """A tie is worth the mean over its orders, so that no order of equal scores pays."""
    if not isinstance(subject.metric, PerUserMetric):
        return None
    for above, tied, k in ((0, 3, 1), (1, 4, 3), (2, 10, 8)):
        values = [_one_target(subject.metric, above + place, 1, k) for place in range(tied)]
        expected, found = float(np.mean(values)), _one_target(subject.metric, above, tied, k)
        if not np.isclose(found, expected, equal_nan=True):
            tie = f"a target tied with {tied - 1} others from rank {above + 1}"
            return f"{tie}: {found:g} at {k}, the mean over their orders is {expected:g}"
    return None


def chance_level(subject: MetricSubject) -> str | None:
    """A metric with a chance level reads ranks and the lengths of lists, not which items they hold."""
    if not subject.kind.has_chance_level:
        return None
    rankings = drawn_rankings(0)
    other = replace(rankings, lists=np.where(rankings.lists == PAD, PAD, (rankings.lists + 7) % _ITEMS))
    for k in _CUTOFFS:
        first, second = subject.metric.overall(rankings, k), subject.metric.overall(other, k)
        if not np.isclose(first, second, equal_nan=True):
            return f"has_chance_level, yet other items in the lists give {second:g} instead of {first:g} at {k}"
    return None


def nothing_to_measure(subject: MetricSubject) -> str | None:
    """No query at all gives NaN or a value, never a crash."""
    nobody = _taken(drawn_rankings(0), np.array([], dtype=np.int64))
    value: object = subject.metric.overall(nobody, 3)
    return None if isinstance(value, float) else f"overall returned a {type(value).__name__}; should be a float"


METRIC_CHECKS: tuple[Check[MetricSubject], ...] = (
    *named(declarations, value_range, query_order, ties, chance_level, nothing_to_measure),
    *IMPORT_CHECKS,
)
"""In the order a report has them."""


def _taken(rankings: Rankings, order: npt.NDArray[np.int64]) -> Rankings:
    """The queries in another order; each has one target."""
    old = rankings.ranks
    return Rankings(
        ranks=Ranks(np.arange(len(order)), old.items[order], old.above[order], old.tied[order], old.gains[order]),
        lists=rankings.lists[order],
        offered=rankings.offered[order],
        popularity=rankings.popularity,
    )


def _one_target(metric: PerUserMetric, above: int, tied: int, k: int) -> float:
    """The value of one query whose list stays the same, whatever the rank of its target."""
    counts = np.arange(_ITEMS, dtype=np.int64)
    item = np.array([5], dtype=np.int32)
    ranks = Ranks(np.array([0]), item, np.array([above]), np.array([tied]), np.ones(1))
    lists = np.arange(_LENGTH, dtype=np.int32)[None]
    rankings = Rankings(ranks, lists, np.array([_ITEMS]), Popularity(counts, _ITEMS))
    return float(metric.per_query(rankings, k)[0])
