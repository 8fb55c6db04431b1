"""Tables: what a cell says, what a reader is told, and the same table in every form."""

import csv
import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmrec_bench import BenchError, DataSource, Log, Method
from llmrec_bench.errors import SuiteErrors
from llmrec_bench.metrics.accuracy import HR
from llmrec_bench.metrics.coverage import Gini
from llmrec_bench.metrics.popularity import ARP
from llmrec_bench.plan import Plan, Trial, make_plan
from llmrec_bench.plugins import Catalog
from llmrec_bench.store import DatasetPart, Failure, MethodPart, ProtocolPart, Record
from llmrec_bench.suite import load_suite
from llmrec_bench.table_text import FORMATS, Format, render_tables
from llmrec_bench.tables.build import build_tables
from llmrec_bench.tables.table import Cell, ComparedCell, Table

GOLDEN = Path(__file__).parents[2] / "golden" / "tables"


class Steps(DataSource):
    """Ten users, twelve items."""

    name = "steps"

    def read(self) -> Log:
        return self.walk(2)

    def walk(self, stride: int) -> Log:
        user, step = np.divmod(np.arange(50), 5)
        return Log(pd.DataFrame({"user": user, "item": (stride * user + step) % 12}), pd.DataFrame({"title": []}))


class Made(Steps):
    """Ten simulated users, twelve items."""

    name = "made"
    simulated = True

    def read(self) -> Log:
        return self.walk(3)


class Answer(Method):
    """Never asked in these tests."""

    name = "answer"
    version = "1"

    class Config(Method.Config):
        number: int = 1

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


CATALOG = Catalog(
    methods={"answer": Answer}, datasets={"steps": Steps, "made": Made}, metrics={"HR": HR, "ARP": ARP, "Gini": Gini}
)

SUITE = """
datasets:
  real: {source: steps}
  toy_shop: {source: made}
protocol: {cutoffs: [5, 10]}
methods:
  whole: {method: answer, config: {number: 2}}
  "a|b_c 50%": {method: answer, config: {number: 3}}
  "[first]": {method: answer, config: {number: 4}}
  broken: {method: answer, config: {number: 5}}
  idle: {method: answer, config: {number: 6}}
  answer: {grid: {number: [7, 8]}}
seeds: [1, 2, 3]
metrics: [HR, ARP, Gini]
tables:
  main: {title: "Accuracy & popularity_bias\\nin one", metrics: [HR@10, ARP@10, Gini@10]}
"""

LATER = Failure(phase="load", kind="OSError", message="gone", traceback="")

Planned = Callable[..., Plan]


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    def plan(text: str = SUITE, **options: Any) -> Plan:
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return make_plan(load_suite(path, CATALOG), **options)

    return plan


def record(
    trial: Trial,
    metrics: dict[str, float | None] | None,
    chance: dict[str, float | None] | None = None,
    *,
    candidates: str = "full",
    message: str = "out of luck\nand more",
    errors: dict[str, float] | None = None,
    **changes: Any,
) -> Record:
    """What a trial might have left; failed where there are no metrics."""
    protocol = trial.protocol
    return Record(
        id=trial.id,
        suite="study",
        status="failed" if metrics is None else "finished",
        dataset=DatasetPart(
            label=trial.dataset.label,
            source=trial.dataset.source.name,
            options={},
            preparation={},
            fingerprint=changes.get("fingerprint", trial.fingerprint),
            simulated=trial.dataset.source.simulated,
            funnel=[],
            users=10,
            items=12,
            interactions=50,
            queries=None if metrics is None else 10,
        ),
        method=MethodPart(label=trial.method.label, name="answer", version="1", plugin="p", source="", config={}),
        protocol=ProtocolPart(
            hash=changes.get("hash", protocol.hash), description="", settings={}, candidates_hash=candidates
        ),
        seed=trial.seed,
        metrics=metrics or {},
        chance=chance or {},
        standard_errors=errors or {},
        resources=None,
        provenance={},
        log=[],
        failure=None if metrics else Failure(phase="fit", kind="ValueError", message=message, traceback=""),
    )


def records(plan: Plan) -> dict[str, Record]:
    """A store after a bad day: a row of each kind."""
    left = {}
    for trial in plan.trials:
        hit = trial.seed / 10
        chance = {"HR@10": 0.5 + trial.seed / 100, "ARP@10": 40.0, "Gini@10": None}
        match trial.method.label:
            case "whole":
                found = {"HR@10": hit, "ARP@10": 1000 * trial.seed, "Gini@10": 0.5}
                left[trial.id] = record(trial, found, chance, errors={"HR@10": 0.1})
            case "a|b_c 50%" if trial.seed < 3:
                left[trial.id] = record(trial, {"HR@10": hit, "ARP@10": 12.345, "Gini@10": None}, chance)
            case "a|b_c 50%" | "broken":
                left[trial.id] = record(trial, None)
            case "[first]" if trial.seed == 2:
                left[trial.id] = record(trial, {"HR@10": 1.0, "ARP@10": 3.0}, chance)
            case "answer[number=7]":
                left[trial.id] = record(trial, {"HR@10": 0.0, "ARP@10": 0.0, "Gini@10": 1.0}, chance)
    return left


@pytest.fixture
def tables(planned: Planned) -> list[Table]:
    plan = planned()
    return build_tables(plan, records(plan))


# Cells


@pytest.fixture
def cells(tables: list[Table]) -> dict[str, tuple[Cell, ...]]:
    return {row.method: row.cells for row in tables[0].rows}


def test_rows_and_columns_stand_as_the_suite_says(tables: list[Table]) -> None:
    assert [table.dataset for table in tables] == ["real", "toy_shop"]
    for table in tables:
        assert table.columns == ("HR@10", "ARP@10", "Gini@10")
        assert [row.method for row in table.rows] == [
            "whole", "a|b_c 50%", "[first]", "broken", "idle", "answer[number=7]", "answer[number=8]"
        ]  # fmt: skip


def test_a_complete_cell_is_mean_and_sample_deviation(cells: dict[str, tuple[Cell, ...]]) -> None:
    hit, popularity, gini = cells["whole"]
    assert hit.status == popularity.status == gini.status == "complete"
    assert hit.values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert (hit.mean, hit.std) == (pytest.approx(0.2), pytest.approx(0.1))
    assert (popularity.mean, popularity.std) == (2000, 1000)
    assert (gini.mean, gini.std) == (0.5, 0)


def test_a_partial_cell_is_over_the_seeds_there_are(cells: dict[str, tuple[Cell, ...]]) -> None:
    hit, _, _ = cells["a|b_c 50%"]
    assert (hit.status, hit.values) == ("partial", {1: 0.1, 2: 0.2})
    assert (hit.mean, hit.std) == (pytest.approx(0.15), pytest.approx(0.1 / 2**0.5))
    assert cells["[first]"][0] == Cell("partial", 1.0, None, {2: 1.0}, near_chance=False)


def test_a_cell_without_a_number_says_why(cells: dict[str, tuple[Cell, ...]]) -> None:
    assert cells["a|b_c 50%"][2] == Cell("undefined", None, None, {}, near_chance=False)
    assert cells["[first]"][2] == Cell("unmeasured", None, None, {}, near_chance=False)  # run before Gini was asked for
    assert [cell.status for cell in cells["broken"]] == ["failed"] * 3
    assert [cell.status for cell in cells["idle"]] == ["missing"] * 3


def test_chance_is_a_mean_over_seeds(tables: list[Table]) -> None:
    assert tables[0].chance == (pytest.approx(0.52), 40, None)


def test_without_records_everything_is_missing(planned: Planned) -> None:
    table, _ = build_tables(planned(), {})
    assert {cell.status for row in table.rows for cell in row.cells} == {"missing"}
    assert table.chance == (None, None, None)
    assert table.notes[-1] == "Not run yet: 21 of 21 trials."


def test_only_what_was_asked_for_is_shown(planned: Planned) -> None:
    plan = planned(only=["real/whole"], seeds=[2])
    (table,) = build_tables(plan, records(plan))
    assert [row.method for row in table.rows] == ["whole"]
    assert table.seeds == (2,)
    assert table.rows[0].cells[0] == Cell("complete", 0.2, None, {2: 0.2}, near_chance=True)


def test_a_table_none_of_whose_methods_was_asked_for_is_left_out(planned: Planned) -> None:
    table = "  other: {metrics: [HR@5], datasets: [real], methods: [idle]}\n"
    plan = planned(SUITE + table, only=["real/whole", "toy_shop/idle"])
    found = build_tables(plan, records(plan))
    assert [(table.name, table.dataset, [row.method for row in table.rows]) for table in found] == [
        ("main", "real", ["whole"]),
        ("main", "toy_shop", ["idle"]),
    ]


# Notes


def test_notes_say_what_a_reader_must_know(tables: list[Table]) -> None:
    real, toy = tables
    data = f"Data {real.fingerprint}: steps, 10 users, 12 items, 50 interactions; 10 queries."
    assert real.notes[:3] == (
        data,
        f"Protocol {real.protocol_hash}: leave-one-out; full catalogue; seen items masked; ties: expected value; "
        "k = 5, 10.",
        "Mean ± standard deviation over seeds 1, 2, 3: the spread of repeated runs, not a test between methods.",
    )
    failed = [note for note in real.notes if note.startswith("Failed: ")]
    assert len(failed) == 4
    assert re.fullmatch(r"Failed: broken seed 1, ValueError: out of luck \(trial [0-9a-f]{12}\)", failed[1])
    assert real.notes[-3:] == (
        "Not run yet: 8 of 21 trials.",
        "Not measured yet: metrics of 1 of 21 trials; bench run adds them without a fit.",
        "≈: below chance, or above it by less than two standard errors over users.",
    )
    assert toy.notes[0] == "SIMULATED: the interactions of 'made' are made by a program, not observed."
    assert (real.simulated, toy.simulated) == (False, True)


def test_what_methods_remark_and_what_their_ties_leave_open_stand_below(planned: Planned) -> None:
    plan = planned()
    left = {}
    for trial in plan.trials:
        said = {"remarks": ["10 answers, 9 valid"] if trial.method.label == "whole" else []}
        if trial.method.label == "[first]":
            said = {"remarks": [f"{trial.seed} valid"], "bounds": {"HR@10": (0.25, 0.5)}}
        left[trial.id] = record(trial, {"HR@10": 0.5}).model_copy(update=said)
    table, *_ = build_tables(plan, left)
    notes = [note for note in table.notes if "valid" in note or "open" in note]
    assert notes[:3] == [
        "whole: 10 answers, 9 valid.",
        "[first]: 1 valid.",
        "[first]: ties of seed 1 leave open HR@10 0.2500 to 0.5000.",
    ]


def test_a_failure_to_measure_again_is_told_only_where_it_shows(planned: Planned) -> None:
    plan = planned(only=["real/whole"], seeds=[1])
    left = {t.id: r.model_copy(update={"failure": LATER}) for t in plan.trials if (r := records(plan)[t.id])}
    assert not any(note.startswith("Failed: ") for note in build_tables(plan, left)[0].notes)
    lacking = {key: r.model_copy(update={"metrics": {"HR@10": 0.1}}) for key, r in left.items()}
    assert any(note.startswith("Failed: whole seed 1, OSError: gone") for note in build_tables(plan, lacking)[0].notes)


def test_one_seed_has_no_spread(planned: Planned) -> None:
    plan = planned(seeds=[1])
    assert "One seed (1): no spread is known." in build_tables(plan, records(plan))[0].notes


# Published numbers

PAPER = """source,table,dataset,backbone,method,metric,mean,std,pvalue,unit,protocol
A Paper,2,Real,,Whole,HR@10,17.5,1.25,,percent,candidates: sampled 100; seen: mask
A Paper,2,real,[first],[first],ARP@10,4,,,plain,candidates: sampled 100; seen: mask
"""
BESIDE = SUITE.replace("Gini@10]}", "Gini@10], published: paper.csv}")


@pytest.fixture
def compared(planned: Planned, tmp_path: Path) -> list[Table]:
    """Beside a file with one value in two of three columns, for one of two data sets."""
    (tmp_path / "paper.csv").write_text(PAPER)
    plan = planned(BESIDE)
    return build_tables(plan, records(plan))


def test_a_published_number_stands_beside_ours(compared: list[Table], tables: list[Table]) -> None:
    cells = {row.method: row.cells for row in compared[0].rows}
    hit, popularity, gini = cells["whole"]
    assert isinstance(hit, ComparedCell)
    assert (hit.mean, hit.published, hit.published_std) == (pytest.approx(0.2), 0.175, 0.0125)
    assert hit.difference == pytest.approx(0.025)
    assert isinstance(popularity, ComparedCell)
    assert (popularity.published, popularity.difference) == (None, None)  # of another method only
    assert type(gini) is Cell  # not in the file
    assert isinstance(cells["[first]"][1], ComparedCell)
    assert cells["[first]"][1].difference == -1
    ours = [[(cell.mean, cell.std, cell.status) for cell in row.cells] for row in tables[0].rows]
    assert [[(cell.mean, cell.std, cell.status) for cell in row.cells] for row in compared[0].rows] == ours


def test_a_note_says_whose_numbers_and_which_protocol(compared: list[Table]) -> None:
    real, toy = compared
    assert real.notes[-1] == (
        "Published: A Paper, table 2 (paper.csv). Its protocol differs in candidates (sampled 100, here full). "
        "It leaves unsaid: split, ties."
    )
    assert sum(note.startswith("Published: ") for note in real.notes) == 1
    assert toy.notes[-1] == "Published: paper.csv has no data set 'toy_shop'; it has Real, real."


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"Whole": "Half", ",[first],[first]": ",,Third"}, "none of these rows for 'real'; it has Half, Third."),
        ({"HR@10": "HR@99", "ARP@10": "ARP@99"}, "none of these columns for 'real'; it has HR@99, ARP@99."),
    ],
)
def test_a_file_without_anything_of_a_table(
    planned: Planned, tmp_path: Path, changes: dict[str, str], note: str
) -> None:
    text = PAPER
    for old, new in changes.items():
        text = text.replace(old, new)
    (tmp_path / "paper.csv").write_text(text)
    plan = planned(BESIDE)
    table = build_tables(plan, records(plan))[0]
    assert table.notes[-1] == f"Published: paper.csv has {note}"
    columns = len(table.columns) + 2 * (0 if "columns" in note else 2)
    header = next(line for line in render_tables([table], "markdown").splitlines() if line.startswith("|"))
    assert header.count("|") == columns + 3  # the method and the settings too


def test_every_form_shows_published_numbers(compared: list[Table]) -> None:
    markdown = [line for line in render_tables(compared, "markdown").splitlines() if line.startswith("| ")]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown]
    assert shown[0] == [
        "method", "settings", "HR@10", "HR@10 published", "HR@10 difference", "ARP@10", "ARP@10 published",
        "ARP@10 difference", "Gini@10",
    ]  # fmt: skip
    assert shown[1][2:8] == [
        "**0.2000** ±0.1000 ≈", "0.1750 ±0.0125", "+0.0250", "<ins>2,000.00</ins> ±1,000.00", "-", "-"
    ]  # fmt: skip
    assert shown[3][5:8] == ["3.00 (1/3 seeds)", "4.00", "-1.00"]
    assert shown[4][2:5] == ["failed", "-", "-"]
    assert shown[7][:5] == ["answer[number=8]", "own", "not run", "-", "-"]
    assert shown[8][:5] == ["chance", "", "0.5200", "", ""]
    assert r"HR@10 published & HR@10 difference" in re.sub(" +", " ", render_tables(compared, "latex"))
    first, second = json.loads(render_tables(compared, "json"))
    assert first["rows"][0]["cells"][0]["published"] == 0.175
    assert second["rows"][0]["cells"][0]["published"] is None
    assert "published" not in first["rows"][0]["cells"][2]
    rows = list(csv.DictReader(io.StringIO(render_tables(compared, "csv"))))
    assert [rows[0][name] for name in ("published", "published_std", "difference")] == [
        "0.175", "0.0125", str(compared[0].rows[0].cells[0].difference)  # type: ignore[attr-defined]
    ]  # fmt: skip
    assert rows[2]["published"] == rows[-1]["published"] == ""


QUOTED = BESIDE.replace("paper.csv}", 'paper.csv, published_only: {Half: "no code\n  or data"}}')


def test_a_row_may_have_published_numbers_only(planned: Planned, tmp_path: Path) -> None:
    (tmp_path / "paper.csv").write_text(PAPER + "A Paper,2,Real,,half,HR@10,8.5,,,percent,candidates: sampled 100\n")
    plan = planned(QUOTED)
    real, toy = build_tables(plan, records(plan))
    *_, row = real.rows
    assert (row.method, row.settings, row.trials) == ("Half", "published", {})
    assert [cell.status for cell in row.cells] == ["published"] * 3
    assert [getattr(cell, "published", None) for cell in row.cells] == [0.085, None, None]
    assert real.notes[-1] == "Half: published only, no code or data."
    assert "Half" not in {row.method for row in toy.rows}  # of which the file has no number
    assert not any(note.startswith("Half") for note in toy.notes)
    line = next(line for line in render_tables([real], "markdown").splitlines() if line.startswith("| Half"))
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "Half", "published", "-", "0.0850", "-", "-", "-", "-", "-",
    ]  # fmt: skip
    found = list(csv.DictReader(io.StringIO(render_tables([real], "csv"))))[-3]
    assert [found[name] for name in ("method", "status", "mean", "published")] == ["Half", "published", "", "0.085"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("published: paper.csv, published_only: {Wole: gone}", "paper.csv has no 'Wole'; did you mean 'Whole'?"),
        ("published: paper.csv, published_only: {whole: gone}",
         "'whole' is a method of this suite, with numbers of its own"),
        ("published_only: {Half: gone}", "'Half' is to show published numbers, and `published` has no file"),
    ],
)  # fmt: skip
def test_a_wrong_published_row_is_a_mistake(planned: Planned, tmp_path: Path, entry: str, message: str) -> None:
    (tmp_path / "paper.csv").write_text(PAPER)
    with pytest.raises(SuiteErrors) as error:
        planned(BESIDE.replace("published: paper.csv", entry))
    assert error.value.mistakes == [f"{tmp_path}/study.yaml:16: tables.main: {message}"]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_published_numbers_fit_a_terminal(compared: list[Table], width: int) -> None:
    shown = render_tables(compared[:1], "terminal", width=width)
    assert max(map(len, shown.splitlines())) <= width
    assert {"0.1750", "+0.0250", "4.00", "-1.00"} <= set(re.findall(r"[-+]?\d+\.\d+", shown))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("papers.csv", "{folder}/papers.csv: no such file; did you mean 'paper.csv'?"),
        ("$NOWHERE/a.csv", "the environment variable in $NOWHERE/a.csv is not set; set it or write the path out"),
        ("wrong.csv", "{folder}/wrong.csv:2: unknown unit 'percents'; did you mean 'percent'?"),
    ],
)
def test_a_wrong_file_is_a_mistake_of_the_suite(planned: Planned, tmp_path: Path, written: str, message: str) -> None:
    (tmp_path / "paper.csv").write_text(PAPER)
    (tmp_path / "wrong.csv").write_text(PAPER.replace("percent", "percents"))
    text = BESIDE.replace("paper.csv", written) + "  odd: {metrics: [HR@11], titel: x}\nseed: 1\n"
    with pytest.raises(SuiteErrors) as error:
        planned(text)
    found = [line.removeprefix(f"{tmp_path}/study.yaml:") for line in error.value.mistakes]
    assert f"16: tables.main.published: {message.format(folder=tmp_path)}" in found
    assert len(found) == 4  # with an unknown column and two unknown keys


# Numbers that must not meet


def test_one_data_set_under_two_labels_is_refused(planned: Planned, tmp_path: Path) -> None:
    with pytest.raises(BenchError) as error:
        planned(
            "datasets: {a: {source: steps}, b: {source: steps}}\nmethods: {answer: }\n"
            "protocol: {cutoffs: [5]}\nmetrics: [HR]"
        )
    assert str(error.value) == f"{tmp_path}/study.yaml: datasets.b: the same data as 'a'; keep one"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hash": "0" * 12}, "one table cannot hold numbers of different protocols (000000000000: whole; "),
        ({"fingerprint": "0" * 16}, "one table cannot hold numbers of different data sets (0000000000000000: whole; "),
        (
            {"candidates": "c1"},
            "one table cannot hold numbers of different candidate sets for seed 1 (c1: whole; full: ",
        ),
    ],
    ids=["protocol", "data", "candidates"],
)
def test_numbers_of_different_origin_do_not_meet(planned: Planned, changes: dict[str, Any], message: str) -> None:
    plan = planned()
    stored = records(plan)
    first = plan.trials[0]
    stored[first.id] = record(first, {"HR@10": 1.0}, **changes)
    with pytest.raises(BenchError) as error:
        build_tables(plan, stored)
    assert str(error.value).startswith(message)
    assert str(error.value).endswith("; bench table --allow-mixed prints it all the same")
    table = build_tables(plan, stored, allow_mixed=True)[0]
    assert table.notes[0].startswith(f"MIXED: {message.removeprefix('one table cannot hold numbers of ')}")
    assert table.rows[0].cells[0].values[1] == 1


@pytest.mark.parametrize(
    ("hits", "errors", "near"),
    [
        ([0.5, 0.6], [0.1, 0.1], True),  # below
        ([0.7, 0.8], [0.1, 0.1], True),  # 0.75 is not above 0.6 + 2 * 0.1
        ([0.8, 0.9], [0.1, 0.1], False),
        ([0.8, 0.9], [0.1, 0.2], True),  # 0.85 is not above 0.6 + 2 * 0.15
        ([0.5, 0.6], [0.1, None], False),  # a record of an older version does not tell
    ],
)
def test_a_number_near_chance_is_marked(
    planned: Planned, hits: list[float], errors: list[float | None], near: bool
) -> None:
    plan = planned(only=["whole"], seeds=[1, 2])
    stored = {
        t.id: record(t, {"HR@10": hit}, {"HR@10": 0.6}, errors=None if e is None else {"HR@10": e})
        for t, hit, e in zip(plan.trials[:2], hits, errors, strict=True)
    }
    [table, _] = build_tables(plan, stored)
    assert table.rows[0].cells[0].near_chance is near
    assert ("≈" in render_tables([table], "markdown")) is near
    assert (r"$\approx$" in render_tables([table], "latex")) is near


def test_seeds_may_have_candidates_of_their_own(planned: Planned) -> None:
    plan = planned()
    stored = {t.id: record(t, {"HR@10": 0.5}, candidates=f"draw {t.seed}") for t in plan.trials}
    assert build_tables(plan, stored)[0].rows[0].cells[0].status == "complete"


# Forms


@pytest.mark.parametrize("form", FORMATS)
def test_forms_are_as_committed(tables: list[Table], form: Format) -> None:
    """Set UPDATE_GOLDENS=1 to write them anew, and read the difference."""
    path = GOLDEN / {
        "terminal": "terminal_80.txt", "markdown": "tables.md", "latex": "tables.tex", "csv": "tables.csv",
        "json": "tables.json",
    }[form]  # fmt: skip
    text = render_tables(tables, form, width=80)
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


NUMBER = re.compile(r"±?\d[\d,]*\.\d+")


@pytest.mark.parametrize("width", [30, 40, 50, 60, 80, 100, 160])
def test_a_narrow_terminal_cuts_no_number(tables: list[Table], width: int) -> None:
    grids = [table for table in render_tables(tables, "terminal", width=width).split("\n\n") if table]
    assert max(len(line) for line in "\n".join(grids).splitlines()) <= width
    for table, shown in zip(tables, grids, strict=True):
        wide = render_tables([table], "terminal", width=300)
        assert sorted(_cells(shown)) == sorted(_cells(wide))


def _cells(text: str) -> list[str]:
    """Every number inside the grids' lines."""
    return [number for line in text.splitlines() if line.startswith("│") for number in NUMBER.findall(line)]


def test_markdown_escapes_what_would_end_a_cell(tables: list[Table]) -> None:
    lines = render_tables(tables[:1], "markdown").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert rows[3].startswith(r"| a\|b_c 50% ")
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_latex_escapes_labels_and_closes_what_it_opens(tables: list[Table]) -> None:
    text = render_tables(tables, "latex")
    assert r"a\textbar{}b\_c 50\%" in text
    assert "\n {[}first]" in text
    assert r"Accuracy \& popularity\_bias in one: toy\_shop (simulated data)" in text
    for environment in ("table", "tabular"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}") == 2
    assert text.count("{") == text.count("}")
    assert text.count("$") % 2 == 0
    assert not re.search(r"(?<!\\)[&%#_]", re.sub(r"(?m)^%.*|^.*\\\\$", "", text))
    for line in text.splitlines():
        if line.endswith(r"\\"):
            assert len(re.findall(r"(?<!\\)&", line)) == 4


def test_csv_has_a_row_for_every_cell(tables: list[Table]) -> None:
    rows = list(csv.DictReader(io.StringIO(render_tables(tables, "csv"))))
    assert len(rows) == 2 * 7 * 3
    assert rows[0] == {
        "table": "main", "dataset": "real", "simulated": "False", "method": "whole", "settings": "own",
        "metric": "HR@10", "mean": "0.19999999999999998", "std": "0.09999999999999999", "seeds": "3",
        "seeds_planned": "3", "status": "complete", "chance": "0.52", "near_chance": "True",
        "protocol_hash": tables[0].protocol_hash, "data_fingerprint": tables[0].fingerprint,
    }  # fmt: skip


def test_json_keeps_the_values_of_each_seed(tables: list[Table]) -> None:
    first, second = json.loads(render_tables(tables, "json"))
    assert first["rows"][0]["cells"][0]["values"] == {"1": 0.1, "2": 0.2, "3": 0.3}
    assert second["simulated"] is True
