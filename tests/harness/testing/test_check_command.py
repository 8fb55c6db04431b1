"""`bench check`: a line a check, and an exit status that says whether all is well."""

import json
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest

from llmrec_bench import hookimpl, load_catalog
from llmrec_bench.testing.offers import named_plugins

sys.path.insert(0, str(Path(__file__).parent))

from broken_language_models import Uncounted
from broken_metrics import Percent, SoundMetric


class Declared(Percent):
    """Counts in percent, and says so."""

    name = "Declared"
    expected_failures: ClassVar = {"value-range": "it counts in percent", "query-order ": "a name with a blank"}


class Mended(SoundMetric):
    """Says that it fails where it does not."""

    name = "Mended"
    expected_failures: ClassVar = {"ties": "it did once"}


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands see the built-in plugins and these."""
    module = types.ModuleType("checked_plugins")

    @hookimpl
    def register_metrics() -> list[type]:
        return [Percent, Declared, Mended]

    @hookimpl
    def register_language_models() -> list[type]:
        return [Uncounted]

    vars(module).update(register_metrics=register_metrics, register_language_models=register_language_models)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    own = EntryPoint(name="checked", value=module.__name__, group="llmrec_bench")
    from importlib.metadata import entry_points

    catalog = load_catalog([*entry_points(group="llmrec_bench"), own])
    monkeypatch.setattr("llmrec_bench.commands.check.read_catalog", lambda: catalog)


def test_a_metric_that_passes(bench: Any, offered: None) -> None:
    status, printed, errors = bench("check", "MRR")
    assert (status, errors) == (0, "")
    first, *lines = printed.splitlines()
    assert first == "metric MRR"
    assert [line.split() for line in lines] == [
        [name, "passed"]
        for name in (
            "declarations", "value-range", "query-order", "ties", "chance-level", "nothing-to-measure",
            "import-without-network", "import-without-framework",
        )
    ]  # fmt: skip


def test_one_that_fails_says_why_in_a_line(bench: Any, offered: None) -> None:
    status, printed, _ = bench("check", "Sound")
    assert status == 1
    assert "  value-range                failed: 4.16667 at 1 is outside the bounds 0 to 1" in printed.splitlines()


def test_an_expected_failure_shows_its_reason(bench: Any, offered: None) -> None:
    status, printed, _ = bench("check", "Declared")
    lines = [line.strip() for line in printed.splitlines()]
    assert "value-range                expected failure: it counts in percent" in lines
    assert "expected-failures          failed: there is no check 'query-order '; did you mean 'query-order'?" in lines
    assert status == 1  # for the reason that belongs to no check


def test_a_failure_that_is_over_has_to_be_taken_out(bench: Any, offered: None) -> None:
    status, printed, _ = bench("check", "Mended")
    assert status == 1
    assert "failed: passes, though expected_failures says that it fails; take it out there" in printed


def test_for_machines(bench: Any, offered: None) -> None:
    status, printed, _ = bench("check", "sound-model", "--json")
    assert status == 1
    [failed] = [check for check in json.loads(printed)["checks"] if check["status"] == "failed"]
    assert failed == {
        "kind": "language-model",
        "check": "usage-reported",
        "status": "failed",
        "reason": "answer 0 has None for prompt_tokens; should be a whole number",
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["populartiy"], "no plugin is called 'populartiy'; did you mean 'popularity'?"),
        (["popularity", "--kind", "metric"], "no metric is called 'popularity'; known: "),
        (["sasrec", "-o", "widht=8"], "method 'sasrec': options: unknown key 'widht'; did you mean 'width'?"),
        (["sasrec", "-o", "width"], "--option width: should be KEY=VALUE"),
        (["llm-ranker"], "method 'llm-ranker': has no default for language_model; give what to check it with, as in"),
        (
            ["p5", "--kind", "dataset", "-o", "pahts=x"],
            "data source 'p5': options: unknown key 'pahts'; did you mean 'path'?",
        ),
        (["NDCG", "-o", "k=3"], "metric 'NDCG' has no options"),
        (["NDCG", "--update"], "--update: metric 'NDCG' has no versioned options to keep; only methods have"),
        (
            ["p5"],
            "data source 'p5': has no default for path; give what to check it with, as in -o path=VALUE; or one of its "
            "kinds: --kind method, --kind dataset",
        ),
    ],
)
def test_mistakes_are_one_line(bench: Any, offered: None, arguments: list[str], said: str) -> None:
    status, _, errors = bench("check", *arguments)
    assert status == 2
    [line] = errors.splitlines()
    assert line.startswith(f"bench: {said}")


def test_stages_are_found_among_the_options_of_methods() -> None:
    [(kind, stage)] = named_plugins(load_catalog(), "item-facts", None)
    assert (kind, stage.__name__) == ("stage", "ItemFacts")
