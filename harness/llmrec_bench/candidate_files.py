"""Candidate files: a user token and item tokens on each line, or the places of items among those left over."""

import gzip
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.data.sequences import PAD, Sequences, distinct
from llmrec_bench.data.training import Queries
from llmrec_bench.errors import BenchError
from llmrec_bench.protocol import CandidateFile, CandidatePlaces

Line = tuple[int, str, list[str]]
"""Its number, a user token and item tokens."""


def read_candidates(
    rule: CandidateFile, users: pd.Index, items: Iterable[object], queries: Queries, targets: Sequences
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Query rows in ascending order, int64 (F,), and their candidates, int32 (F, C), `PAD` at the end.

    `users` and `items` are the tokens in code order; `queries` and `targets` are those of the test.
    Raises `BenchError`, naming the line, for a token the data set does not have, unless it is to be dropped; for a user
    without test events, a user with two lines, and a line without items, or with none left.
    """
    lines = _read_lines(rule)
    known_users, known = pd.Index([str(token) for token in users]), pd.Index([str(token) for token in items])
    if rule.unknown == "drop":
        lines = _of_the_data_set(rule, lines, known_users, known)
    numbers, user_tokens, listed = zip(*lines, strict=True)
    item_tokens = [tokens[: rule.first] for tokens in listed]
    lengths = np.array([len(tokens) for tokens in item_tokens])
    line = np.repeat(np.arange(len(lengths)), lengths)
    codes = known.get_indexer(pd.Index([token for tokens in item_tokens for token in tokens]))
    if (codes < 0).any():
        first = int(np.argmax(codes < 0))
        token = item_tokens[line[first]][first - int(lengths[: line[first]].sum())]
        raise BenchError(f"{rule.path}:{numbers[line[first]]}: item '{token}' is not in the data set")
    rows = _query_rows(rule, numbers, user_tokens, known_users, queries)
    pairs = rows[line] * len(known) + codes
    if rule.add_target:
        offered = np.isin(targets.rows(), rows)
        pairs = np.concatenate((pairs, targets.rows()[offered] * len(known) + targets.items[offered]))
    row, item = np.divmod(distinct(pairs), len(known))
    order, counts = np.unique(row, return_counts=True)
    candidates = np.full((len(order), counts.max()), PAD, dtype=np.int32)
    candidates[np.arange(counts.max()) < counts[:, None]] = item
    return order, candidates


def read_places(
    rule: CandidatePlaces, n_users: int, n_items: int, queries: Queries, targets: Sequences
) -> npt.NDArray[np.int32]:
    """int32 (B, C): the candidates of each query, `PAD` at the end; `queries` and `targets` are those of the test.

    Raises `BenchError`, naming the line, for a file that is not for these users, and for an entry that is no place.
    """
    try:
        lines = rule.path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{rule.path}: cannot read the candidates: {error}") from None
    if len(lines) != n_users:
        raise BenchError(f"{rule.path}: has {len(lines):,} lines, and the data set {n_users:,} users; it is for others")
    rows = []
    for query, user in enumerate(queries.users):
        target = targets[query]
        left = np.setdiff1d(np.arange(n_items), np.concatenate((queries.histories[query], target)))
        entries = lines[user].split(",")
        for entry in entries:
            fault = "the user has no single test item" if entry == "t" and len(target) != 1 else None
            if entry != "t" and not (entry.isdecimal() and int(entry) < len(left)):
                fault = f"it should be t or a number below {len(left):,}"
            if fault is not None:
                raise BenchError(f"{rule.path}:{user + 1}: place '{entry}' cannot be read: {fault}")
        rows.append([int(target[0]) if entry == "t" else int(left[int(entry)]) for entry in entries])
    candidates = np.full((len(rows), max(map(len, rows), default=0)), PAD, dtype=np.int32)
    for query, row in enumerate(rows):
        candidates[query, : len(row)] = row
    return candidates


def _read_lines(rule: CandidateFile) -> list[Line]:
    """The lines that are not blank."""
    open_file = gzip.open if rule.path.suffix == ".gz" else open
    try:
        with open_file(rule.path, "rt", encoding="utf-8") as file:
            lines = [(number, line.split()) for number, line in enumerate(file, start=1) if line.strip()]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise BenchError(f"{rule.path}: cannot read the candidates: {error}") from None
    if not lines:
        raise BenchError(f"{rule.path}: no candidates in it; expected a user and item tokens on each line")
    for number, tokens in lines:
        if len(tokens) < 2:
            raise BenchError(f"{rule.path}:{number}: user '{tokens[0]}' has no candidates")
    return [(number, tokens[0], tokens[1:]) for number, tokens in lines]


def _of_the_data_set(rule: CandidateFile, lines: list[Line], users: pd.Index, items: pd.Index) -> list[Line]:
    """The lines of known users, with their known items."""
    known_users, known = frozenset(users), frozenset(items)
    left = [
        (number, user, [token for token in tokens if token in known])
        for number, user, tokens in lines
        if user in known_users
    ]
    if not left:
        likes = f"users like '{users[0]}'"
        raise BenchError(f"{rule.path}: none of its users (like '{lines[0][1]}') is in the data set ({likes})")
    for number, user, tokens in left:
        if not tokens:
            likes = f"items like '{items[0]}'"
            raise BenchError(f"{rule.path}:{number}: no candidate of user '{user}' is in the data set ({likes})")
    return left


def _query_rows(
    rule: CandidateFile, numbers: Sequence[int], tokens: Sequence[str], users: pd.Index, queries: Queries
) -> npt.NDArray[np.int64]:
    """int64: the query row of each line's user."""
    codes = users.get_indexer(pd.Index(tokens))
    row_of_user = np.full(len(users), -1, dtype=np.int64)
    row_of_user[queries.users] = np.arange(len(queries))
    for wrong, reason in (
        (codes < 0, "is not in the data set"),
        (row_of_user[codes] < 0, "has no test events under this split"),
        (pd.Index(tokens).duplicated(), "has a line already"),
    ):
        if wrong.any():
            line = int(np.argmax(wrong))
            raise BenchError(f"{rule.path}:{numbers[line]}: user '{tokens[line]}' {reason}")
    return row_of_user[codes]
