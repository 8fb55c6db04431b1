"""Negative items for losses that contrast: uniform over what a user has not met in training."""

import numpy as np
import numpy.typing as npt


class UnseenItems:
    """Draws items uniformly from outside each sequence's own items, exactly and without rejection.

    The r-th item outside the sorted set s_0 < s_1 < ... is r plus the number of j with s_j - j <= r, and one binary
    search over the concatenated sets finds that number for all draws.
    """

    def __init__(self, offsets: npt.NDArray[np.int64], items: npt.NDArray[np.int32], n_items: int) -> None:
        n_rows = len(offsets) - 1
        rows = np.repeat(np.arange(n_rows, dtype=np.int64), np.diff(offsets))
        pairs = np.sort(rows * n_items + items)
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        rows = pairs // n_items
        self.n_items = n_items
        self.seen = np.bincount(rows, minlength=n_rows)
        self.first = np.cumsum(self.seen) - self.seen
        below = pairs % n_items - (np.arange(len(pairs)) - self.first[rows])
        self.keys = rows * (n_items + 1) + below

    def draw(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """int64, the shape of `rows`: one item code for each sequence number, -1 where a sequence holds every item."""
        left = self.n_items - self.seen[rows]
        rank = (rng.random(rows.shape) * left).astype(np.int64)
        passed = np.searchsorted(self.keys, rows * (self.n_items + 1) + rank, side="right") - self.first[rows]
        return np.where(left > 0, rank + passed, -1)
