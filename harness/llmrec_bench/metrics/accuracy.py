"""How well the relevant items were ranked. All values are expectations over random orders of tied items."""

import numpy as np
import numpy.typing as npt

from llmrec_bench.metrics.metric import PerUserMetric
from llmrec_bench.metrics.places import (
    Floats,
    discounts,
    expected_weights,
    query_sums,
    reached,
    running_sums,
)
from llmrec_bench.metrics.rankings import Rankings


class AccuracyMetric(PerUserMetric):
    """A metric of the relevant items' places: NaN for a query without any, 0 for one without a list."""

    direction = "higher"
    bounds = (0.0, 1.0)
    has_chance_level = True


class HR(AccuracyMetric):
    """Hit rate: is any relevant item within k?"""

    name = "HR"
    formula = "1 if any h_r, r <= k, else 0"
    source = "Deshpande and Karypis, Item-based top-N recommendation algorithms, TOIS 2004"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): the probability of at least one hit."""
        hit = np.zeros(rankings.n_queries)
        items = reached(rankings.ranks, k)
        if not rankings.ranks.has_ties:
            hit[items.queries] = 1.0
        elif len(items.queries):
            # The relevant items of a tie group draw their places in turn: given that those before it missed, an
            # item misses with probability (places left beyond k) / (places left). One group's draw says nothing
            # of another's, so all factors of a query multiply.
            left = items.tied - items.within
            inside = np.minimum(k - items.above, items.tied)
            misses = np.maximum(left - inside, 0) / left
            hit[items.queries[items.firsts]] = 1.0 - np.multiply.reduceat(misses, items.firsts)
        return _counted(hit, rankings)


class NDCG(AccuracyMetric):
    """Normalised discounted cumulative gain."""

    name = "NDCG"
    formula = "sum_{r<=k} g_r d(r) / sum_{r<=min(k,|R_u|)} g*_r d(r), g* the gains of R_u in falling order"
    source = "Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 2002; Elliot nDCG"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): expected gain over the ideal gain."""
        found = query_sums(rankings, rankings.ranks.gains * expected_weights(rankings.ranks, discounts(k)))
        return _ratio(found, _ideal_gain(rankings, k))


class MRR(AccuracyMetric):
    """Reciprocal rank of the first relevant item."""

    name = "MRR"
    formula = "1 / (smallest r <= k with h_r), 0 if there is none"
    source = "Voorhees, The TREC-8 question answering track report, 1999"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): the expected reciprocal rank of the best placed relevant item."""
        best = np.zeros(rankings.n_queries)
        items = reached(rankings.ranks, k)
        above, tied, relevant = (values[items.firsts] for values in (items.above, items.tied, items.fellows))
        # Only the best tie group that holds a relevant item matters. Go down its places: a place is taken by a
        # relevant item with probability (relevant) / (places left), given that those before were not.
        value = np.zeros(len(items.firsts))
        still_none = np.ones(len(items.firsts))
        depth = np.minimum(tied - relevant + 1, k - above)
        for step in range(int(depth.max(initial=0))):
            going = np.flatnonzero(step < depth)
            taken = relevant[going] / (tied[going] - step)
            value[going] += still_none[going] * taken / (above[going] + step + 1)
            still_none[going] *= 1.0 - taken
        best[items.queries[items.firsts]] = value
        return _counted(best, rankings)


class Recall(AccuracyMetric):
    """Share of the relevant items within k."""

    name = "Recall"
    formula = "sum_{r<=k} h_r / |R_u|"
    source = "Elliot Recall; RecBole Recall"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): expected hits over relevant items."""
        return _ratio(_hits(rankings, k), rankings.relevant_counts)


class Precision(AccuracyMetric):
    """Share of the k places that hold a relevant item, also when the list is shorter than k."""

    name = "Precision"
    formula = "sum_{r<=k} h_r / k"
    source = "Elliot Precision; RecBole Precision"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): expected hits over k."""
        return _counted(_hits(rankings, k) / k, rankings)


class MAP(AccuracyMetric):
    """Average precision at the hits."""

    name = "MAP"
    formula = "sum_{r<=k} h_r (1/r) sum_{s<=r} h_s / min(k, |R_u|)"
    source = "RecBole MAP; Elliot's MAP is another measure (the mean of Precision@1..k)"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): expected average precision."""
        items = reached(rankings.ranks, k)
        inverse = running_sums(1.0 / np.arange(1, k + 1))
        last = np.minimum(items.above + items.tied, k)
        inside = inverse[last] - inverse[items.above]
        # An item at place r adds (1 + relevant items before it) / r. Those in better groups are all before it ...
        total = (1 + items.earlier) * inside / items.tied
        # ... and a fellow of its own group is at one of the r - above - 1 places before, out of tied - 1.
        others = np.flatnonzero(items.fellows > 1)
        above, tied = items.above[others], items.tied[others]
        before = (last[others] - above) - (above + 1) * inside[others]
        total[others] += (items.fellows[others] - 1) * before / (tied * (tied - 1))
        sums = np.bincount(items.queries, weights=total, minlength=rankings.n_queries)
        return _ratio(np.asarray(sums, dtype=np.float64), np.minimum(rankings.relevant_counts, k))


def _hits(rankings: Rankings, k: int) -> Floats:
    return query_sums(rankings, expected_weights(rankings.ranks, np.ones(k)))


def _counted(values: Floats, rankings: Rankings) -> Floats:
    return np.where(rankings.relevant_counts > 0, values, np.nan)


def _ratio(values: Floats, totals: npt.NDArray[np.integer] | Floats) -> Floats:
    """`values / totals`; NaN where the total is 0, which is where nothing is relevant."""
    with np.errstate(invalid="ignore"):
        return values / totals


def _ideal_gain(rankings: Rankings, k: int) -> Floats:
    """float64 (B,): the discounted gain of the best order of all relevant items."""
    ranks = rankings.ranks
    if (ranks.gains == 1.0).all():
        return running_sums(discounts(k))[np.minimum(rankings.relevant_counts, k)]
    order = np.lexsort((-ranks.gains, ranks.queries))
    ends = np.cumsum(rankings.relevant_counts)
    places = np.arange(len(order)) - (ends - rankings.relevant_counts)[ranks.queries]
    weights = np.append(discounts(k), 0.0)[np.minimum(places, k)]
    return query_sums(rankings, ranks.gains[order] * weights)
