"""Plugins: what the catalog takes, what it refuses and how, and a distribution of somebody else's from end to end."""

import csv
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from llmrec_bench import BenchError, DataSource, Method, OverallMetric, hookimpl
from llmrec_bench.describe import list_entries
from llmrec_bench.plugins import BrokenPlugin, load_catalog
from llmrec_bench.suite import load_suite


class Mine(Method):
    """Score nothing."""

    name = "mine"
    version = "1"

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


def offering(*classes: Any, hook: str = "register_methods") -> dict[str, Any]:
    """A module's hook that offers the given things."""

    def register() -> list[Any]:
        return list(classes)

    return {hook: hookimpl(specname=hook)(register)}


def variant(**members: Any) -> type:
    """`Mine` with some members replaced."""
    return type("Variant", (Mine,), {"__doc__": "Something else.", **members})


# The catalog


def test_the_built_in_plugins_come_by_the_entry_point() -> None:
    catalog = load_catalog()
    assert catalog.plugin_of["method popularity"] == "builtin"
    assert catalog.plugin_of["metric NDCG"] == "metrics"
    assert catalog.broken == []


def test_offers_are_filed_by_name_and_plugin(plug: Any) -> None:
    catalog = load_catalog([plug("one", **offering(Mine)), plug("two", **offering(variant(name="other")))])
    assert sorted(catalog.methods) == ["mine", "other"]
    assert catalog.plugin_of == {"method mine": "one", "method other": "two"}


def test_kinds_have_names_of_their_own(plug: Any) -> None:
    source = type("Source", (DataSource,), {"__doc__": "Nothing.", "name": "mine", "read": lambda self: None})
    members = {**offering(Mine), **offering(source, hook="register_datasets")}
    catalog = load_catalog([plug("both", **members)])
    assert list(catalog.methods) == list(catalog.datasets) == ["mine"]


def test_a_hook_may_be_a_generator(plug: Any) -> None:
    def register_methods() -> Any:
        yield Mine

    assert list(load_catalog([plug("one", register_methods=hookimpl(register_methods))]).methods) == ["mine"]


# Refusals: one line that names the plugin and the fault


def refusal(*found: EntryPoint) -> str:
    with pytest.raises(BenchError) as error:
        load_catalog(found)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_two_plugins_with_one_name(plug: Any) -> None:
    message = refusal(plug("one", **offering(Mine)), plug("one", **offering(variant(name="other"))))
    assert message == "two installed plugins are called 'one'; uninstall or rename one"


def test_one_module_under_two_names(plug: Any) -> None:
    first = plug("one", **offering(Mine))
    second = EntryPoint(name="two", value=first.value, group=first.group)
    assert refusal(first, second) == "plugins 'one' and 'two' are the same; keep one"


def test_one_method_name_offered_twice(plug: Any) -> None:
    message = refusal(plug("one", **offering(Mine)), plug("two", **offering(variant())))
    assert message == "method 'mine' is offered by plugin 'one' and by plugin 'two'; keep one"


def test_a_misspelt_hook(plug: Any) -> None:
    message = refusal(plug("one", **offering(Mine, hook="register_method")))
    assert message == "plugin 'one': there is no hook 'register_method'; did you mean 'register_methods'?"


def test_a_hook_unlike_any_other(plug: Any) -> None:
    assert refusal(plug("one", **offering(Mine, hook="on_boot"))) == (
        "plugin 'one': there is no hook 'on_boot'; "
        "known: register_datasets, register_language_models, register_methods, register_metrics, trial_finished"
    )


def test_a_hook_with_an_argument_that_is_not_passed(plug: Any) -> None:
    @hookimpl
    def trial_finished(result: Any) -> None: ...

    message = refusal(plug("one", trial_finished=trial_finished))
    assert message.startswith("plugin 'one': ")
    assert "trial_finished(result: Any)" in message


def test_a_hook_without_its_mark(plug: Any) -> None:
    message = refusal(plug("one", register_methods=lambda: [Mine]))
    assert message == "plugin 'one': register_methods lacks @hookimpl (from llmrec_bench import hookimpl)"


@pytest.mark.parametrize(
    ("offer", "fault"),
    [
        (int, "is not a subclass of Method"),
        (Mine(Mine.Config()), "is not a subclass of Method"),
        (type("Bare", (Method,), {"__doc__": "Bare."}), "has no name and no version"),
        (type("Half", (Method,), {"__doc__": "Half.", "name": "half", "version": "1"}), "does not define fit, score"),
        (variant(__doc__=None), "has no docstring to describe it by"),
        (variant(__doc__="  "), "has no docstring to describe it by"),
        (variant(name=""), "has '' for a name"),
        (variant(name=3), "has 3 for a name"),
        (variant(Config=dict), "has a Config that is not a subclass of Method.Config"),
        (variant(Config=Method.Config()), "has a Config that is not a subclass of Method.Config"),
        (
            variant(settings={"paper": {"width": 3}}),
            "has settings 'paper' that its Config refuses (width: Extra inputs are not permitted)",
        ),
    ],
    ids=["class", "instance", "no-name", "abstract", "no-docstring", "blank", "empty-name", "number-name", "config",
         "config-instance", "settings"],
)  # fmt: skip
def test_a_method_that_is_none(plug: Any, offer: Any, fault: str) -> None:
    message = refusal(plug("one", **offering(offer)))
    assert message.startswith("plugin 'one': register_methods offers ")
    assert message.endswith(f", which {fault}")


def test_a_data_source_that_cannot_read(plug: Any) -> None:
    source = type("Source", (DataSource,), {"__doc__": "Nothing.", "name": "mine"})
    assert refusal(plug("one", **offering(source, hook="register_datasets"))).endswith("does not define read")


def test_a_metric_without_direction(plug: Any) -> None:
    metric = type("Bare", (OverallMetric,), {"__doc__": "Bare.", "name": "Bare", "overall": lambda *_: 0.0})
    message = refusal(plug("one", **offering(metric, hook="register_metrics")))
    assert message.endswith("has no direction and no bounds and no formula and no source")


# Broken plugins: kept with the reason, and the others still work


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EntryPoint:
    (tmp_path / "needs_more.py").write_text("raise ImportError('no module\\n  named more')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return EntryPoint(name="broken", value="needs_more", group="llmrec_bench")


REASON = "ImportError: no module named more"


def test_a_plugin_that_cannot_be_imported(plug: Any, broken: EntryPoint) -> None:
    catalog = load_catalog([broken, plug("one", **offering(Mine))])
    assert catalog.broken == [BrokenPlugin("broken", REASON)]
    assert [name for name, _, _ in list_entries(catalog, "methods")] == ["mine"]


def test_a_plugin_whose_hook_raises(plug: Any) -> None:
    @hookimpl
    def register_methods() -> list[type[Method]]:
        raise RuntimeError("not\ntoday")

    catalog = load_catalog([plug("bad", register_methods=register_methods), plug("one", **offering(Mine))])
    assert catalog.broken == [BrokenPlugin("bad", "register_methods raised RuntimeError: not today")]
    assert list(catalog.methods) == ["mine"]


def test_an_unknown_method_may_be_in_the_broken_plugin(plug: Any, broken: EntryPoint, tmp_path: Path) -> None:
    catalog = load_catalog([broken, plug("one", **offering(Mine))])
    suite = tmp_path / "suite.yaml"
    suite.write_text("datasets: {}\nmethods:\n  mime:\n")
    with pytest.raises(BenchError) as error:
        load_suite(suite, catalog)
    expected = f"unknown method 'mime'; did you mean 'mine'?; not loaded: plugin 'broken' ({REASON})"
    assert f"{suite}:3: {expected}" in str(error.value).splitlines()


# Somebody else's distribution

SUITE = """
datasets:
  dated: {source: ring}
  undated: {source: ring, options: {dated: false}}
protocol: {cutoffs: [3]}
methods:
  last-seen: {grid: {days: [1, 30]}}
  popularity:
seeds: [7]
metrics: [HR, Fullness]
"""


def bench(*arguments: str, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmrec_bench.cli", *arguments],
        env={**os.environ, "PYTHONPATH": str(path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_an_installed_plugin_is_in_the_catalog(third_party: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(third_party)
    catalog = load_catalog()
    assert {"last-seen", "popularity"} <= catalog.methods.keys()
    assert catalog.plugin_of["method last-seen"] == "example"
    assert catalog.plugin_of["dataset ring"] == "example"
    assert catalog.plugin_of["metric Fullness"] == "example"


def test_an_installed_plugin_is_listed_beside_a_broken_one(third_party: Path, tmp_path: Path) -> None:
    info = tmp_path / "torn-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torn\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[llmrec_bench]\ntorn = torn\n")
    (tmp_path / "torn.py").write_text("import no_such_module\n")
    listed = bench("list", "methods", path=Path(f"{third_party}{os.pathsep}{tmp_path}"))
    assert listed.returncode == 0, listed.stderr
    lines = [line.split() for line in listed.stdout.splitlines()]
    assert ["last-seen", "example", "Score", "every", "item", "by"] in [line[:6] for line in lines]
    assert "not loaded: plugin 'torn' (ModuleNotFoundError: No module named 'no_such_module')" in listed.stdout


def test_an_installed_plugin_runs_beside_a_built_in_method(third_party: Path, tmp_path: Path) -> None:
    suite, diary, results = tmp_path / "ring.yaml", tmp_path / "diary.txt", tmp_path / "results"
    suite.write_text(SUITE)
    options = ["--results", str(results)]
    done = bench("run", str(suite), *options, "--workers", "1", path=third_party, LLMREC_BENCH_EXAMPLE_DIARY=str(diary))
    assert done.returncode == 1, done.stderr  # last-seen needs times, and one data set has none
    assert "last-seen needs a data set with times" in done.stdout
    assert diary.read_text().splitlines() == [
        "last-seen 7 finished",
        "last-seen 7 finished",
        "popularity 7 finished",
        "last-seen 7 failed",
        "last-seen 7 failed",
        "popularity 7 finished",
    ]

    table = bench("table", str(suite), *options, "--format", "csv", path=third_party)
    rows = list(csv.DictReader(table.stdout.splitlines()))
    cells = {(row["dataset"], row["method"], row["metric"]): (row["status"], row["mean"]) for row in rows}
    # Every stop is somebody's last one in the training data, so all are scored; 4 of the 8 are in the user's history.
    assert cells["dated", "last-seen[days=30]", "Fullness@3"] == ("complete", "1.0")
    assert cells["dated", "popularity", "Fullness@3"] == ("complete", "1.0")
    assert cells["undated", "last-seen[days=1]", "HR@3"] == ("failed", "")
    assert cells["undated", "popularity", "HR@3"][0] == "complete"
    assert {row["simulated"] for row in rows} == {"True"}
