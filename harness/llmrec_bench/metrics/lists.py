"""From plain recommendation lists and relevant items to rankings that metrics can read."""

import numpy as np
import numpy.typing as npt

from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.metrics.rankings import UNRANKED, Popularity, Rankings, Ranks

_BLOCK_ENTRIES = 1 << 20  # list entries compared at a time, which bounds the memory of long relevant rows


def rank_lists(
    lists: npt.NDArray[np.integer],
    relevant: Sequences,
    popularity: Popularity,
    *,
    gains: npt.NDArray[np.floating] | None = None,
    offered: npt.NDArray[np.integer] | None = None,
) -> Rankings:
    """Rankings without ties: an item's rank is its place in the list.

    `lists` is int (B, K), best first, with PAD where there is nothing; K is at least the largest cut-off. An item
    that occurs again in a row is removed, as is PAD between items, and what follows moves up. `relevant` has B
    rows; an item that occurs again in a row counts once, with its largest gain. `gains` is float (N,), one per
    entry of `relevant`, above 0; 1 by default. `offered` is int (B,), the whole catalogue by default.

    Raises `ValueError` for a code outside 0..I-1 (PAD aside) or arrays whose lengths do not fit.
    """
    n_items = len(popularity.counts)
    if len(lists) != len(relevant):
        raise ValueError(f"{len(lists)} lists, but relevant items of {len(relevant)} queries")
    _check_codes(lists, PAD, n_items, "lists")
    _check_codes(relevant.items, 0, n_items, "relevant items")
    shown = without_repeats(np.ascontiguousarray(lists, dtype=np.int32))
    queries, items, pair_gains = distinct_pairs(relevant, gains)
    return Rankings(
        ranks=Ranks(
            queries=queries,
            items=items,
            above=_places(shown, queries, items),
            tied=np.ones(len(queries), dtype=np.int64),
            gains=pair_gains,
        ),
        lists=shown,
        offered=np.full(len(shown), n_items) if offered is None else np.asarray(offered, dtype=np.int64),
        popularity=popularity,
    )


def without_repeats(lists: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """int32 (B, K): each item at its first place only, gaps closed, PAD at the end; the input where nothing changes."""
    unclean = np.flatnonzero(_has_repeats_or_gaps(lists))
    if len(unclean) == 0:
        return lists
    rows = lists[unclean]
    order = np.argsort(rows, axis=1, kind="stable")  # equal items stay in their order, so the first place is first
    by_item = np.take_along_axis(rows, order, axis=1)
    first = by_item != PAD
    first[:, 1:] &= by_item[:, 1:] != by_item[:, :-1]
    keep = np.empty_like(first)
    np.put_along_axis(keep, order, first, axis=1)
    moved = np.argsort(~keep, axis=1, kind="stable")
    cleaned = lists.copy()
    cleaned[unclean] = np.take_along_axis(np.where(keep, rows, PAD), moved, axis=1)
    return cleaned


def distinct_pairs(
    relevant: Sequences, gains: npt.NDArray[np.floating] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Queries (int64), items (int32) and gains (float64), each (P,): every relevant item of a query once.

    Queries ascend. Of a repeated item the largest gain counts. Raises `ValueError` for gains that do not fit.
    """
    queries, items = relevant.rows(), relevant.items
    values = np.ones(len(items)) if gains is None else np.asarray(gains, dtype=np.float64)
    if len(values) != len(items):
        raise ValueError(f"{len(values)} gains for {len(items)} relevant items")
    if not (values > 0).all():
        raise ValueError("the gain of a relevant item is above 0")
    if len(relevant) == 0 or relevant.lengths.max() < 2:
        return queries, items, values
    order = np.lexsort((-values, items, queries))
    queries, items, values = queries[order], items[order], values[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (queries[1:] != queries[:-1]) | (items[1:] != items[:-1])
    return queries[first], items[first], values[first]


def _check_codes(codes: npt.NDArray[np.integer], lowest: int, n_items: int, what: str) -> None:
    if codes.size and (codes.min() < lowest or codes.max() >= n_items):
        raise ValueError(f"{what} hold codes {codes.min()}..{codes.max()}; the catalogue has 0..{n_items - 1}")


def _has_repeats_or_gaps(lists: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """bool (B,): rows that hold an item twice, or PAD before an item."""
    by_item = np.sort(lists, axis=1)
    repeats = ((by_item[:, 1:] == by_item[:, :-1]) & (by_item[:, 1:] != PAD)).any(axis=1)
    gaps = ((lists[:, 1:] != PAD) & (lists[:, :-1] == PAD)).any(axis=1)
    return np.asarray(repeats | gaps)


def _places(
    lists: npt.NDArray[np.int32], queries: npt.NDArray[np.int64], items: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """int64 (P,): how many items stand above each relevant item in its list, UNRANKED where it is in none."""
    above = np.full(len(queries), UNRANKED, dtype=np.int64)
    width = lists.shape[1]
    if width == 0:
        return above
    step = max(_BLOCK_ENTRIES // width, 1)
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        found = lists[queries[block]] == items[block, None]
        place = found.argmax(axis=1)
        hit = found[np.arange(len(place)), place]
        above[block][hit] = place[hit]
    return above
