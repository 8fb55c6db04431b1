"""Which task each batch takes how many examples from."""

from collections.abc import Iterator, Mapping
from itertools import cycle, islice
from typing import Literal

import numpy as np
import numpy.typing as npt

Batching = Literal["alternating", "mixed", "pooled"]
EpochBy = Literal["tasks", "examples", "explanation"]


def epoch_plan(
    ratio: Mapping[str, int],
    sizes: Mapping[str, int],
    batch_size: int,
    batching: Literal["alternating", "mixed"],
    epoch_by: EpochBy,
) -> Iterator[dict[str, int]]:
    """The batches of an epoch: examples by task. `sizes` is how much one pass of each task is.

    `alternating`: a batch has one task, and tasks take turns, `ratio` batches each. `mixed`: every batch is shared in
    that ratio. The epoch is over once every task has gone over all it has (by `tasks`; the smaller ones begin anew),
    after as many batches as all examples of all tasks fill (by `examples`), or once another turn would show a review
    again (by `explanation`).
    """
    if batching == "alternating":
        turn = [{task: batch_size} for task, share in ratio.items() for _ in range(share)]
        counts = {task: batch_size * share for task, share in ratio.items()}
    else:
        counts = shares(ratio, batch_size)
        turn = [counts]
    if epoch_by == "tasks":
        n_batches = len(turn) * max(-(-sizes[task] // count) for task, count in counts.items())
    elif epoch_by == "examples":
        n_batches = sum(-(-sizes[task] // batch_size) for task in ratio)
    else:
        n_batches = len(turn) * max(1, sizes["explanation"] // counts["explanation"])
    yield from (dict(batch) for batch in islice(cycle(turn), n_batches))


def pooled_plan(
    ratio: Mapping[str, int], sizes: Mapping[str, int], batch_size: int, rng: np.random.Generator
) -> Iterator[dict[str, int]]:
    """The batches of an epoch that goes over all that a task has `ratio` times, all tasks shuffled together; the last
    batch may be smaller."""
    names = list(ratio)
    pool = rng.permutation(np.repeat(np.arange(len(names)), [ratio[task] * sizes[task] for task in names]))
    for start in range(0, len(pool), batch_size):
        drawn = np.bincount(pool[start : start + batch_size], minlength=len(names)).tolist()
        yield {task: count for task, count in zip(names, drawn, strict=True) if count}


def shares(ratio: Mapping[str, int], batch_size: int) -> dict[str, int]:
    """The examples of each task in a mixed batch: as near to the ratio as whole numbers come, at least one each."""
    exact = {task: batch_size * share / sum(ratio.values()) for task, share in ratio.items()}
    counts = {task: max(1, int(share)) for task, share in exact.items()}
    by_rest = sorted(exact, key=lambda task: int(exact[task]) - exact[task])
    for task in by_rest[: max(0, batch_size - sum(counts.values()))]:
        counts[task] += 1
    return counts


class Passes:
    """Shuffled passes over a task's sources, one after the other without end."""

    def __init__(self, sources: npt.NDArray[np.int64], rng: np.random.Generator) -> None:
        self._sources, self._rng = sources, rng
        self._left = sources[:0]

    def take(self, count: int) -> npt.NDArray[np.int64]:
        """int64 (count,): the next ones."""
        parts, missing = [], count
        while missing > 0:
            if not len(self._left):
                self._left = self._rng.permutation(self._sources)
            parts.append(self._left[:missing])
            self._left = self._left[missing:]
            missing -= len(parts[-1])
        return np.concatenate(parts)
