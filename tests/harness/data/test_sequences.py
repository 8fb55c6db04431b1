"""Rows of item codes in compressed form, against lists of lists."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench.data.sequences import PAD, Sequences, distinct

ROWS = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=6)


def of(rows: list[list[int]]) -> Sequences:
    items = np.array([item for row in rows for item in row], dtype=np.int32)
    return Sequences(np.cumsum([0, *map(len, rows)]), items, times=np.arange(len(items)))


def lists(sequences: Sequences) -> list[list[int]]:
    return [sequences[row].tolist() for row in range(len(sequences))]


@given(rows=ROWS)
@settings(deadline=None)
def test_parts_of_rows(rows: list[list[int]]) -> None:
    sequences = of(rows)
    assert lists(sequences) == rows
    assert sequences.lengths.tolist() == [len(row) for row in rows]
    assert lists(sequences.keep(sequences.items % 2 == 0)) == [[i for i in row if i % 2 == 0] for row in rows]
    order = np.arange(len(rows))[::-1].repeat(2)
    taken = sequences.take(order)
    assert lists(taken) == [rows[r] for r in order]
    assert taken.times is not None
    assert taken.times.tolist() == [t for r in order for t in range(sequences.offsets[r], sequences.offsets[r + 1])]
    assert sequences.last(3).tolist() == [([PAD] * 3 + row)[-3:] for row in rows]


@given(rows=ROWS)
@settings(deadline=None)
def test_pairs_count_an_item_of_a_row_once(rows: list[list[int]]) -> None:
    assert of(rows).pairs(10).tolist() == sorted({row * 10 + item for row, items in enumerate(rows) for item in items})


@given(numbers=st.lists(st.integers(-5, 5)))
def test_distinct_numbers_ascend(numbers: list[int]) -> None:
    assert distinct(np.array(numbers, dtype=np.int64)).tolist() == sorted(set(numbers))
