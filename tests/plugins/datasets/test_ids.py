"""Ids are whole numbers where all of them are, else strings."""

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench_plugins.datasets.ids import as_ids


def column(*values: object, type: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, type=type)])


def test_whole_numbers_become_integers_that_sort_as_numbers() -> None:
    (ids,) = as_ids(column("10", "9", "-3", "0", "9"))
    assert ids.tolist() == [10, 9, -3, 0, 9]
    assert ids.dtype == "int64"


@pytest.mark.parametrize("odd", ["007", "1.0", "+1", "a1", "1 ", "1" * 19, "-0"])
def test_one_odd_value_keeps_all_of_them_strings(odd: str) -> None:
    (ids,) = as_ids(column("10", odd))
    assert ids.tolist() == ["10", odd]
    assert pd.api.types.is_string_dtype(ids)


def test_columns_of_the_same_things_are_of_one_kind() -> None:
    events, items = as_ids(column("1", "2"), column("1", "B0002"))
    assert events.tolist() == ["1", "2"]
    assert items.tolist() == ["1", "B0002"]


def test_integers_beside_strings_become_strings() -> None:
    events, items = as_ids(column(1, 2), column("1", "B0002"))
    assert events.tolist() == ["1", "2"]
    assert items.tolist() == ["1", "B0002"]


def test_integers_stay_integers() -> None:
    assert as_ids(column(3, 1, type=pa.int32()))[0].dtype == "int64"
    assert as_ids(column(3, 1), column("1", "3"))[0].tolist() == [3, 1]


def test_hashes_past_int64_become_strings() -> None:
    assert as_ids(column(2**63 + 1, 5, type=pa.uint64()))[0].tolist() == [str(2**63 + 1), "5"]


def test_chunks_with_dictionaries_of_their_own_agree() -> None:
    chunks = pa.chunked_array([pa.array(["b", "a"]).dictionary_encode(), pa.array(["c", "b"]).dictionary_encode()])
    assert as_ids(chunks)[0].tolist() == ["b", "a", "c", "b"]


@settings(deadline=None)
@given(st.lists(st.text(min_size=1) | st.integers(-(10**9), 10**9).map(str), min_size=1))
def test_no_value_is_changed_or_merged(values: list[str]) -> None:
    (ids,) = as_ids(column(*values))
    assert [str(value) for value in ids.tolist()] == values
