"""What holds for every metric of explanations."""

from collections.abc import Sequence

import numpy as np

from llmrec_bench.metrics.explained_pairs import ExplainedPairs
from llmrec_bench.metrics.metric import PairTextMetric, TextMetric
from llmrec_bench.testing.check import Check, named
from llmrec_bench.testing.import_checks import IMPORT_CHECKS
from llmrec_bench.testing.metric_checks import declarations

_N = 24
_WORDS = ("the", "a", "red", "lamp", "chair", "shines", "hums", "battery", "life", "works", "fine", "not", "very")
_FEATURES = ("lamp", "chair", "battery life", "Works", "")
_SLACK = 1e-9


class TextMetricSubject:
    """A metric of explanations under check."""

    def __init__(self, kind: type[TextMetric]) -> None:
        self.kind = kind
        self.metric = kind()


def drawn_pairs(seed: int) -> ExplainedPairs:
    """Pairs with short texts and reviews of a dozen words; some texts are empty, some repeat, some are long, and some
    features are unknown."""
    rng = np.random.default_rng(seed)

    def sentence(longest: int, shortest: int) -> str:
        return " ".join(rng.choice(_WORDS, rng.integers(shortest, longest)).tolist())

    texts = [sentence(9, 0) for _ in range(_N - 4)] + ["the lamp works"] * 3 + [sentence(400, 300)]
    references = [sentence(12, 1) for _ in range(_N)]
    return ExplainedPairs(texts, references, rng.choice(_FEATURES, _N).tolist())


def value_range(subject: TextMetricSubject) -> str | None:
    """Values are within the bounds, one for each pair where there is one, and no infinities."""
    low, high = subject.kind.bounds
    for seed in range(5):
        pairs = drawn_pairs(seed)
        values = np.array([subject.metric.overall(pairs)], dtype=np.float64)
        if isinstance(subject.metric, PairTextMetric):
            own: object = subject.metric.per_pair(pairs)
            if not isinstance(own, np.ndarray) or own.dtype != np.float64 or own.shape != (_N,):
                given = f"{own.dtype} {own.shape}" if isinstance(own, np.ndarray) else f"a {type(own).__name__}"
                return f"per_pair returned {given}; should be float64 {(_N,)}"
            values = np.append(values, own)
        if np.isinf(values).any():
            return "an infinity; NaN says that there is no value"
        known = values[~np.isnan(values)]
        outside = known[(known < low - _SLACK) | (known > high + _SLACK)]
        if len(outside):
            return f"{outside[0]:g} is outside the bounds {low:g} to {high:g}"
    return None


def pair_order(subject: TextMetricSubject) -> str | None:
    """Values do not depend on the order of pairs."""
    order = np.random.default_rng(9).permutation(_N)
    pairs = drawn_pairs(0)
    shuffled = _taken(pairs, order.tolist())
    first, second = subject.metric.overall(pairs), subject.metric.overall(shuffled)
    if not np.isclose(first, second, equal_nan=True):
        return f"{first:g}, and {second:g} with the pairs in another order"
    if isinstance(subject.metric, PairTextMetric):
        own, other = subject.metric.per_pair(pairs), subject.metric.per_pair(shuffled)
        if not np.allclose(own[order], other, equal_nan=True):
            return "the value of a pair depends on its place among the others"
    return None


def nothing_to_measure(subject: TextMetricSubject) -> str | None:
    """No pair, one pair, no feature and no written text give NaN or a value, never a crash."""
    pairs = drawn_pairs(0)
    for what, few in (
        ("no pair", _taken(pairs, [])),
        ("one pair", _taken(pairs, [0])),
        ("no known feature", ExplainedPairs(pairs.texts, pairs.references, [""] * _N)),
        ("no written text", ExplainedPairs([""] * _N, pairs.references, pairs.features)),
        ("another script", ExplainedPairs(["好 灯"] * _N, ["灯 亮"] * _N, ["灯"] * _N)),
    ):
        value: object = subject.metric.overall(few)
        if not isinstance(value, float):
            return f"overall of {what} returned a {type(value).__name__}; should be a float"
    return None


TEXT_METRIC_CHECKS: tuple[Check[TextMetricSubject], ...] = (
    *named(declarations, value_range, pair_order, nothing_to_measure),
    *IMPORT_CHECKS,
)
"""In the order a report has them."""


def _taken(pairs: ExplainedPairs, rows: Sequence[int]) -> ExplainedPairs:
    """The pairs of these places, in this order."""
    return ExplainedPairs(*([column[i] for i in rows] for column in (pairs.texts, pairs.references, pairs.features)))
