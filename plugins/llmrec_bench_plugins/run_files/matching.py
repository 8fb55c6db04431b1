"""From the tokens of a run file to the codes of a data set."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench import BenchError
from llmrec_bench_plugins.run_files.forms import Form, Lines, line_of

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ScoredPairs:
    """M pairs of a user and an item with their scores, by user and item."""

    pairs: _Ints
    """int64 (M,), ascending: `user * I + item`, each once."""
    scores: npt.NDArray[np.float32]
    """float32 (M,)."""
    remarks: list[str]
    """What a reader has to know: lines left out, ranks that say something else than the scores."""


def match(path: Path, form: Form, lines: Lines, users: pd.Index, items: pd.Index, drop: bool) -> ScoredPairs:
    """The lines in codes; `users` and `items` are the tokens in code order, `drop` leaves out lines with others.

    Raises `BenchError`, naming the line, for a token of the file that is none of these, unless it is to be dropped;
    where no line is left; and for two lines of one user and item.
    """
    user, item = _codes(lines.users, users), _codes(lines.items, items)
    remarks = []
    rows = np.flatnonzero((user >= 0) & (item >= 0))
    if len(rows) < len(user):
        remarks.append(_left_out(path, form, lines, user, item, (users, items), drop))
    pairs = user[rows] * len(items) + item[rows]
    order = np.argsort(pairs, kind="stable")
    repeats = order[1:][pairs[order[1:]] == pairs[order[:-1]]]
    if len(repeats):
        second = repeats.min()
        first = np.flatnonzero(pairs == pairs[second])[0]
        earlier, later = (line_of(path, form, int(rows[place])) for place in (first, second))
        who, what = (column[int(rows[second])].as_py() for column in (lines.users, lines.items))
        raise BenchError(f"{path}: line {later}: user '{who}' has the item '{what}' already, on line {earlier}")
    if lines.ranks is not None:
        remarks += _against_ranks(user[rows], lines.ranks[rows], lines.scores[rows].astype(np.float32))
    return ScoredPairs(pairs[order], lines.scores[rows][order].astype(np.float32), remarks)


def _codes(column: Any, tokens: pd.Index) -> _Ints:
    """int64 (N,): the place of each token of a DictionaryArray among `tokens`, -1 where it is none of them."""
    places: _Ints = tokens.get_indexer(pd.Index(column.dictionary.to_pylist())).astype(np.int64)
    return places[column.indices.to_numpy()]


def _left_out(
    path: Path, form: Form, lines: Lines, user: _Ints, item: _Ints, known: tuple[pd.Index, pd.Index], drop: bool
) -> str:
    """How many lines have tokens that the data set lacks, and of how many users and items."""
    lacking = (user < 0) | (item < 0)
    users, items = (
        len(np.unique(column.indices.to_numpy()[codes < 0]))
        for column, codes in ((lines.users, user), (lines.items, item))
    )
    count = f"{lacking.sum():,} of {len(lacking):,} lines (unknown users: {users:,}, unknown items: {items:,})"
    if drop and not lacking.all():
        return f"left out {count}"
    row = int(np.argmax(lacking))
    kind, column = ("user", lines.users) if user[row] < 0 else ("item", lines.items)
    first = f"{path}: line {line_of(path, form, row)}: {kind} '{column[row].as_py()}' is not in the data set"
    if lacking.all():
        like = "(users like '{}', items like '{}')".format(*(tokens[0] for tokens in known))
        raise BenchError(f"{first}, and no line has both from there {like}")
    raise BenchError(f"{first}; `unknown: drop` would leave out {count}")


def _against_ranks(user: _Ints, ranks: npt.NDArray[np.float64], scores: npt.NDArray[np.float32]) -> list[str]:
    """What to know where scores give another order than the ranks beside them."""
    order = np.lexsort((ranks, user))
    within = np.flatnonzero(np.diff(user[order]) == 0)
    earlier, later = scores[order][within], scores[order][within + 1]
    rising, level = int((later > earlier).sum()), int((later == earlier).sum())
    if not rising + level:
        return []
    return [
        f"scores count, not ranks: of {len(within):,} steps down its lists {rising:,} lead to a higher score and "
        f"{level:,} to an equal one, a tie"
    ]
