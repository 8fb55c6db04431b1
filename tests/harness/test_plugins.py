"""Plugins: what the catalog takes, what it refuses and how, and a distribution of somebody else's from end to end."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from llmrec_bench import BenchError, DataSource, Method, OverallMetric, Store, hookimpl, make_plan, run_plan
from llmrec_bench.describe import list_entries
from llmrec_bench.plugins import BrokenPlugin, load_catalog
from llmrec_bench.store import Failure
from llmrec_bench.suite import load_suite

THIRD_PARTY = Path(__file__).parents[1] / "third_party"


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


def test_named_settings_may_leave_to_the_suite_what_has_no_default(plug: Any) -> None:
    class Config(Method.Config):
        folder: str
        size: int = 3

    members = {"Config": Config, "settings": {"wide": {"size": 9}}}
    assert load_catalog([plug("one", **offering(variant(**members)))]).methods["mine"].settings == members["settings"]
    broken = variant(Config=Config, settings={"wide": {"size": "many"}})
    assert refusal(plug("one", **offering(broken))).endswith(
        "(size: Input should be a valid integer, unable to parse string as an integer)"
    )


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


def test_a_plugin_for_another_version_of_the_api(plug: Any) -> None:
    catalog = load_catalog([plug("early", llmrec_bench_api=1, **offering(Mine)), plug("late", llmrec_bench_api=2)])
    assert list(catalog.methods) == ["mine"]
    reason = "made for version 2 of the API; this llmrec-bench has version 1"
    assert catalog.broken == [BrokenPlugin("late", reason)]
    assert catalog.unknown("method", "yours").endswith(f"not loaded: plugin 'late' ({reason})")


def test_an_option_without_a_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "untyped.py").write_text(
        "from llmrec_bench import Method\nclass Mine(Method):\n    class Config(Method.Config):\n        width = 64\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    [broken] = load_catalog([EntryPoint(name="untyped", value="untyped", group="llmrec_bench")]).broken
    assert broken.reason == "an option has no type: width = 64; write it as in `width: int = 64`"


def test_an_unknown_method_may_be_in_the_broken_plugin(plug: Any, broken: EntryPoint, tmp_path: Path) -> None:
    catalog = load_catalog([broken, plug("one", **offering(Mine))])
    suite = tmp_path / "suite.yaml"
    suite.write_text("datasets: {}\nmethods:\n  mime:\n")
    with pytest.raises(BenchError) as error:
        load_suite(suite, catalog)
    expected = f"unknown method 'mime'; did you mean 'mine'?; not loaded: plugin 'broken' ({REASON})"
    assert f"{suite}:3: {expected}" in str(error.value).splitlines()


# What a method returns, as the harness finds it


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "[[0.0] * 200] * len(queries)",
            "for queries 0 to 19 score() returned a list; expected a numpy array",
        ),
        ("numpy.zeros((3, 200))", "for queries 0 to 19 score() returned shape (3, 200); expected (20, "),
        ("numpy.full((len(queries), self.n_items), numpy.inf)", "score() returned an infinity"),
        ("numpy.array(['a'])", "for queries 0 to 19 score() returned dtype <U1; expected a numpy array of float32"),
    ],
    ids=["list", "shape", "infinity", "text"],
)
def test_scores_that_are_none_fail_the_trial_in_one_line(bench_here: Any, given: str, said: str) -> None:
    import numpy

    def fit(self: Any, train: Any, run: Any) -> None:
        self.n_items = train.n_items

    def score(self: Any, queries: Any) -> Any:
        return eval(given, {"numpy": numpy}, {"self": self, "queries": queries})

    failure = bench_here(variant(fit=fit, score=score))
    assert failure.kind == "BenchError"
    assert failure.traceback == ""
    assert failure.message.startswith("method 'mine': ")
    assert said in failure.message
    assert "\n" not in failure.message


@pytest.fixture
def bench_here(plug: Any, tmp_path: Path) -> Any:
    """Runs a method on a small shop in this process; how the trial failed."""

    def run(method: type[Method]) -> Failure:
        built_in = load_catalog()
        own = load_catalog([plug("one", **offering(method))])
        catalog = replace(built_in, methods=own.methods, plugin_of={**built_in.plugin_of, **own.plugin_of})
        suite = tmp_path / "mine.yaml"
        suite.write_text(
            "datasets: {shop: {source: synthetic-shop, options: {users: 20, items: 200}}}\n"
            "protocol: {cutoffs: [5]}\nmethods: {mine: }\nseeds: [1]\n"
        )
        plan = make_plan(load_suite(suite, catalog))
        [progress] = run_plan(plan, catalog, Store(tmp_path / "results", "mine"), workers=0)
        assert progress.record is not None
        assert progress.record.failure is not None
        return progress.record.failure

    return run


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


def test_a_distribution_installed_by_pip_runs_from_the_command_line(new_environment: Any, tmp_path: Path) -> None:
    """All four kinds, in an environment of their own."""
    source = shutil.copytree(THIRD_PARTY, tmp_path / "source")
    installed = new_environment(f"pip install --no-deps --no-build-isolation {source}", tmp_path)
    assert installed.returncode == 0, installed.stderr
    shutil.rmtree(source)
    assert " parrot " in new_environment("bench list language-models", tmp_path).stdout
    for name in ("last-seen", "ring", "Fullness", "parrot"):
        checked = new_environment(f"bench check {name}", tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    (tmp_path / "ring.yaml").write_text(
        "datasets: {ring: {source: ring, options: {stops: 16, users: 32}}}\nprotocol: {cutoffs: [3]}\n"
        "methods:\n  last-seen:\n"
        "  told: {method: gru4rec+, config: {epochs: 1, item_text: "
        "{texts: {kind: facts, writer: {provider: parrot}}, encoder: {kind: tfidf}}}}\n"
        "seeds: [7]\nmetrics: [HR, Fullness]\n"
    )
    done = new_environment("bench run ring.yaml --workers 1 --json", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {trial["state"] for trial in json.loads(done.stdout)["trials"]} == {"finished"}
    costs = new_environment("bench table ring.yaml --table cost --format markdown", tmp_path)
    assert "grey" in costs.stdout
