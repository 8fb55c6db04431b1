"""Item sequences in compressed sparse row form: no Python object per interaction."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PAD = -1
"""The item code that stands for `no item` in padded arrays."""


def distinct(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The different ones among `numbers`, ascending. Since numpy 2.3 `np.unique` hashes: 100 times slower here."""
    ordered = np.sort(numbers)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered


@dataclass(frozen=True)
class Sequences:
    """Rows of item codes, oldest first; row r is `items[offsets[r]:offsets[r + 1]]`."""

    offsets: npt.NDArray[np.int64]
    """int64 (R + 1,), starts at 0 and never falls."""
    items: npt.NDArray[np.int32]
    """int32 (N,), item codes from 0."""
    times: npt.NDArray[np.int64] | None = None
    """int64 (N,) seconds, or None where the data set has no times."""
    ratings: npt.NDArray[np.float32] | None = None
    """float32 (N,), or None where the data set has no ratings."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> npt.NDArray[np.int32]:
        """int32 (L,): the items of one row."""
        return self.items[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """int64 (R,): how many items each row has."""
        return np.diff(self.offsets)

    def rows(self) -> npt.NDArray[np.int64]:
        """int64 (N,): the row of every entry."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def pairs(self, n_items: int) -> npt.NDArray[np.int64]:
        """int64, ascending: `row * n_items + item`, once for each item of each row."""
        return distinct(self.rows() * n_items + self.items)

    def item_counts(self, n_items: int) -> npt.NDArray[np.int64]:
        """int64 (I,): how many rows have each item; repeats in a row count once."""
        return np.bincount(self.pairs(n_items) % n_items, minlength=n_items)

    def keep(self, mask: npt.NDArray[np.bool_]) -> "Sequences":
        """The entries where `mask` (bool (N,)) holds, in the same rows."""
        kept = np.concatenate(([0], np.cumsum(mask, dtype=np.int64)))
        return Sequences(
            offsets=kept[self.offsets],
            items=self.items[mask],
            times=None if self.times is None else self.times[mask],
            ratings=None if self.ratings is None else self.ratings[mask],
        )

    def take(self, rows: npt.NDArray[np.integer]) -> "Sequences":
        """The given rows, in the given order (repeats allowed)."""
        lengths = self.lengths[rows]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        entries = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Sequences(
            offsets=offsets,
            items=self.items[entries],
            times=None if self.times is None else self.times[entries],
            ratings=None if self.ratings is None else self.ratings[entries],
        )

    def last(self, length: int) -> npt.NDArray[np.int32]:
        """int32 (R, length): the latest items of each row, right-aligned, `PAD` before them."""
        padded = np.full((len(self), length), PAD, dtype=np.int32)
        distance = np.repeat(self.offsets[1:], self.lengths) - np.arange(len(self.items))
        near = distance <= length
        padded[self.rows()[near], length - distance[near]] = self.items[near]
        return padded
