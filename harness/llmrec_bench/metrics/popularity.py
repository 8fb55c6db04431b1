"""How popular the shown items are: bias towards the head or the tail of the training data."""

import numpy as np
import numpy.typing as npt

from llmrec_bench.metrics.metric import PerUserMetric
from llmrec_bench.metrics.places import Floats
from llmrec_bench.metrics.rankings import Popularity, Rankings

_ABDOLLAHPOURI = "Abdollahpouri et al., Managing popularity bias with personalized re-ranking, FLAIRS 2019"


def long_tail(popularity: Popularity) -> npt.NDArray[np.bool_]:
    """bool (I,): trained items outside the short head.

    The head takes items by falling count (equal counts by item code) until it holds 80 % of T. Items never
    trained on are in neither part.
    """
    counts = popularity.counts
    order = np.argsort(-counts, kind="stable")
    held_before = np.cumsum(counts[order]) - counts[order]
    tail = np.zeros(len(counts), dtype=bool)
    tail[order] = 5 * held_before >= 4 * counts.sum()  # in integers: 0.8 has no exact float
    return tail & (counts > 0)


class ARP(PerUserMetric):
    """Average recommendation popularity: training users of the shown items."""

    name = "ARP"
    direction = "lower"
    bounds = (0.0, float("inf"))
    formula = "sum_{i in L_u} c_i / |L_u|"
    source = f"{_ABDOLLAHPOURI}; Elliot ARP, which stops at items never trained on where c_i is 0 here"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): users, NaN for an empty list."""
        total = _list_sums(rankings, k, rankings.popularity.counts.astype(np.float64))
        return _per_item(total, rankings, k)


class APLT(PerUserMetric):
    """Average percentage of long-tail items, as a share of the list."""

    name = "APLT"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "|L_u ∩ tail| / |L_u|"
    source = f"{_ABDOLLAHPOURI}; Elliot APLT"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,), NaN for an empty list."""
        total = _list_sums(rankings, k, long_tail(rankings.popularity).astype(np.float64))
        return _per_item(total, rankings, k)


class ACLT(PerUserMetric):
    """Average coverage of long-tail items: how many of them a list shows."""

    name = "ACLT"
    direction = "higher"
    bounds = (0.0, float("inf"))
    formula = "|L_u ∩ tail|"
    source = f"{_ABDOLLAHPOURI}; Elliot ACLT"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): items, 0 for an empty list."""
        return _list_sums(rankings, k, long_tail(rankings.popularity).astype(np.float64))


def _list_sums(rankings: Rankings, k: int, values: Floats) -> Floats:
    """float64 (B,): the sum of `values` (I,) over each list."""
    weighed = np.append(values, 0.0)[rankings.shown(k)]  # PAD is -1 and meets the 0 at the end
    return np.asarray(weighed.sum(axis=1))


def _per_item(total: Floats, rankings: Rankings, k: int) -> Floats:
    lengths = np.minimum(rankings.list_lengths, k)
    return np.divide(total, lengths, out=np.full_like(total, np.nan), where=lengths > 0)
