"""Ragged sequences as windows, padded rows and batches."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from llmrec_bench_plugins.blocks.padded_rows import batches_of_like_length, latest, padded_rows, prefixes, windows

ROWS = st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=1, max_size=6)


def ragged(rows):
    lengths = [len(row) for row in rows]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return offsets, np.array([item for row in rows for item in row], dtype=np.int32)


def test_a_long_sequence_is_cut_from_its_end_and_windows_share_an_item():
    offsets, items = ragged([[5, 6, 7, 8, 9], [3], [], [1, 2]])
    sequences, starts, stops = windows(offsets, length=3)
    cut = [(int(s), items[a:b].tolist()) for s, a, b in zip(sequences, starts, stops, strict=True)]
    assert cut == [(0, [6, 7, 8, 9]), (0, [5, 6]), (3, [1, 2])]


def test_every_item_after_the_first_ends_a_prefix_of_its_own():
    offsets, items = ragged([[5, 6, 7, 8], [3], [], [1, 2]])
    sequences, starts, stops = prefixes(offsets, length=2)
    cut = [(int(s), items[a:b].tolist()) for s, a, b in zip(sequences, starts, stops, strict=True)]
    assert cut == [(0, [5, 6]), (0, [5, 6, 7]), (0, [6, 7, 8]), (3, [1, 2])]


def test_rows_are_codes_plus_one_padded_on_the_right():
    offsets, items = ragged([[5, 6, 7], [0], []])
    starts, stops = latest(offsets, length=2)
    assert padded_rows(items, starts, stops).tolist() == [[7, 8], [1, 0], [0, 0]]


@settings(deadline=None)
@given(ROWS, st.integers(1, 5))
def test_every_transition_lies_in_exactly_one_window(rows, length):
    offsets, _ = ragged(rows)
    sequences, starts, stops = windows(offsets, length)
    found = sorted((s, e) for s, a, b in zip(sequences, starts, stops, strict=True) for e in range(a, b - 1))
    assert found == [(r, e) for r in range(len(rows)) for e in range(offsets[r], offsets[r + 1] - 1)]
    assert np.all(stops - starts - 1 <= length)
    assert np.all((starts >= offsets[sequences]) & (stops <= offsets[sequences + 1]))


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=50), st.integers(1, 60), st.integers(0, 9))
def test_batches_hold_every_row_once_and_about_as_many_positions_as_asked(lengths, positions, seed):
    lengths = np.array(lengths)
    batches = list(batches_of_like_length(lengths, lengths, positions, np.random.default_rng(seed)))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert all(lengths[batch].sum() < positions + lengths.max() for batch in batches)


def test_rows_of_one_prediction_each_are_counted_by_the_row():
    lengths = np.full(10, 50)
    batches = list(batches_of_like_length(lengths, np.ones_like(lengths), 4, np.random.default_rng(0)))
    assert sorted(map(len, batches)) == [3, 3, 4]
