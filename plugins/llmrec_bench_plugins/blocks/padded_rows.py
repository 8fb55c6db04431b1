"""Ragged item sequences as the padded rows that encoders read, in batches of like length."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
Index = npt.NDArray[np.int64]


def windows(offsets: Index, length: int) -> tuple[Index, Index, Index]:
    """Sequences cut, from their ends backwards, into windows of at most `length` + 1 items that share an end item.

    Each transition lies in exactly one window, so one pass over the windows trains on every position once. Returns
    int64 (W,) each: the window's sequence, its first entry and the entry after its last. Sequences of fewer than
    two items have no window.
    """
    transitions = np.maximum(np.diff(offsets) - 1, 0)
    count = -(-transitions // length)  # (R,)
    sequences = np.repeat(np.arange(len(count)), count)
    from_end = np.arange(len(sequences)) - np.repeat(np.cumsum(count) - count, count)
    stops = offsets[1:][sequences] - from_end * length
    starts = np.maximum(offsets[:-1][sequences], stops - length - 1)
    return sequences, starts, stops


def prefixes(offsets: Index, length: int) -> tuple[Index, Index, Index]:
    """Every transition as a window of its own: its item and at most `length` items before it.

    Returns as `windows` does, int64 (T,) each.
    """
    transitions = np.maximum(np.diff(offsets) - 1, 0)
    sequences = np.repeat(np.arange(len(transitions)), transitions)
    place = np.arange(len(sequences)) - np.repeat(np.cumsum(transitions) - transitions, transitions)
    stops = offsets[:-1][sequences] + place + 2
    starts = np.maximum(offsets[:-1][sequences], stops - length - 1)
    return sequences, starts, stops


def latest(offsets: Index, length: int) -> tuple[Index, Index]:
    """int64 (R,) each: first entry, and entry after the last, of each sequence's latest `length` items."""
    return np.maximum(offsets[:-1], offsets[1:] - length), offsets[1:]


def padded_rows(items: Codes, starts: Index, stops: Index) -> Index:
    """int64 (B, L), L the longest: code + 1 of the entries of each window, oldest first, then zeros."""
    width = int((stops - starts).max(initial=0))
    entries = starts[:, None] + np.arange(width)
    inside = entries < stops[:, None]
    rows: Index = np.where(inside, items[np.minimum(entries, len(items) - 1)].astype(np.int64) + 1, 0)
    return rows


def batches_of_like_length(
    lengths: Index, predictions: Index, batch_size: int, rng: np.random.Generator
) -> Iterator[Index]:
    """Batches of row numbers, about `batch_size` predictions each (at least one row), in random order.

    A row of so many `lengths` counts for so many `predictions`. Rows are sorted by their length times a random factor
    of 0.8 to 1.2 and then cut: little padding, and other neighbours in every pass.
    """
    order = np.argsort(lengths * rng.uniform(0.8, 1.2, len(lengths)), kind="stable")
    batch = np.cumsum(predictions[order]) // batch_size
    cuts = np.flatnonzero(np.diff(batch)) + 1
    batches = np.split(order, cuts)
    for number in rng.permutation(len(batches)):
        yield batches[number]
