"""Negatives lie outside a user's training items and are uniform there."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from llmrec_bench_plugins.blocks.negative_items import UnseenItems


def unseen(rows, n_items):
    offsets = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    return UnseenItems(offsets, np.array([item for row in rows for item in row], dtype=np.int32), n_items)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=9), min_size=1, max_size=5), st.integers(0, 99))
def test_draws_are_items_outside_the_sequence(rows, seed):
    numbers = np.repeat(np.arange(len(rows))[:, None], 40, axis=1)
    drawn = unseen(rows, 6).draw(numbers, np.random.default_rng(seed))
    for row, items in zip(rows, drawn, strict=True):
        allowed = set(range(6)) - set(row)
        assert set(items.tolist()) <= (allowed or {-1})


def test_draws_are_uniform_over_what_is_unseen():
    drawn = unseen([[4, 1, 1, 5], [0]], 8).draw(np.zeros(50_000, dtype=np.int64), np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=8)
    assert counts[[1, 4, 5]].tolist() == [0, 0, 0]
    assert np.all(np.abs(counts[[0, 2, 3, 6, 7]] - 10_000) < 400)
