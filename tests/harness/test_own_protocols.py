"""Data sets that are tested by another protocol than the suite's: what that means, what is refused, and a real run."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llmrec_bench import Plan, Store, Suite, load_catalog, load_suite, make_plan, run_plan
from llmrec_bench.artifacts import Artifacts
from llmrec_bench.compare.build import compare_runs
from llmrec_bench.compare.stored_run import read_run
from llmrec_bench.errors import SuiteErrors
from llmrec_bench.execute.agenda import stage_jobs
from llmrec_bench.execute.job import Job
from llmrec_bench.execute.run import asking_for, progress_of
from llmrec_bench.figures.build import build_figures
from llmrec_bench.gate.baseline import make_baseline, read_baseline, write_baseline
from llmrec_bench.gate.judge import judge
from llmrec_bench.protocol import CandidateFile, FullCatalogue, Protocol, Sampled
from llmrec_bench.report.html import build_page, render_page
from llmrec_bench.tables.build import build_tables

CATALOG = load_catalog()

SUITE = """
datasets:
  whole: &shop {source: synthetic-shop, options: {users: 40, items: 200}}
  top-n: {<<: *shop, protocol: {candidates: {kind: sampled, n: 30, seed: 5}, cutoffs: [1, 5]}}
protocol: {seen: none, cutoffs: [5, 10]}
methods: {popularity: , item-knn: }
seeds: [1, 2]
metrics: [HR, NDCG]
"""

SPLIT = SUITE.replace("cutoffs: [1, 5]}}", "cutoffs: [1, 5], split: {kind: ratio}}}")
"""The same data, split in two ways, and tested in two."""

Load = Callable[..., Suite]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load_text(text: str = SUITE, profile: str | None = None) -> Suite:
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return load_suite(path, CATALOG, profile)

    return load_text


def mistakes(make: Callable[..., Any], *given: Any) -> list[str]:
    with pytest.raises(SuiteErrors) as error:
        make(*given)
    return [line.partition("study.yaml:")[2] for line in error.value.mistakes]


# What it means


def test_a_data_set_changes_some_options_and_has_the_rest_of_the_suite(load: Load) -> None:
    suite = load()
    assert suite.protocol_on("whole") == suite.protocol == Protocol(seen="none", cutoffs=(5, 10))
    changed = Protocol(seen="none", cutoffs=(1, 5), candidates=Sampled(n=30, seed=5))
    assert suite.protocol_on("top-n") == changed
    assert suite.columns_on("top-n") == ["HR@1", "HR@5", "NDCG@1", "NDCG@5"]
    assert [(use.hash, use.datasets) for use in suite.protocols] == [
        (suite.protocol.hash, ("whole",)),
        (changed.hash, ("top-n",)),
    ]


def test_one_protocol_for_all_data_sets_names_none(load: Load) -> None:
    same = "{cutoffs: [10, 5]}"
    [use] = load(SUITE.replace("{candidates: {kind: sampled, n: 30, seed: 5}, cutoffs: [1, 5]}", same)).protocols
    assert use.datasets == ()
    assert use.line.startswith(f"{use.hash}: leave-one-out; full catalogue")


def test_a_profile_changes_what_a_data_set_inherits(load: Load) -> None:
    profile = "profiles: {masked: {protocol: {seen: mask, cutoffs: [5]}}}\n"
    suite = load(SUITE + profile, "masked")
    assert (suite.protocol_on("top-n").seen, suite.protocol_on("top-n").cutoffs) == ("mask", (1, 5))


def test_the_paths_of_candidates_start_at_the_suites_folder(load: Load, tmp_path: Path) -> None:
    files = SUITE.replace("{kind: sampled, n: 30, seed: 5}", "{kind: file, path: lists.txt}")
    assert load(files).protocol_on("top-n").candidates == CandidateFile(path=tmp_path / "lists.txt")
    inherited = SUITE.replace("{seen: none,", "{candidates: {kind: file, path: lists.txt},").replace(
        "{candidates: {kind: sampled, n: 30, seed: 5}, ", "{"
    )
    assert load(inherited).protocol_on("top-n").candidates == CandidateFile(path=tmp_path / "lists.txt")


def test_ids_are_those_of_a_suite_with_that_protocol(load: Load) -> None:
    plan = make_plan(load())
    alone = make_plan(
        load(SUITE.replace("top-n: {<<: *shop, protocol:", "other: {<<: *shop, protocol:").replace(
            "protocol: {seen: none, cutoffs: [5, 10]}",
            "protocol: {seen: none, cutoffs: [1, 5], candidates: {kind: sampled, n: 30, seed: 5}}",
        ).replace("protocol: {candidates: {kind: sampled, n: 30, seed: 5}, cutoffs: [1, 5]}", "protocol: {seen: mask}"))
    )  # fmt: skip
    ids = {t.id for t in plan.trials if t.dataset.label == "top-n"}
    assert ids == {t.id for t in alone.trials if t.dataset.label == "whole"}
    assert len({t.id for t in plan.trials}) == 8


def test_a_stage_is_built_on_the_split_of_the_data_set_that_it_is_built_on(load: Load, tmp_path: Path) -> None:
    """Also where it serves another one."""
    student = (
        "{kind: student, student: {kind: distilled, base: {kind: from-scratch}, built_on: top-n, "
        "teacher: {kind: teacher, writer: {provider: simulated}}}}"
    )
    lent = f"lent: {{method: slim-gru4rec, config: {{user_text: {{texts: {student}}}}}}}"
    suite = load(SPLIT.replace("item-knn: ", lent))
    plan = make_plan(suite, only=["whole/lent"])
    planned = {found.stage.name: found for found in plan.stages_for(plan.trials[0])}
    assert planned["distilled-student"].dataset.label == "top-n"
    assert planned["student-rationales"].dataset.label == "whole"
    store = Store(tmp_path, "study")
    job = Job(
        plan.trials[0], store, "study", "plugin", {}, {}, Artifacts(tmp_path / "artifacts"),
        asking_for(plan, CATALOG, store), "cpu", {}, stages=tuple(planned.values()),
    )  # fmt: skip
    jobs = {job.stage.stage.name: job.trial for job in stage_jobs([job]).values() if job.stage is not None}
    for name, label in (("distilled-student", "top-n"), ("student-rationales", "whole")):
        trial, protocol = jobs[name], suite.protocol_on(label)
        assert (trial.dataset.label, trial.protocol, trial.protocol_hash) == (label, protocol, protocol.hash)


# What is refused


def test_the_same_data_are_refused_under_the_same_protocol_only(load: Load) -> None:
    same = SUITE.replace("{candidates: {kind: sampled, n: 30, seed: 5}, cutoffs: [1, 5]}", "{cutoffs: [10, 5]}")
    assert mistakes(make_plan, load(same)) == [" datasets.top-n: the same data as 'whole'; keep one"]
    assert len(make_plan(load()).prepared) == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("{cutofs: [1]}", "datasets.top-n.protocol: unknown key 'cutofs'; did you mean 'cutoffs'?"),
        ("{candidates: {kind: sampld}}",
         "datasets.top-n.protocol.candidates: unknown kind 'sampld'; did you mean 'sampled'?"),
        ("{candidates: {kind: sampled, n: 8}}",
         "datasets.top-n.protocol: cut-off 10 is larger than the 9 candidates (target and 8 negatives)"),
        ("{seen: perhaps}", "datasets.top-n.protocol.seen: should be 'mask', 'none' or 'zero' (given \"perhaps\")"),
        ("[1]", "datasets.top-n.protocol: should be a mapping (given a list)"),
        ("{candidates: {kind: file, path: $NOWHERE/a}}",
         "datasets.top-n.protocol.candidates.path: the environment variable in $NOWHERE/a is not set; "
         "set it or write the path out"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_once_where_it_stands(load: Load, changes: str, told: str) -> None:
    text = SUITE.replace("{candidates: {kind: sampled, n: 30, seed: 5}, cutoffs: [1, 5]}", changes)
    assert mistakes(load, text) == [f"4: {told}"]


def test_what_a_data_set_inherits_is_told_once_too(load: Load) -> None:
    assert mistakes(load, SUITE.replace("seen: none", "seen: perhaps")) == [
        "5: protocol.seen: should be 'mask', 'none' or 'zero' (given \"perhaps\")"
    ]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("tables: {t: {metrics: [HR@5, HR@10]}}",
         "tables.t: 'HR@10' is not measured on top-n, where the cut-offs are others; name the `datasets` to show"),
        ("tables: {t: {metrics: [HR@1], datasets: [whole]}}",
         "tables.t: 'HR@1' is not measured by this suite (metrics HR, NDCG at 5, 10); did you mean 'HR@10'?"),
        ("tables: {t: {metrics: [HR@7]}}",
         "tables.t: 'HR@7' is not measured by this suite (metrics HR, NDCG at 1, 5, 10); did you mean 'HR@5'?"),
        ("figures: {f: {kind: activity, metric: HR@1}}",
         "figures.f: 'HR@1' is not measured on whole, where the cut-offs are others; name the `datasets` to show"),
        ("figures: {f: {kind: popularity}}",
         "figures.f: cutoff 10 is beyond the 5 places that are kept of each list (the largest cut-off of the "
         "protocol); use 1 to 5"),
    ],
)  # fmt: skip
def test_a_column_is_measured_on_all_data_sets_that_it_shows(load: Load, entry: str, told: str) -> None:
    [mistake] = mistakes(load, SUITE + entry)
    assert mistake.partition(": ")[2] == told


def test_a_table_that_names_its_data_sets_may_have_their_columns(load: Load) -> None:
    suite = load(SUITE + "tables: {a: {metrics: [HR@1], datasets: [top-n]}, b: {metrics: [HR@10], datasets: [whole]}}")
    assert [table.datasets for table in suite.tables] == [("top-n",), ("whole",)]


def test_without_tables_the_largest_cut_off_of_all_is_shown(load: Load) -> None:
    [table] = load().tables
    assert table.metrics == ("HR@5", "NDCG@5")
    assert mistakes(load, SUITE.replace("cutoffs: [1, 5]", "cutoffs: [1]")) == [
        "2: datasets: their protocols share no cut-off to make one table of; name `tables`"
    ]


# A real run


SHOWN = """
tables:
  main: {metrics: [HR@5], baseline: popularity, published: paper.csv, published_only: {Theirs: no code}}
figures: {gains: {kind: differences, metric: NDCG@5, pairs: [[item-knn, popularity]]}}
"""


@dataclasses.dataclass
class Run:
    plan: Plan
    store: Store

    @property
    def records(self) -> dict[str, Any]:
        return {p.trial.id: p.record for p in progress_of(self.plan, self.store) if p.record is not None}


def run(suite: Suite, folder: Path) -> Run:
    found = Run(make_plan(suite), Store(folder, suite.name))
    assert {p.state for p in run_plan(found.plan, CATALOG, found.store, workers=0)} == {"finished"}
    return found


@pytest.fixture
def both(load: Load, tmp_path: Path) -> Run:
    header = "source,table,dataset,backbone,method,metric,mean,std,pvalue,unit,protocol"
    (tmp_path / "paper.csv").write_text(f"{header}\nA Paper,1,top-n,,Theirs,HR@5,0.5,,,plain,\n")
    return run(load(SPLIT + SHOWN), tmp_path / "both")


def test_each_data_set_has_the_numbers_of_its_own_protocol(both: Run, load: Load, tmp_path: Path) -> None:
    """As a suite has them that knows nothing of the other: one worker goes from the one to the other."""
    alone = load(
        SUITE.replace("top-n: {<<: *shop, ", "gone: {<<: *shop, ").replace(
            "protocol: {seen: none, cutoffs: [5, 10]}",
            "protocol: {seen: none, cutoffs: [1, 5], split: {kind: ratio}, "
            "candidates: {kind: sampled, n: 30, seed: 5}}",
        ).replace("protocol: {candidates: {kind: sampled, n: 30, seed: 5}, cutoffs: [1, 5]}", "protocol: {seen: mask}")
    )  # fmt: skip
    other = run(alone, tmp_path / "alone")
    theirs = {id: record for id, record in other.records.items() if record.dataset.label == "whole"}
    ours = {id: record for id, record in both.records.items() if record.dataset.label == "top-n"}
    assert ours.keys() == theirs.keys()
    for id, record in ours.items():
        assert record.metrics == theirs[id].metrics
        assert record.chance == theirs[id].chance
        assert record.protocol == theirs[id].protocol
    assert {r.protocol.settings["candidates"]["kind"] for r in both.records.values()} == {"full", "sampled"}


def test_a_table_is_of_one_protocol_with_its_own_footer(both: Run) -> None:
    whole, top_n = build_tables(both.plan, both.records, both.store)
    for table in (whole, top_n):
        protocol = both.plan.suite.protocol_on(table.dataset)
        assert table.protocol_hash == protocol.hash
        assert f"Protocol {protocol.hash}: {protocol.describe()}." in table.notes
        assert {both.records[id].protocol.hash for row in table.rows for id in row.trials.values()} == {protocol.hash}
    assert whole.chance[0] == pytest.approx(5 / len(both.plan.prepared["whole"].dataset.items), rel=0.1)
    assert top_n.chance[0] == pytest.approx(5 / 31, rel=0.1)
    assert whole.against is not None
    assert whole.against.family == 2  # one for each data set of the table


def test_figures_and_the_page_name_both(both: Run) -> None:
    suite = both.plan.suite
    hashes = {label: suite.protocol_on(label).hash for label in ("whole", "top-n")}
    figures = build_figures(both.plan, both.store, both.records)
    assert {figure.dataset: figure.protocol_hash for figure in figures} == hashes
    page = build_page(both.plan, progress_of(both.plan, both.store), [], both.store, datetime(2026, 1, 1, tzinfo=UTC))
    text = render_page(page)
    for label, found in hashes.items():
        assert f"{label}: {suite.protocol_on(label).describe()} <code>{found}</code>" in text
    assert "Theirs: published only, no code." in text
    assert page.charts.keys() == hashes.keys()
    assert not any("Theirs" in repr(chart) for chart in page.all_charts)  # it has nothing to draw


def test_a_run_compared_with_itself_shows_what_each_data_set_measured(both: Run) -> None:
    stored = read_run(both.store.folder)
    found = compare_runs(stored, stored, CATALOG)
    assert {row.status for row in found.differences} == {"tested"}
    assert {row.metric for row in found.differences if row.dataset == "whole"} == {"HR@5", "HR@10", "NDCG@5", "NDCG@10"}
    assert found.family == len(found.differences) == 16


def test_a_gate_holds_each_data_set_by_its_own_protocol(both: Run, load: Load, tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_baseline(make_baseline(both.plan, both.store, path, "1%"), path)
    kept = json.loads(path.read_text())
    assert kept["protocol_hash"] == both.plan.suite.protocol.hash
    assert "protocol_hash" not in kept["datasets"]["whole"]
    assert kept["datasets"]["top-n"]["protocol_hash"] == both.plan.suite.protocol_on("top-n").hash
    baseline = read_baseline(path)
    assert baseline is not None
    same = judge(baseline, both.plan, both.store, CATALOG.metrics)
    assert (same.exit_status, same.same, same.family) == (0, 16, 16)
    other = make_plan(load((SPLIT + SHOWN).replace("seed: 5", "seed: 6")))
    [gap] = judge(baseline, other, both.store, CATALOG.metrics).gaps
    assert gap.dataset == "top-n"
    assert gap.reason.startswith(f"other protocol: {other.suite.protocol_on('top-n').hash} (per-user ratio")
    assert isinstance(other.suite.protocol.candidates, FullCatalogue)
