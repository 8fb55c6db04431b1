"""Candidate sets: what each query may choose from, drawn once, stored, and shared by every method."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from llmrec_bench.candidate_files import read_candidates, read_places
from llmrec_bench.data.dataset import Dataset
from llmrec_bench.data.sequences import PAD, Sequences, distinct
from llmrec_bench.data.splits import Split
from llmrec_bench.data.training import Queries
from llmrec_bench.errors import BenchError
from llmrec_bench.protocol import CandidateFile, CandidatePlaces, FullCatalogue, Protocol, Sampled

Purpose = Literal["validation", "test"]
Items = npt.NDArray[np.int32]
Draw = Callable[[int], npt.NDArray[np.integer]]

_DRAW_VERSION = "2"
"""Raised when the same options would draw other candidates."""
_CELLS = 2**26
"""Cells of the largest (users, I) table made while drawing: 64 MB of bool."""
_ROUNDS = 12
"""Rounds of drawing and rejecting before the rest is drawn by a slower way that always ends."""


@dataclass(frozen=True)
class Offer:
    """The queries of one part of a split, ready for methods, and what only the harness knows about them."""

    queries: Queries
    """With candidates, or with None where the full catalogue is ranked."""
    targets: Sequences
    """One row per query."""
    hash: str
    """sha256 of the candidates, 16 hex digits; `full` where they are all items."""


def offer(dataset: Dataset, split: Split, protocol: Protocol, purpose: Purpose, seed: int, folder: Path) -> Offer:
    """The validation or test queries with the candidates of `protocol`.

    Sampled candidates come from `folder` if an earlier trial with the same data, split, options and seed left
    them there, and are left there otherwise. Raises `BenchError` where the protocol asks for more negatives than
    there are, for a longer list than there are candidates, or for a candidate file that does not fit the data.
    """
    rule = protocol.candidates
    queries, targets = split.test, split.test_targets
    if purpose == "validation":
        queries, targets = split.validation, split.validation_targets
        rule = FullCatalogue() if isinstance(rule, CandidateFile | CandidatePlaces) else rule
    if isinstance(rule, FullCatalogue):
        protocol.require_candidates(dataset.n_items)
        return Offer(queries, targets, rule.kind)
    if isinstance(rule, Sampled):
        seed = seed if rule.seed is None else rule.seed
        rng = generator(seed, purpose)
        options = (protocol.split.model_dump_json(), rule.model_dump_json(exclude={"seed"}))
        identity = "\n".join((_DRAW_VERSION, dataset.fingerprint, *options, purpose, str(seed)))
        path = folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}-{purpose}.npy"
        candidates = _stored(
            path, len(queries), lambda: draw(rule, queries, targets, split.train, dataset.n_items, rng)
        )
    else:
        rows, listed = _listed(rule, dataset, queries, targets)
        queries, targets = queries.take(rows), targets.take(rows)
        candidates = shuffle_rows(listed, generator(seed, purpose))
    protocol.require_candidates(candidates.shape[1])
    return Offer(replace(queries, candidates=candidates), targets, candidates_hash(candidates))


def check_candidates(dataset: Dataset, split: Split, protocol: Protocol) -> None:
    """Raises the `BenchError` that `offer` would raise for these data, without drawing anything."""
    rule = protocol.candidates
    if isinstance(rule, FullCatalogue):
        protocol.require_candidates(dataset.n_items)
    elif isinstance(rule, Sampled):
        drawable = np.ones(dataset.n_items, dtype=np.bool_)
        if rule.by == "popularity":
            drawable = np.bincount(split.train.items, minlength=dataset.n_items) > 0
        # The test first: its users have more items that may not be drawn, so the n it names fits both.
        parts = ((split.test, split.test_targets), (split.validation, split.validation_targets))
        for queries, targets in parts:
            _require_enough(rule, _forbidden(rule, queries, targets, split.train), drawable, queries)
    else:
        _, listed = _listed(rule, dataset, split.test, split.test_targets)
        protocol.require_candidates(listed.shape[1])


def _listed(
    rule: CandidateFile | CandidatePlaces, dataset: Dataset, queries: Queries, targets: Sequences
) -> tuple[npt.NDArray[np.int64], Items]:
    """The query rows that a file has candidates for, and these."""
    if isinstance(rule, CandidatePlaces):
        return np.arange(len(queries)), read_places(rule, dataset.n_users, dataset.n_items, queries, targets)
    return read_candidates(rule, dataset.users, dataset.items["token"], queries, targets)


def generator(seed: int, purpose: Purpose) -> np.random.Generator:
    """The source of chance for one part of a split; the same in every process."""
    # Not 0: numpy seeds [seed, 0] as it does [seed], which is the generator that `Run.rng` hands to methods.
    return np.random.default_rng([seed, {"test": 1, "validation": 2}[purpose]])


def candidates_hash(candidates: Items) -> str:
    """sha256 of shape and content, 16 hex digits."""
    digest = hashlib.sha256(str(candidates.shape).encode())
    digest.update(np.ascontiguousarray(candidates, dtype="<i4").tobytes())
    return digest.hexdigest()[:16]


def draw(
    rule: Sampled,
    queries: Queries,
    targets: Sequences,
    train: Sequences,
    n_items: int,
    rng: np.random.Generator,
) -> Items:
    """int32 (B, C): each query's targets and `rule.n` negatives in a shuffled order, `PAD` at the end.

    `train` holds U rows, indexed by `queries.users`. C is n + the most targets of a query.
    Raises `BenchError` where a user leaves fewer than n items to draw from.
    """
    forbidden = _forbidden(rule, queries, targets, train)
    weights = np.ones(n_items)
    if rule.by == "popularity":
        weights = np.bincount(train.items, minlength=n_items).astype(np.float64)
    drawable = weights > 0
    _require_enough(rule, forbidden, drawable, queries)
    cumulative = np.cumsum(weights) / weights.sum()

    def draw_items(size: int) -> npt.NDArray[np.integer]:
        if rule.by == "popularity":
            return np.searchsorted(cumulative, rng.random(size), side="right")
        return rng.integers(n_items, size=size)

    negatives = np.empty((len(queries), rule.n), dtype=np.int32)
    step = max(1, _CELLS // n_items)
    for start in range(0, len(queries), step):
        rows = np.arange(start, min(start + step, len(queries)))
        block = forbidden.take(rows)
        taken = np.zeros((len(rows), n_items), dtype=np.bool_)
        taken[block.rows(), block.items] = True
        if rule.mode == "sasrec":
            negatives[rows] = _with_replacement(taken, rule.n, draw_items)
        else:
            taken[:, ~drawable] = True
            negatives[rows] = _without_replacement(taken, rule.n, draw_items, weights, rng)

    row, item = np.divmod(targets.pairs(n_items), n_items)
    counts = np.bincount(row, minlength=len(queries))
    candidates = np.full((len(queries), rule.n + counts.max(initial=0)), PAD, dtype=np.int32)
    candidates[:, : rule.n] = negatives
    candidates[row, rule.n + _places(row, counts)] = item
    return shuffle_rows(candidates, rng)


def shuffle_rows(candidates: Items, rng: np.random.Generator) -> Items:
    """The same rows, each in an order of its own, `PAD` moved to the end."""
    keys = rng.random(candidates.shape)
    keys[candidates == PAD] = 2
    return np.take_along_axis(candidates, np.argsort(keys, axis=1), axis=1)


def _forbidden(rule: Sampled, queries: Queries, targets: Sequences, train: Sequences) -> Sequences:
    """What may not be drawn, one row per query.

    Nothing later than the targets counts: validation candidates that avoided the test target would tell which items
    it is not.
    """
    if rule.mode == "sasrec":
        return train.take(queries.users)
    histories = queries.histories
    rows = np.concatenate((histories.rows(), targets.rows()))
    items = np.concatenate((histories.items, targets.items))
    return Sequences(histories.offsets + targets.offsets, items[np.argsort(rows, kind="stable")])


def _require_enough(rule: Sampled, forbidden: Sequences, drawable: npt.NDArray[np.bool_], queries: Queries) -> None:
    n_items = len(drawable)
    pairs = forbidden.pairs(n_items)
    pairs = pairs[drawable[pairs % n_items]]
    n_drawable = int(drawable.sum())
    left = n_drawable - np.bincount(pairs // n_items, minlength=len(queries))
    needed = rule.n if rule.mode == "strict" else 1
    if len(queries) and left.min() < needed:
        worst = int(left.argmin())
        raise BenchError(
            f"candidates: cannot draw {rule.n} negatives ({rule.by}, {rule.mode}) for the user with code "
            f"{queries.users[worst]}, who leaves {left[worst]} of {n_drawable} items to draw from; "
            + (f"use n up to {left[worst]}" if left[worst] else "rank the full catalogue, or filter such users")
        )


def _with_replacement(taken: npt.NDArray[np.bool_], n: int, draw_items: Draw) -> Items:
    """int32 (b, n): independent draws, redrawn while `taken` (bool (b, I)) of their row."""
    chosen = draw_items(len(taken) * n).astype(np.int32).reshape(len(taken), n)
    while True:
        rows, columns = np.nonzero(np.take_along_axis(taken, chosen, axis=1))
        if not len(rows):
            return chosen
        chosen[rows, columns] = draw_items(len(rows))


def _without_replacement(
    taken: npt.NDArray[np.bool_],
    n: int,
    draw_items: Draw,
    weights: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> Items:
    """int32 (b, n): n different items a row, none `taken` (bool (b, I), which is filled up on the way)."""
    chosen = np.empty((len(taken), n), dtype=np.int32)
    filled = np.zeros(len(taken), dtype=np.int64)
    for _ in range(_ROUNDS):
        # As many draws as are missing: never too many, so none has to be dropped by a rule that favours some.
        rows = np.repeat(np.arange(len(taken)), n - filled)
        if not len(rows):
            return chosen
        items = draw_items(len(rows))
        free = ~taken[rows, items]
        pairs = distinct(rows[free] * len(weights) + items[free])
        rows, items = np.divmod(pairs, len(weights))
        counts = np.bincount(rows, minlength=len(taken))
        chosen[rows, filled[rows] + _places(rows, counts)] = items
        taken[rows, items] = True
        filled += counts
    # The smallest of exponential draws divided by the weights come out as if drawn one by one without replacement
    # (Efraimidis and Spirakis, 2006); slower, but it ends however little is left to draw.
    unfinished = np.flatnonzero(filled < n)
    for row in unfinished:
        keys = np.full(len(weights), np.inf)
        left = ~taken[row]
        keys[left] = rng.standard_exponential(int(left.sum())) / weights[left]
        chosen[row, filled[row] :] = np.argsort(keys)[: n - filled[row]]
    return chosen


def _places(rows: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64: the position of each entry inside its row, for ascending `rows` with `counts` entries each."""
    return np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]


def _stored(path: Path, n_queries: int, draw_candidates: Callable[[], Items]) -> Items:
    """The array at `path`, or a new one, left there for the next trial."""
    if path.exists():
        try:
            stored = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            stored = None
        if not (isinstance(stored, np.ndarray) and stored.dtype == np.int32 and stored.shape[:1] == (n_queries,)):
            raise BenchError(f"{path}: the stored candidates are damaged; delete the file to draw them again")
        return stored
    candidates = draw_candidates()
    # Two workers may draw at once: both write the same bytes aside, and the last rename wins.
    aside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".aside", delete=False) as file:
            aside = Path(file.name)
            np.save(file, candidates, allow_pickle=False)
        os.replace(aside, path)
    except OSError as error:
        if aside is not None:
            aside.unlink(missing_ok=True)
        raise BenchError(f"{path}: cannot store the candidates: {error.strerror}") from None
    return candidates
