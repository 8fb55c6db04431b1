"""Plain and gzipped files, and files that cannot be read."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.opening import first_lines, open_arrow, text_lines


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_plain_and_gzipped_bytes_are_the_same(name: str, write: Callable[[str, str], Path]) -> None:
    path = write(name, "1 2\r\n3 4\n")
    assert open_arrow(path).read() == b"1 2\r\n3 4\n"
    assert list(text_lines(path)) == ["1 2\r\n", "3 4\n"]
    assert first_lines(path, 5) == ["1 2", "3 4"]


def test_the_first_bytes_tell_gzip_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(gzip.compress(b"1 2\n"))
    assert open_arrow(path).read() == b"1 2\n"


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"1 2\n") + gzip.compress(b"3 4\n"))
    assert open_arrow(path).read() == b"1 2\n3 4\n"


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfuser\n")
    assert list(text_lines(path)) == ["user\n"]


def test_a_folder_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="is a folder"):
        open_arrow(tmp_path)
    (tmp_path / "a.txt").touch()
    with pytest.raises(BenchError, match=r"a.txt: the file is empty"):
        open_arrow(tmp_path / "a.txt")


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"1 2\ncaf\xe9\n")
    with pytest.raises(BenchError, match=r"a.txt: line 2 is not UTF-8 text"):
        list(text_lines(path))
    assert first_lines(path, 5) == []


def test_a_gzip_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"1 2\n" * 1000)[:20])
    with pytest.raises(BenchError, match=r"a.gz: cannot be read to its end"):
        list(text_lines(path))
