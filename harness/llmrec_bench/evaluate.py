"""Scores to rankings: blocks of queries, checks, seen items, ties, and the lists a user would have been shown."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.data.training import Queries
from llmrec_bench.errors import BenchError
from llmrec_bench.method import Scores
from llmrec_bench.metrics.rankings import UNRANKED, Popularity, Rankings, Ranks
from llmrec_bench.protocol import Protocol
from llmrec_bench.tie_order import TieOrder

BLOCK_BYTES = 64 * 2**20
"""float32 scores asked of a method at once."""
_BLOCK_QUERIES = 4096
"""Queries asked of a method at once where candidates are few: a method encodes a history for each."""
_CHUNK_CELLS = 2**18
"""Scores ranked at once: 1 MB, so that the passes over them stay in the processor's cache."""

_Floats = npt.NDArray[np.float32]
_Ints = npt.NDArray[np.int64]
_Codes = npt.NDArray[np.int32]


def rank(
    scores_of: Callable[[Queries], Scores],
    queries: Queries,
    targets: Sequences,
    protocol: Protocol,
    popularity: Popularity,
    seed: int,
    method_name: str,
) -> Rankings:
    """Where each target landed, and the top lists; K is the largest cut-off of `protocol`.

    `targets` has one row per query; an item that stands in it twice is one relevant item. Scores are compared as
    float32. NaN means not ranked: such a candidate is in no list, and such a target is a miss at every cut-off,
    even where the list has room. So is a target that is not among the candidates. A query's other targets are
    ordinary competitors. A candidate that stands in several columns competes in each of them and is listed once;
    a target among such candidates is one of its columns, drawn by the seed.
    Raises `BenchError` naming the method for scores of a wrong shape or type and for infinities, and where K is
    larger than the number of candidates.
    """
    n_items = len(popularity.counts)
    width = n_items if queries.candidates is None else queries.candidates.shape[1]
    protocol.require_candidates(width)
    relevant = targets.pairs(n_items)
    rows, items = np.divmod(relevant, n_items)
    seen = np.array([], dtype=np.int64)
    if protocol.seen != "none":
        seen = np.setdiff1d(queries.histories.pairs(n_items), relevant, assume_unique=True)
    above = np.full(len(rows), UNRANKED, dtype=np.int64)
    tied = np.ones(len(rows), dtype=np.int64)
    lists = np.full((len(queries), protocol.cutoffs[-1]), PAD, dtype=np.int32)
    offered = np.full(len(queries), width, dtype=np.int64)

    step = max(1, _CHUNK_CELLS // width)
    # A buffer of our own, for a method may keep what it returned; it is padded to full groups of columns.
    groups = _groups(width, lists.shape[1])
    buffer = np.full((min(step, len(queries)), -(-width // groups) * groups), -np.inf, dtype=np.float32)
    for block_start, block in _blocks(scores_of, queries, width, method_name):
        for start in range(0, len(block), step):
            first = block_start + start
            last = first + len(block[start : start + step])
            values = buffer[: last - first]
            candidates = None if queries.candidates is None else queries.candidates[first:last]
            bad = _load(values[:, :width], block[start : start + step], candidates)
            if bad is not None:
                raise BenchError(
                    f"method '{method_name}': score() returned an infinity (or a number too large for float32) for "
                    f"query {first + bad} (user code {queries.users[first + bad]}); use NaN for what it cannot score"
                )
            if candidates is not None:
                offered[first:last] -= (candidates == PAD).sum(axis=1)
            cells = _seen_cells(seen, first, last, n_items, candidates)
            if protocol.seen == "mask":
                values[cells] = -np.inf
                offered[first:last] -= np.bincount(cells[0], minlength=last - first)
            else:
                values[cells] = np.where(values[cells] > -np.inf, 0, -np.inf)
            order = TieOrder(seed, queries.users[first:last])
            pairs = slice(*np.searchsorted(rows, (first, last)))
            above[pairs], tied[pairs] = _ranks(
                values, rows[pairs] - first, items[pairs], candidates, protocol.ties, order
            )
            if candidates is not None:
                _drop_repeats(values, candidates)
            _fill_lists(lists[first:last], values, candidates, groups, order)
    gains = np.ones(len(rows))
    ranks = Ranks(queries=rows, items=items.astype(np.int32), above=above, tied=tied, gains=gains)
    return Rankings(ranks=ranks, lists=lists, offered=offered, popularity=popularity)


def _blocks(
    scores_of: Callable[[Queries], Scores], queries: Queries, width: int, method_name: str
) -> Iterator[tuple[int, npt.NDArray[np.generic]]]:
    """First query and scores (b, C) of each block, their shape and type checked."""
    size = max(1, min(_BLOCK_QUERIES, BLOCK_BYTES // (4 * width)))
    for start in range(0, len(queries), size):
        block = queries.take(np.arange(start, min(start + size, len(queries))))
        scores: object = scores_of(block)
        where = f"method '{method_name}': for queries {start} to {start + len(block) - 1} score() returned"
        if not isinstance(scores, np.ndarray) or scores.dtype.kind not in "biuf":
            given = f"dtype {scores.dtype}" if isinstance(scores, np.ndarray) else f"a {type(scores).__name__}"
            raise BenchError(f"{where} {given}; expected a numpy array of float32")
        if scores.shape != (len(block), width):
            raise BenchError(f"{where} shape {scores.shape}; expected {(len(block), width)} (queries, candidates)")
        yield start, scores


def _load(values: _Floats, scores: npt.NDArray[np.generic], candidates: _Codes | None) -> int | None:
    """Fill `values` with `scores`, -inf for NaN and padding; the first row with an infinity, if there is one."""
    with np.errstate(over="ignore"):
        values[:] = scores
    padding = None if candidates is None else candidates == PAD
    if padding is not None:
        values[padding] = 0
    low, high = values.min(), values.max()  # both NaN if a single score is
    if not (np.isfinite(low) and np.isfinite(high)):
        infinite = np.isinf(values).any(axis=1)
        if infinite.any():
            return int(infinite.argmax())
        values[np.isnan(values)] = -np.inf
    if padding is not None:
        values[padding] = -np.inf
    return None


def _seen_cells(seen: _Ints, first: int, last: int, n_items: int, candidates: _Codes | None) -> tuple[_Ints, _Ints]:
    """Rows and columns of the candidates that `seen` (ascending query * I + item) lists for these queries."""
    here = seen[slice(*np.searchsorted(seen, (first * n_items, last * n_items)))] - first * n_items
    if candidates is None:
        rows, columns = np.divmod(here, n_items)
    else:
        codes = np.arange(last - first)[:, None] * n_items + candidates
        is_seen = np.append(here, -1)[np.searchsorted(here, codes)] == codes
        rows, columns = np.nonzero(is_seen & (candidates != PAD))
    return rows, columns


def _ranks(
    values: _Floats, rows: _Ints, items: _Ints, candidates: _Codes | None, ties: str, order: TieOrder
) -> tuple[_Ints, _Ints]:
    """`above` and `tied` of each (row, item), rows ascending."""
    above = np.full(len(rows), UNRANKED, dtype=np.int64)
    tied = np.ones(len(rows), dtype=np.int64)
    turn = np.arange(len(rows)) - np.searchsorted(rows, rows)
    for i in range(turn.max(initial=-1) + 1):
        # The i-th target of every query that has so many; usually all queries, then nothing is copied.
        pairs = np.flatnonzero(turn == i)
        row, item = rows[pairs], items[pairs]
        some = values if len(row) == len(values) else values[row]
        if candidates is None:
            own = some[np.arange(len(row)), item]
        else:
            column = _target_columns(candidates[row] == item[:, None], order.keys(row, item))
            own = np.where(column >= 0, some[np.arange(len(row)), column], -np.inf)
        greater, equal = _count(some > own[:, None]), _count(some == own[:, None])
        if ties == "pessimistic":
            greater, equal = greater + equal - 1, np.ones_like(equal)
        elif ties == "seeded":
            for_ties = np.flatnonzero(equal > 1)
            greater[for_ties] += _drawn_place(
                some[for_ties] == own[for_ties, None],
                row[for_ties],
                item[for_ties],
                None if candidates is None else candidates[row[for_ties]],
                order,
            )
            equal = np.ones_like(equal)
        ranked = own > -np.inf
        above[pairs[ranked]], tied[pairs[ranked]] = greater[ranked], equal[ranked]
    if ties == "pessimistic":
        above -= _before_in_group(rows, above)
    return above, tied


def _before_in_group(rows: _Ints, above: _Ints) -> _Ints:
    """int64 (p,): how many earlier targets of the same row share the place; m targets take a tie's last m places."""
    order = np.lexsort((above, rows))
    starts = np.ones(len(order), dtype=np.bool_)
    starts[1:] = (np.diff(rows[order]) != 0) | (np.diff(above[order]) != 0)
    positions = np.arange(len(order))
    before = np.empty_like(positions)
    before[order] = positions - np.maximum.accumulate(np.where(starts, positions, 0))
    before[above == UNRANKED] = 0
    return before


def _target_columns(here: npt.NDArray[np.bool_], keys: npt.NDArray[np.uint32]) -> _Ints:
    """int64 (p,): the column of each target that is `here` (bool (p, C)), one of them drawn by its key, or -1."""
    copies = here.sum(axis=1)
    # A fixed one, say the first, would reward a method whose scores follow the order of the columns.
    drawn = (keys / 2**32 * copies).astype(np.int64)
    columns = (here.cumsum(axis=1) > drawn[:, None]).argmax(axis=1)
    return np.where(copies > 0, columns, -1)


def _drawn_place(
    equal: npt.NDArray[np.bool_], rows: _Ints, items: _Ints, candidates: _Codes | None, order: TieOrder
) -> _Ints:
    """int64 (p,): how many of the `equal` columns (bool (p, W)) come before each item in the seeded order."""
    own = order.keys(rows, items)
    width = equal.shape[1] if candidates is None else candidates.shape[1]
    columns = np.arange(width) if candidates is None else candidates
    before = equal[:, :width] & (order.keys(rows[:, None], columns) < own[:, None])
    places = before.sum(axis=1)
    if candidates is not None:
        # Among its own copies the target's column is any of them.
        copies = (equal[:, :width] & (candidates == items[:, None])).sum(axis=1)
        places += (own / 2**32 * copies).astype(np.int64)
    return places


def _drop_repeats(values: _Floats, candidates: _Codes) -> None:
    """Set -inf in every column whose item stands in an earlier column of the same row."""
    ordered = np.sort(candidates, axis=1)
    rows = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    by_item = np.argsort(candidates[rows], axis=1, kind="stable")
    ordered = np.take_along_axis(candidates[rows], by_item, axis=1)
    row, place = np.nonzero(ordered[:, 1:] == ordered[:, :-1])
    values[rows[row], by_item[row, place + 1]] = -np.inf


def _fill_lists(lists: _Codes, values: _Floats, candidates: _Codes | None, groups: int, order: TieOrder) -> None:
    """Write the best items of each row into `lists` (b, K), equal scores in the seeded order.

    `groups` is at least K and divides the width of `values`.
    """
    length, width = lists.shape[1], values.shape[1]
    # The K-th best of the best of each group cannot beat the K-th best of all, and few scores lie between the two.
    best = values.reshape(len(values), -1, groups).max(axis=1)
    bound = np.partition(best, groups - length, axis=1)[:, groups - length, None]
    # What is not ranked stays out even where the list has room.
    short = values >= np.maximum(bound, np.finfo(np.float32).min)
    crowded = np.flatnonzero(_count(short) > 4 * length)
    if len(crowded):
        # Many equal scores, mostly: only the first K in the seeded order are worth sorting.
        columns = np.arange(width) if candidates is None else _padded(candidates[crowded], width)
        keys = _descending(values[crowded], order.keys(crowded[:, None], columns))
        last = np.partition(keys, length - 1, axis=1)[:, length - 1, None]
        short[crowded] &= keys <= last
    row, column = np.divmod(np.flatnonzero(short), width)
    item = column if candidates is None else candidates[row, column]
    ranked = np.lexsort((_descending(values[row, column], order.keys(row, item)), row))
    place = np.arange(len(row)) - np.searchsorted(row, row)
    listed = place < length
    lists[row[listed], place[listed]] = item[ranked[listed]]


def _groups(width: int, length: int) -> int:
    """How many interleaved groups the columns of a row form; a multiple of 8, at least `length`."""
    size = max(1, width // max(256, 8 * length))
    return 8 * -(-width // (8 * size))


def _descending(values: _Floats, keys: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """Numbers that sort by falling value, then by rising key."""
    bits = (values + np.float32(0)).view(np.uint32)  # + 0 makes -0 and 0 the same
    falling = np.where(bits >> 31 == 1, bits, ~bits & np.uint32(0x7FFFFFFF))
    return (falling.astype(np.uint64) << np.uint64(32)) | keys


def _padded(candidates: _Codes, width: int) -> _Codes:
    return np.pad(candidates, ((0, 0), (0, width - candidates.shape[1])), constant_values=PAD)


def _count(cells: npt.NDArray[np.bool_]) -> _Ints:
    """int64 (b,): how many cells of each row hold; the rows are a multiple of 8 long."""
    eights: npt.NDArray[np.uint8] = np.bitwise_count(cells.view(np.uint64))
    return eights.sum(axis=1, dtype=np.int64)
