"""Cost tables: every number worked by hand, and the same table in every form."""

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from llmrec_bench import DataSource, Log, Method
from llmrec_bench.cost_text import cost_view, render_costs
from llmrec_bench.costs import CostTable, build_cost_tables, standalone_usd
from llmrec_bench.llm.meter import Spending
from llmrec_bench.metrics.accuracy import HR
from llmrec_bench.plan import Plan, make_plan
from llmrec_bench.plugins import Catalog
from llmrec_bench.store import DatasetPart, MethodPart, ProtocolPart, Record, Resources, StagePart
from llmrec_bench.suite import load_suite


class Steps(DataSource):
    """Ten users, twelve items."""

    name = "steps"

    def read(self) -> Log:
        events = [{"user": user, "item": (2 * user + step) % 12} for user in range(10) for step in range(5)]
        return Log(pd.DataFrame(events), pd.DataFrame({"title": []}))


class Answer(Method):
    """Never asked in these tests."""

    name = "answer"
    version = "1"

    class Config(Method.Config):
        number: int = 1

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


SUITE = """
datasets:
  a&b: {source: steps}
protocol: {cutoffs: [5]}
methods:
  plain: {method: answer, config: {number: 1}}
  fused: {method: answer, config: {number: 2}}
  "asks|all": {method: answer, config: {number: 3}}
  idle: {method: answer, config: {number: 4}}
seeds: [1, 2]
metrics: [HR]
"""

MIB = 2**20


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE)
    return make_plan(
        load_suite(path, Catalog(methods={"answer": Answer}, datasets={"steps": Steps}, metrics={"HR": HR}))
    )


def spending(family: str, **changes: Any) -> Spending:
    plain = {
        "provider": "clerk", "model": "quill", "family": family, "charged": "one-off", "simulated": False,
        "deployment": "API", "price": "quill of 2024-01-01",
    }  # fmt: skip
    return Spending(**{**plain, **changes})


NOTES = spending(
    "note", calls=22, failed_calls=2, recorded_calls=5, prompt_tokens=2000, completion_tokens=400, call_seconds=30.0,
    billed_usd=0.75, notional_usd=1.0, parameters=7_000_000_000,
)  # fmt: skip
FACTS = StagePart(stage="facts", key="f" * 16, build_seconds=40.0, peak_memory_bytes=50 * MIB, spending=[NOTES])
VECTORS = StagePart(stage="vectors", key="e" * 16, build_seconds=8.0, peak_memory_bytes=None, spending=[])


def asked(seed: int) -> list[Spending]:
    """The second seed finds all its answers recorded."""
    kinds = {"calls": 10, "prompt_tokens": 1000 + seed, "completion_tokens": 50, "call_seconds": 5.0}
    paid = {"recorded_calls": 0, "billed_usd": 0.3} if seed == 1 else {"recorded_calls": 10, "billed_usd": 0.0}
    greeting = spending("greeting", calls=1, prompt_tokens=9, completion_tokens=1, billed_usd=0.01, notional_usd=0.01)
    return [greeting, spending("next", charged="per-request", notional_usd=0.3, **kinds, **paid)]


def record(
    plan: Plan, label: str, seed: int, stages: Sequence[StagePart] = (), own: Sequence[Spending] = (), **changes: Any
) -> Record:
    [trial] = [t for t in plan.trials if t.method.label == label and t.seed == seed]
    data = DatasetPart(
        label="a&b", source="steps", options={}, preparation={}, fingerprint="0", simulated=False, funnel=[],
        users=10, items=12, interactions=50, queries=10,
    )  # fmt: skip
    method = MethodPart(label=label, name="answer", version="1", plugin="x", source="", config={})
    protocol = ProtocolPart(hash="p", description="", settings={}, candidates_hash="full")
    resources = Resources(
        load_seconds=100, fit_seconds=2.0 * seed, score_seconds=0.5 * seed, rank_seconds=0.1, measure_seconds=100,
        peak_memory_bytes=seed * 100 * MIB,
    )  # fmt: skip
    plain = {
        "id": trial.id, "suite": "suite", "status": "finished", "dataset": data, "method": method,
        "protocol": protocol, "seed": seed, "metrics": {"HR@5": 0.5}, "chance": {}, "resources": resources,
        "provenance": {"device": "cpu"}, "log": [], "stages": list(stages), "spending": list(own), "parameters": 1234,
    }  # fmt: skip
    return Record(**{**plain, **changes})


def table(plan: Plan, *records: Record) -> CostTable:
    [found] = build_cost_tables(plan, {r.id: r for r in records})
    return found


@pytest.fixture
def whole(plan: Plan) -> CostTable:
    return table(
        plan,
        *(record(plan, "plain", seed) for seed in (1, 2)),
        *(record(plan, "fused", seed, [FACTS, VECTORS]) for seed in (1, 2)),
        *(record(plan, "asks|all", seed, [FACTS], asked(seed)) for seed in (1, 2)),
    )


def row(table: CostTable, method: str, step: str) -> dict[str, Any]:
    [found] = [vars(r) | {"each": r.seconds_per_piece} for r in table.rows if (r.method, r.step) == (method, step)]
    return found


def test_the_steps_in_their_order(whole):
    assert [(r.method, r.step) for r in whole.rows] == [
        ("plain", "fit"),
        ("plain", "ranking"),
        ("fused", "facts: note by quill"),
        ("fused", "vectors"),
        ("fused", "fit"),
        ("fused", "ranking"),
        ("asks|all", "facts: note by quill"),
        ("asks|all", "fit"),
        ("asks|all", "fit: greeting by quill"),
        ("asks|all", "ranking"),
        ("asks|all", "ranking: next by quill"),
    ]


def test_a_methods_own_steps_are_means_over_its_seeds(whole):
    fit, ranking = row(whole, "plain", "fit"), row(whole, "plain", "ranking")
    assert (fit["seconds"], fit["pieces"], fit["each"]) == (3.0, 1, 3.0)  # of 2 and 4
    assert (fit["charged"], fit["calls"], fit["billed_usd"]) == ("one-off", 0, 0.0)
    assert (fit["parameters"], fit["peak_memory_bytes"], fit["deployment"]) == (1234, 200 * MIB, "cpu")
    assert ranking["charged"] == "per-request"
    assert ranking["seconds"] == pytest.approx(0.85)  # of 0.6 and 1.1
    assert (ranking["pieces"], ranking["each"]) == (10, pytest.approx(0.085))


def test_a_shared_stage_stands_in_full_for_each(whole):
    one, other = row(whole, "fused", "facts: note by quill"), row(whole, "asks|all", "facts: note by quill")
    assert {**one, "method": ""} == {**other, "method": ""}
    assert (one["shared_by"], row(whole, "fused", "vectors")["shared_by"]) == (2, 1)
    assert (one["calls"], one["failed_calls"], one["recorded_calls"], one["pieces"]) == (22, 2, 5, 20)
    assert (one["seconds"], one["each"]) == (30.0, 1.5)
    assert (one["prompt_tokens"], one["completion_tokens"]) == (2000, 400)
    assert (one["billed_usd"], one["notional_usd"]) == (0.75, 1.0)
    assert (one["parameters"], one["peak_memory_bytes"], one["deployment"]) == (7_000_000_000, 50 * MIB, "API")
    vectors = row(whole, "fused", "vectors")
    assert (vectors["seconds"], vectors["pieces"], vectors["calls"], vectors["deployment"]) == (8.0, 1, 0, "local")
    assert standalone_usd(whole.rows, "fused") == (0.75, 1.0)
    assert standalone_usd(whole.rows, "plain") == (0.0, 0.0)


def test_requests_that_seeds_share_are_paid_by_the_first_and_stand_as_a_mean(whole):
    asked = row(whole, "asks|all", "ranking: next by quill")
    assert (asked["calls"], asked["recorded_calls"], asked["pieces"]) == (10, 5, 10)
    assert asked["prompt_tokens"] == 1001.5
    assert (asked["billed_usd"], asked["notional_usd"]) == (pytest.approx(0.15), pytest.approx(0.3))
    assert (asked["seconds"], asked["each"], asked["charged"]) == (5.0, 0.5, "per-request")
    billed, notional = standalone_usd(whole.rows, "asks|all")
    assert billed == pytest.approx(0.75 + 0.01 + 0.15)
    assert notional == pytest.approx(1.0 + 0.01 + 0.3)


def test_what_is_unknown_is_not_nothing(plan):
    silent = spending(
        "note", calls=3, calls_without_usage=3, calls_without_seconds=3, billed_usd=None, notional_usd=None, price="",
    )  # fmt: skip
    some = spending("next", calls=3, calls_without_usage=1, calls_without_seconds=1, call_seconds=4.0, prompt_tokens=8,
                    billed_usd=None, notional_usd=None)  # fmt: skip
    failed = spending("lost", calls=2, failed_calls=2, price="")
    found = table(plan, record(plan, "plain", 1, own=[silent, some, failed], parameters=None))
    one = row(found, "plain", "fit: note by quill")
    assert (one["prompt_tokens"], one["completion_tokens"], one["seconds"], one["each"]) == (None, None, None, None)
    assert (one["billed_usd"], one["notional_usd"]) == (None, None)
    two = row(found, "plain", "fit: next by quill")
    assert (two["prompt_tokens"], two["seconds"], two["pieces"], two["each"]) == (8, 4.0, 2, 2.0)
    three = row(found, "plain", "fit: lost by quill")
    assert (three["prompt_tokens"], three["billed_usd"], three["pieces"], three["each"]) == (0, 0.0, 0, None)
    assert standalone_usd(found.rows, "plain") == (None, None)
    assert any(note.startswith("n/a: not every answer tells its tokens") for note in found.notes)
    assert any(note.startswith("n/a: no list has a price") for note in found.notes)
    shown = render_costs([found], "markdown")
    cells = [cell.strip() for cell in next(line for line in shown.splitlines() if "fit: note" in line).split("|")]
    assert cells[6] == "n/a"
    assert cells[9:13] == ["n/a"] * 4
    assert "8 (1 n/a)" in shown
    assert "2 (2 failed)" in shown


def test_notes_say_what_a_reader_should_know(whole, plan):
    assert any(note.startswith("A stage shared by several methods") for note in whole.notes)
    assert any(note.startswith("Billed: ") for note in whole.notes)
    assert "Price: quill of 2024-01-01." in whole.notes
    assert not any("SIMULATED" in note or "n/a" in note for note in whole.notes)
    bare = table(plan, record(plan, "plain", 1))
    assert len(bare.notes) == 1
    made = table(plan, record(plan, "plain", 1, own=[spending("note", calls=1, simulated=True)]))
    assert any(note.startswith("SIMULATED: ") for note in made.notes)
    assert "fit: note by quill (simulated)" in render_costs([made], "markdown")


def test_a_failed_or_missing_trial_costs_no_row(plan):
    failed = record(plan, "fused", 1, [FACTS], status="failed", resources=None)
    found = table(plan, failed, record(plan, "plain", 2))
    assert {r.method for r in found.rows} == {"plain"}
    assert table(plan).rows == ()


def terminal(table: CostTable, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(cost_view([table]))
    return console.export_text()


HEADERS = (
    "charged", "shared by", "pieces", "s/piece", "calls", "recorded", "prompt tokens", "completion tokens",
    "billed USD", "notional USD", "parameters", "peak MiB", "runs on",
)  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_column_is_lost_on_a_terminal(whole, width):
    shown = terminal(whole, width)
    assert max(map(len, shown.splitlines()[1:])) <= width or width == 200
    words = re.findall(r"[^\s│┃]+", shown)
    for header in HEADERS:
        assert all(word in words for word in header.split()), header
    for value in (
        "7,000,000,000",
        "1,001.5",
        "0.7500",
        "1.3100",
        "0.9100",
        "1,234",
        "per-request",
        "API",
        "0.085",
        "200",
    ):
        assert value in words, value
    assert "…" not in shown
    assert shown.count("method: step") == len(re.findall("┏", shown))


def test_a_wide_terminal_shows_one_grid(whole):
    shown = terminal(whole, 200)
    assert shown.count("┏") == 1
    line = next(line for line in shown.splitlines() if "asks|all: all, standalone" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")][9:11] == ["0.9100", "1.3100"]


def test_the_other_forms_say_the_same(whole):
    markdown = render_costs([whole], "markdown")
    assert markdown.startswith("**Cost: a&b**\n\n| method")
    assert r"| asks\|all | ranking: next by quill" in re.sub(" +", " ", markdown)
    assert markdown.count("all, standalone") == 2  # where money is involved
    latex = render_costs([whole], "latex")
    assert r"\caption{Cost: a\&b}" in latex
    assert latex.count(r"\toprule") == latex.count(r"\bottomrule") == 1
    assert "0.9100" in latex
    rows = list(csv.DictReader(io.StringIO(render_costs([whole], "csv"))))
    assert len(rows) == len(whole.rows)
    [asked] = [r for r in rows if r["step"] == "ranking: next by quill"]
    assert (asked["method"], asked["dataset"], asked["calls"]) == ("asks|all", "a&b", "10")
    assert float(asked["billed_usd"]) == pytest.approx(0.15)
    assert float(asked["seconds_per_piece"]) == 0.5
    [plain] = json.loads(render_costs([whole], "json"))
    assert plain["dataset"] == "a&b"
    assert len(plain["rows"]) == len(whole.rows)
    assert plain["rows"][0]["seconds_per_piece"] == 3.0
    assert plain["notes"] == list(whole.notes)
    with pytest.raises(ValueError, match="cost_view is for terminals"):
        render_costs([whole], "terminal")
