"""Paths as a suite writes them."""

from pathlib import Path

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.paths import located, one_file


def test_home_and_variables_are_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.txt").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MY_DATA", str(tmp_path))
    assert located(Path("~/log.txt")) == tmp_path / "log.txt"
    assert located(Path("$MY_DATA/log.txt")) == tmp_path / "log.txt"
    assert located(Path("${MY_DATA}/log.txt")) == tmp_path / "log.txt"


def test_a_relative_path_starts_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert located(Path("log.txt")).exists()


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_a_variable_without_a_value_is_named(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_DATA", value)
    with pytest.raises(BenchError, match=r"^\$MY_DATA/log.txt: the environment variable MY_DATA is not set"):
        located(Path("$MY_DATA/log.txt"))


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").touch()
    with pytest.raises(BenchError, match=r"no such file or folder; did you mean 'ratings.csv'\?$"):
        located(tmp_path / "ratngs.csv")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no such file or folder \(nor the folder .*absent\)"):
        located(tmp_path / "absent" / "ratings.csv")


def test_one_file_is_found_by_pattern(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no log in this folder \(looked for \*.inter or \*.inter.gz\)"):
        one_file(tmp_path, ("*.inter", "*.inter.gz"), "log")
    (tmp_path / "a.inter").touch()
    assert one_file(tmp_path, ("*.inter", "*.inter.gz"), "log").name == "a.inter"
    (tmp_path / "b.inter.gz").touch()
    with pytest.raises(BenchError, match=r"more than one log in this folder \(a.inter, b.inter.gz\)"):
        one_file(tmp_path, ("*.inter", "*.inter.gz"), "log")
