"""`bench new`: what it writes, what it refuses, and that what it writes holds what it says."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import llmrec_bench
from llmrec_bench import load_catalog
from llmrec_bench.scaffold.names import new_names
from llmrec_bench.scaffold.write import write_package

KINDS = {
    "method": "my-method",
    "dataset": "my-data",
    "metric": "Even_Share",
    "language-model": "my-model",
    "stage": "my-stage",
}


def python(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """An interpreter that finds the code under test, and a package in the folder."""
    harness = Path(llmrec_bench.__file__).parents[1]
    path = [folder, harness, harness.parent / "plugins"]
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package of each kind."""
    folder = tmp_path_factory.mktemp("new")
    for kind, name in KINDS.items():
        write_package(kind, name, folder / name, load_catalog())
    return {kind: folder / name for kind, name in KINDS.items()}


def test_a_method_is_a_page_of_code_with_its_tests(written: dict[str, Path]) -> None:
    folder = written["method"]
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    package = "llmrec_bench_my_method"
    assert files == {
        "README.md",
        "pyproject.toml",
        f"{package}/__init__.py",
        f"{package}/method.py",
        f"{package}/method_options.json",
        f"{package}/py.typed",
        "tests/test_my_method.py",
    }
    assert len((folder / package / "method.py").read_text().splitlines()) < 50
    assert 'llmrec-bench-my-method = "llmrec_bench_my_method"' in (folder / "pyproject.toml").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_no_blank_is_left(kind: str, written: dict[str, Path]) -> None:
    for path in written[kind].rglob("*.*"):
        if path.suffix in (".py", ".md", ".toml", ".json"):
            assert "$" not in path.read_text(), path


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_pass(kind: str, written: dict[str, Path]) -> None:
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", folder=written[kind])
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_well_formed(kind: str, written: dict[str, Path]) -> None:
    rules = ["--line-length", "120", "--select", "E,F,W,I,B,UP,SIM,C4,PT,RUF,N"]
    checked = python("-m", "ruff", "check", "--no-cache", *rules, ".", folder=written[kind])
    assert checked.returncode == 0, checked.stdout
    formatted = python(
        "-m", "ruff", "format", "--no-cache", "--check", "--line-length", "120", ".", folder=written[kind]
    )
    assert formatted.returncode == 0, formatted.stdout


def test_a_wheel_has_every_template() -> None:
    harness = Path(llmrec_bench.__file__).parent
    settings = tomllib.loads((harness.parents[1] / "pyproject.toml").read_text())["tool"]["setuptools"]
    taken = {path for pattern in settings["package-data"]["llmrec_bench"] for path in harness.glob(pattern)}
    templates = {path for path in (harness / "scaffold" / "templates").rglob("*") if path.is_file()}
    assert len(templates) > 20
    assert templates <= taken


@pytest.mark.slow
def test_its_types_hold(written: dict[str, Path], tmp_path: Path) -> None:
    packages = [next(folder.glob("llmrec_bench_*")) for folder in written.values()]
    options = ["--strict", "--disable-error-code=no-any-return", f"--cache-dir={tmp_path}"]
    done = python("-m", "mypy", *options, *packages, folder=tmp_path)
    assert done.returncode == 0, done.stdout


# Refusals, one line each


def refused(bench: Any, *arguments: object) -> str:
    status, _, errors = bench("new", *arguments)
    assert status == 2
    [line] = errors.splitlines()
    return str(line)


@pytest.mark.parametrize(
    ("kind", "name", "why"),
    [
        ("method", "My Method", "should be words such as my-method; try 'my-method'"),
        ("method", "7", "should be words such as my-method"),
        ("metric", "Hit-Share", "should be a word such as MyMetric; try 'HitShare'"),
        ("method", "queries", "Queries, its class, is something else"),
        ("dataset", "exception", "Exception, its class, is something else"),
        ("method", "none", "None, its class, is something else"),
    ],
)
def test_what_is_no_name(bench: Any, tmp_path: Path, kind: str, name: str, why: str) -> None:
    said = refused(bench, kind, name, "--into", tmp_path / "new")
    assert said == f"bench: '{name}' cannot be the name of a {kind}: {why}"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("kind", "name", "owner"),
    [
        ("method", "popularity", "plugin 'builtin' offers it"),
        ("metric", "NDCG", "plugin 'metrics' offers it"),
        ("dataset", "p5", "plugin 'builtin' offers it"),
        ("language-model", "openai", "plugin 'builtin' offers it"),
        ("stage", "item-facts", "llmrec_bench_plugins.stages.item_facts has it"),
    ],
)
def test_a_name_that_is_taken(bench: Any, tmp_path: Path, kind: str, name: str, owner: str) -> None:
    said = refused(bench, kind, name, "--into", tmp_path / "new")
    assert said == f"bench: {kind} '{name}' is taken: {owner}; choose another name"
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_in_it(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    said = refused(bench, "method", "fresh", "--into", tmp_path)
    assert said == f"bench: {tmp_path}: is there already and not empty; choose another place with --into, or remove it"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_is_filled(bench: Any, tmp_path: Path) -> None:
    status, printed, errors = bench("new", "metric", "Fresh", "--into", tmp_path)
    assert (status, errors) == (0, "")
    assert "llmrec_bench_fresh" in {path.name for path in tmp_path.iterdir()}
    assert printed.splitlines()[-1].startswith(f"Next: cd {tmp_path} && pip install -e . && bench check Fresh")


def test_a_folder_that_cannot_be_written(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refused(bench, "method", "fresh", "--into", tmp_path / "file" / "below")
    assert said == f"bench: {tmp_path / 'file' / 'below'}: cannot be written (Not a directory)"


def test_an_installed_distribution_of_the_same_name(plug: Any) -> None:
    catalog = load_catalog([plug("llmrec-bench-fresh", llmrec_bench_api=2)])
    with pytest.raises(
        llmrec_bench.BenchError, match="a plugin 'llmrec-bench-fresh' is installed; choose another name"
    ):
        new_names("method", "fresh", catalog)
