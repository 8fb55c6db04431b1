"""The text format of the SASRec code."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.sasrec_text import SASRecText

Write = Callable[[str, str], Path]


@pytest.mark.parametrize("name", ["log.txt", "log.txt.gz"])
@pytest.mark.parametrize("gap", [" ", "\t"], ids=["blank", "tab"])
def test_pairs_in_file_order(name: str, gap: str, write: Write) -> None:
    log = SASRecText(path=write(name, f"2{gap}10\n2{gap}9\n1{gap}10\n")).read()
    assert log.events.to_dict("list") == {"user": [2, 2, 1], "item": [10, 9, 10]}
    assert log.items.columns.tolist() == ["title"]
    assert log.items.empty


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("1 2\n1 2 3\n", r"line 2: 3 fields where 2 are expected \('1 2 3'\)"),
        ("1 2\n\n1\n", r"line 3: 1 fields where 2 are expected \('1'\)"),
        ("1 2\n1 \n", "line 2: column 'item' is empty"),
        ("user item\n1 2\n", "user 'user' in data line 1 is no number; for a header or ids in words use `interaction"),
        ("1 2\n3 007\n", "item '007' in data line 2 is no number"),
    ],
)
def test_mistakes(text: str, message: str, write: Write) -> None:
    with pytest.raises(BenchError, match=f"log.txt: {message}"):
        SASRecText(path=write("log.txt", text)).read()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"log.txt: no such file or folder"):
        SASRecText(path=tmp_path / "log.txt").read()
