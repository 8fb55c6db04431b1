"""Where relevant items land within a cut-off, in expectation over random orders of tied items."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmrec_bench.metrics.rankings import Rankings, Ranks

Floats = npt.NDArray[np.float64]


def discounts(k: int) -> Floats:
    """float64 (k,): d(r) = 1 / log2(r + 1) for r = 1..k."""
    return 1.0 / np.log2(np.arange(2, k + 2))


def running_sums(weights: Floats) -> Floats:
    """float64 (k + 1,): entry n is the sum of the first n weights."""
    return np.concatenate(([0.0], np.cumsum(weights)))


def expected_weights(ranks: Ranks, weights: Floats) -> Floats:
    """float64 (P,): the expected weight of each item's place; `weights` (k,) belong to places 1..k, later ones weigh 0.

    A tied item's place is uniform over its interval, so this is the mean weight over that interval. Sums over
    items need nothing else, however the members of a tie group depend on each other.
    """
    k = len(weights)
    first = np.minimum(ranks.above, k)
    if not ranks.has_ties:
        return np.append(weights, 0.0)[first]
    sums = running_sums(weights)
    last = np.minimum(ranks.above + ranks.tied, k)
    return np.asarray((sums[last] - sums[first]) / ranks.tied)


def query_sums(rankings: Rankings, values: Floats) -> Floats:
    """float64 (B,): the sum of each query's values, given one value a (query, relevant item) pair."""
    sums = np.bincount(rankings.ranks.queries, weights=values, minlength=rankings.n_queries)
    return np.asarray(sums, dtype=np.float64)


@dataclass(frozen=True)
class Reached:
    """The relevant items that may land within k, in the order (query, above): one entry each, N in all."""

    queries: npt.NDArray[np.int64]
    """int64 (N,), ascending."""
    above: npt.NDArray[np.int64]
    """int64 (N,), below k, ascending within a query."""
    tied: npt.NDArray[np.int64]
    """int64 (N,): size of the tie group."""
    within: npt.NDArray[np.int64]
    """int64 (N,): 0, 1, ... over the relevant items of one tie group."""
    fellows: npt.NDArray[np.int64]
    """int64 (N,): relevant items in the same tie group, the item included."""
    earlier: npt.NDArray[np.int64]
    """int64 (N,): relevant items of the same query in better tie groups."""
    firsts: npt.NDArray[np.int64]
    """int64 (Q,): the entry at which each query that has any begins."""


def reached(ranks: Ranks, k: int) -> Reached:
    """The relevant items that may land within k, with their tie groups.

    Raises `ValueError` where a tie group has fewer places than relevant items, for then no order exists.
    """
    entries = np.flatnonzero(ranks.above < k)
    queries, above = ranks.queries[entries], ranks.above[entries]
    if (queries[1:] == queries[:-1]).any():  # with one item a query they are in order already
        order = np.lexsort((above, queries))
        entries, queries, above = entries[order], queries[order], above[order]
    new_query = np.ones(len(entries), dtype=bool)
    new_query[1:] = queries[1:] != queries[:-1]
    new_group = new_query.copy()
    new_group[1:] |= above[1:] != above[:-1]
    positions = np.arange(len(entries))
    group_starts = np.flatnonzero(new_group)
    group = np.cumsum(new_group) - 1
    firsts = np.flatnonzero(new_query)
    tied = ranks.tied[entries]
    fellows = np.diff(np.append(group_starts, len(entries)))[group]
    crowded = np.flatnonzero(fellows > tied)
    if len(crowded):
        at = crowded[0]
        raise ValueError(
            f"query {queries[at]} has {fellows[at]} relevant items on {tied[at]} place(s) after rank {above[at]}"
        )
    return Reached(
        queries=queries,
        above=above,
        tied=tied,
        within=positions - group_starts[group],
        fellows=fellows,
        earlier=group_starts[group] - firsts[np.cumsum(new_query) - 1],
        firsts=firsts,
    )
