"""The committed regression tables: of this version, near what others print, and what a run gives again."""

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llmrec_bench import load_catalog, load_suite, make_plan
from llmrec_bench.gate.baseline import read_baseline

ROOT = Path(__file__).parents[1]
BASELINES = ROOT / "results" / "baselines"
GATES = sorted(path for path in BASELINES.glob("*-gate.json"))
"""Baselines of `bench gate`, which holds a run against them; all others are tables."""
SUITES = sorted(path.stem for path in BASELINES.glob("*.json") if path not in GATES)
DATA = Path(os.environ.get("LLMREC_BENCH_DATA", ROOT.parent / "shared" / "data"))
FOR_COSTS_ALONE = {"LLM as Ranker", "LLM as Enhancer"}
"""Methods of `paper` that stand in no table of accuracy."""
LLMRANK = ["all-users", "hard", "ml-1m", "ml-1m-all-users", "ml-1m-hard"]
PROFILES = {"paper-games": ("paper", "games"), **{f"llmrank-{name}": ("llmrank", name) for name in LLMRANK}}
"""Tables of a profile: of which suite, and which one."""
FOLDERS = {
    "paper-games": "amazon-games-2018-sample3000",
    "p5-beauty": "p5-beauty",
    "p5-sports": "p5-sports",
    "ml-1m": "ml-1m",
    "games-2018": "amazon-games-2018",
    "llmrank": "llmrank-games",
    **{f"llmrank-{name}": "ml-1m" if name.startswith("ml-1m") else "llmrank-games" for name in LLMRANK},
}


@pytest.fixture(scope="module")
def published() -> ModuleType:
    """The script that sets our tables beside published ones."""
    module = ModuleType("beside_published")
    path = BASELINES / "beside_published.py"
    module.__file__, sys.modules[module.__name__] = str(path), module
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
    return module


def stored(suite: str) -> list[dict[str, Any]]:
    return json.loads((BASELINES / f"{suite}.json").read_text(encoding="utf-8"))


def require_data(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if suite in FOLDERS and not (DATA / FOLDERS[suite]).exists():
        pytest.skip(f"{FOLDERS[suite]} is not under LLMREC_BENCH_DATA")
    monkeypatch.setenv("LLMREC_BENCH_DATA", str(DATA))


def test_every_study_has_its_table() -> None:
    others = ["enhancer", "ml-100k", "paper", "ranker", "rdrec", "slim-minus", "tuning", "zoo"]
    assert sorted([*FOLDERS, *others]) == SUITES


@pytest.mark.data
@pytest.mark.parametrize("suite", SUITES)
def test_a_table_is_of_this_version(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods, their options, protocol and data have the ids they had; else run the suite and commit its table."""
    require_data(suite, monkeypatch)
    name, profile = PROFILES.get(suite, (suite, None))
    [seeds] = {tuple(table["seeds"]) for table in stored(suite)}
    plan = make_plan(load_suite(ROOT / "suites" / f"{name}.yaml", load_catalog(), profile), seeds=seeds)
    trials = [t for t in plan.trials if t.method.label not in FOR_COSTS_ALONE]
    planned = {(t.dataset.label, t.method.label, str(t.seed)): t.id for t in trials}
    kept = {
        (table["dataset"], row["method"], seed): identity
        for table in stored(suite)
        for row in table["rows"]
        for seed, identity in row["trials"].items()
    }
    assert kept == planned
    assert {c["status"] for table in stored(suite) for row in table["rows"] for c in row["cells"]} == {"complete"}


@pytest.mark.parametrize("path", GATES, ids=lambda path: path.stem)
def test_a_gate_is_of_this_version(path: Path) -> None:
    """Else run the suite and update the baseline, as its guide says."""
    kept = read_baseline(path)
    assert kept is not None
    plan = make_plan(load_suite(kept.suite_path(path), load_catalog(), kept.profile), seeds=kept.seeds)
    assert kept.protocol_hash == plan.suite.protocol.hash
    trials = {
        (dataset, label, seed): identity
        for dataset, part in kept.datasets.items()
        for label, method in part.methods.items()
        for seed, identity in method.trials.items()
    }
    assert trials == {(t.dataset.label, t.method.label, t.seed): t.id for t in plan.trials}


@pytest.mark.parametrize(
    ("suite", "method", "peer", "metric"),
    [
        ("p5-beauty", "sasrec-bce", "SASRec", "HR@10"),
        ("p5-beauty", "sasrec-bce", "SASRec", "NDCG@10"),
        ("p5-beauty", "gru4rec", "GRU4Rec", "HR@10"),
        ("p5-sports", "sasrec-bce", "SASRec", "HR@10"),
        ("p5-sports", "sasrec-bce", "SASRec", "NDCG@10"),
    ],
)
def test_a_baseline_is_no_weaker_than_published(
    published: ModuleType, suite: str, method: str, peer: str, metric: str
) -> None:
    [printed] = [printed for ours, theirs, printed in published.COMPARED[suite] if (ours, theirs) == (method, peer)]
    assert statistics.fmean(published.values(suite, method, metric)) >= printed.value(peer, metric)


def test_cross_entropy_gives_about_what_others_found(published: ModuleType) -> None:
    [(_, peer, printed)] = [row for row in published.COMPARED["p5-beauty"] if row[0] == "sasrec"]
    found = statistics.fmean(published.values("p5-beauty", "sasrec", "HR@10"))
    assert 0.075 <= found <= 0.1
    assert found >= 0.95 * printed.value(peer, "HR@10")


@pytest.mark.parametrize("metric", ["HR@10", "NDCG@10"])
def test_sasrec_on_movielens_1m_is_as_published(published: ModuleType, metric: str) -> None:
    [(ours, peer, printed)] = published.COMPARED["ml-1m"]
    found = statistics.fmean(published.values("ml-1m", ours, metric))
    assert found == pytest.approx(printed.value(peer, metric), abs=0.02)


def test_the_guide_shows_what_the_tables_hold(published: ModuleType) -> None:
    guide = (BASELINES / "README.md").read_text(encoding="utf-8")
    for suite in published.COMPARED:
        assert "\n".join(published.lines(suite)) in guide


def test_the_guide_says_of_rdrec_what_its_tables_hold() -> None:
    """The difference that rationales make, with its interval, and the share of test interactions in the leak's line."""
    guide = " ".join((BASELINES / "README.md").read_text(encoding="utf-8").split())
    figure = (BASELINES / "rdrec-figures.md").read_text(encoding="utf-8").splitlines()
    [row] = [line for line in figure if "| RDRec (simulated) minus RDRec UsP=0 ItA=0" in line]
    value, interval = (cell.strip() for cell in row.split("|")[2:4])
    assert f"NDCG@10, {value}, 95 % interval {interval.replace(',', ' to')}" in guide
    table = (BASELINES / "rdrec.md").read_text(encoding="utf-8")
    [share] = set(re.findall(r"those of (\S+%) of the test interactions", table))
    assert f"those of {share} of the test interactions are trained on" in guide


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("suite", SUITES)
def test_a_run_gives_the_table_again(suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours for all of them: every suite anew, each mean within four deviations, or 0.01, of the stored one."""
    require_data(suite, monkeypatch)
    bench = [sys.executable, "-m", "llmrec_bench.cli"]
    name, profile = PROFILES.get(suite, (suite, None))
    seeds = ",".join(map(str, stored(suite)[0]["seeds"]))
    where = [str(ROOT / "suites" / f"{name}.yaml"), "--results", str(tmp_path), "--seeds", seeds]
    where += [] if profile is None else ["--profile", profile]
    subprocess.run([*bench, "run", *where], check=True, capture_output=True)
    printed = subprocess.run([*bench, "table", *where, "--format", "json"], check=True, capture_output=True, text=True)
    for table, kept in zip(json.loads(printed.stdout), stored(suite), strict=True):
        assert (table["fingerprint"], table["protocol_hash"]) == (kept["fingerprint"], kept["protocol_hash"])
        for row, kept_row in zip(table["rows"], kept["rows"], strict=True):
            for cell, kept_cell in zip(row["cells"], kept_row["cells"], strict=True):
                spread = max(0.01, 4 * (kept_cell["std"] or 0))
                assert cell["mean"] == pytest.approx(kept_cell["mean"], abs=spread), row["method"]
