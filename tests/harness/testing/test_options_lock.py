"""Options that change ask for another version."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmrec_bench import BenchError, Method
from llmrec_bench.testing.options_lock import keep_options, lock_fault, options_of

CODE = '''
from llmrec_bench import Config, Method


class Inner(Config):
    depth: int = {depth}
    """How deep."""
    title: str = ""
    """Of what is in it."""
    below: "Inner | None" = None
    """What is deeper still."""


class Mine(Method):
    """Nothing."""

    name = "mine"
    version = "{version}"

    class Config(Method.Config):
        width: {kind} = {width}
        """{sentence}"""
        inner: Inner = Inner({inside})
        """More."""
{more}
    def fit(self, train, run): ...

    def score(self, queries): ...
'''

Write = Callable[..., type[Method]]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """The method of a package in a folder, written anew."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lockable").mkdir()

    def make(**changes: object) -> type[Method]:
        parts = {"version": 1, "kind": "int", "width": 3, "depth": 1, "sentence": "How wide.", "more": "", "inside": ""}
        (tmp_path / "lockable" / "__init__.py").write_text(CODE.format(**{**parts, **changes}))
        sys.modules.pop("lockable", None)
        importlib.invalidate_caches()
        sys.dont_write_bytecode = True
        kind: type[Method] = importlib.import_module("lockable").Mine
        return kind

    return make


def test_a_method_that_was_never_kept(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "lockable" / "method_options.json"
    assert lock_fault(write()) == f"{path} says nothing of 'mine' yet; bench check mine --update writes it"
    assert keep_options(write()) == path
    assert lock_fault(write()) is None


@pytest.mark.parametrize("changes", [{"sentence": "As wide as that."}], ids=["another sentence"])
def test_what_changes_no_option(write: Write, changes: dict[str, object]) -> None:
    keep_options(write())
    assert lock_fault(write(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"width": 4}, "width"),
        ({"kind": "float"}, "width"),
        ({"depth": 2}, "inner"),
        ({"inside": "depth=5"}, "inner"),
        ({"inside": "title='core'"}, "inner"),
        ({"more": "        height: int = 1\n"}, "height"),
    ],
    ids=["default", "type", "an option inside", "a default inside", "a default that is called a word", "one more"],
)
def test_a_changed_option_is_named(write: Write, changes: dict[str, object], named: str) -> None:
    keep_options(write())
    assert lock_fault(write(**changes)) == (
        f"{named}: not as kept for version 1; raise the version where the same options may now give other scores, "
        "then bench check mine --update"
    )
    raised = write(**changes, version=2)
    assert lock_fault(raised) == (
        f"version 2 and its options ({named}) are not kept yet; bench check mine --update does it"
    )
    keep_options(raised)
    assert lock_fault(raised) is None


def test_a_new_version_has_to_be_kept(write: Write) -> None:
    keep_options(write())
    assert lock_fault(write(version=2)) == "version 2 is not kept yet; bench check mine --update does it"


def test_other_methods_stay_in_the_file(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "lockable" / "method_options.json"
    path.write_text('{"yours": {"version": "1", "options": {}}}')
    keep_options(write())
    kept = json.loads(path.read_text())
    assert list(kept) == ["mine", "yours"]
    assert kept["mine"] == {"version": "1", "options": options_of(write())}


def test_a_file_that_is_not_json(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "lockable" / "method_options.json"
    path.write_text("{")
    with pytest.raises(BenchError, match=r"method_options\.json: is not JSON \(.*\); delete it and run bench check"):
        lock_fault(write())
