"""Delimited text: typed columns, and the line of the first mistake."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.delimited import BLANKS, COMMAS, TABS, read_delimited
from llmrec_bench_plugins.datasets.first_mistake import Kind

Write = Callable[[str, str], Path]
COLUMNS: dict[str, Kind] = {"user": "id", "time": "number"}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_wanted_columns_are_typed(name: str, write: Write) -> None:
    table = read_delimited(write(name, "user,other,time\n007,x,1.5\nNA,y,2\n"), COMMAS, COLUMNS)
    assert table.column_names == ["user", "time"]
    assert table["user"].to_pylist() == ["007", "NA"]
    assert table["time"].to_pylist() == [1.5, 2.0]


def test_quoted_fields_hold_delimiters_and_line_ends(write: Write) -> None:
    path = write("a.csv", 'user,text\n1,"a, ""b""\nc"\n2,d\n')
    assert read_delimited(path, COMMAS, {"text": "text"})["text"].to_pylist() == ['a, "b"\nc', "d"]


def test_unquoted_fields_keep_their_quotes(write: Write) -> None:
    path = write("a.tsv", 'user\ttext\n1\t"5 inch" screen\n')
    assert read_delimited(path, TABS, {"text": "text"})["text"].to_pylist() == ['"5 inch" screen']


def test_a_byte_order_mark_and_empty_lines_are_passed_over(write: Write) -> None:
    path = write("a.csv", "\ufeffuser,time\n1,5\n\n2,6\n")
    assert read_delimited(path, COMMAS, COLUMNS)["user"].to_pylist() == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("user,time\n", "there is no line below the header"),
        ("usr,time\n1,5\n", r"no column 'user'; did you mean 'usr'\? \(columns: usr, time\)"),
        ("a,b\n1,5\n", r"no column 'user' \(columns: a, b\)"),
        ("user,time,user\n1,5,2\n", "column 'user' is there 2 times"),
        ("user,time\n1,5\n2,soon\n3,never\n", r"line 3: column 'time' is not a number \('soon'\)"),
        ("user,time\n1,5\n\n2,\n", r"line 4: column 'time' is not a number \(''\)"),
        ("user,time\n1,nan\n", r"line 2: column 'time' is not a number \('nan'\)"),
        ("user,time\n1,inf\n", r"line 2: column 'time' is not a number \('inf'\)"),
        ("user,time\n1,5\n,5\n", "line 3: column 'user' is empty"),
        ("user,time\n1,5\n2\n", r"line 3: 1 fields where 2 are expected \('2'\)"),
        ("user,time\n1,5,6\n", "line 2: 3 fields where 2 are expected"),
        ('user,time\n"a\nb",5\n2,soon\n', r"line 4: column 'time' is not a number \('soon'\)"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_line(text: str, message: str, write: Write) -> None:
    with pytest.raises(BenchError, match=f"a.csv: {message}") as caught:
        read_delimited(write("a.csv", text), COMMAS, COLUMNS)
    assert "\n" not in str(caught.value)


def test_a_file_without_a_header_counts_from_its_first_line(write: Write) -> None:
    with pytest.raises(BenchError, match="line 2: 3 fields where 2 are expected"):
        read_delimited(write("a.txt", "1 2\n3 4 5\n"), BLANKS, {"user": "id"}, names=["user", "item"])


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,time\n1,5\ncaf\xe9,6\n")
    with pytest.raises(BenchError, match=r"a.csv: line 3 is not UTF-8 text"):
        read_delimited(path, COMMAS, COLUMNS)


def test_a_gzip_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"user,time\n" + b"1,5\n" * 100_000)[:-20])
    with pytest.raises(BenchError, match=r"a.csv.gz: cannot be read to its end"):
        read_delimited(path, COMMAS, COLUMNS)
