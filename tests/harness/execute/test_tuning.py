"""Tuning as a user runs it: every fit is kept, validation alone chooses, and a search goes on where it was stopped."""

import json
import signal
from pathlib import Path

import pytest

SUITE = """
datasets:
  ring: {source: ring}
protocol: {cutoffs: [1, 5]}
tune: {fits: 12, metric: NDCG@5}
methods:
  aimed:
  tuned: {method: aimed, tune: true}
seeds: [1, 2]
metrics: [HR, NDCG]
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SUITE)
    return path


def fits(results: Path) -> list[dict]:
    """The fits of the only search, without what differs between runs."""
    [folder] = results.glob("small/searches/*")
    found = [json.loads(path.read_text()) for path in sorted(folder.iterdir())]
    assert [fit["number"] for fit in found] == list(range(len(found)))
    for fit in found:
        assert fit.pop("fit_seconds") >= 0
        assert fit.pop("provenance")["python"]
    return found


def records(results: Path, label: str = "tuned") -> list[dict]:
    found = [json.loads(path.read_text()) for path in results.glob("small/trials/*/record.json")]
    return sorted((r for r in found if r["method"]["label"] == label), key=lambda r: r["seed"])


def chosen(found: list[dict]) -> dict:
    return max((fit for fit in found if fit["value"] is not None), key=lambda fit: (fit["value"], -fit["number"]))


def test_validation_chooses_and_everything_is_kept(bench, suite, tmp_path):
    run = bench("run", suite, "--results", tmp_path / "results")
    assert run.returncode == 0, run.stderr
    found = fits(tmp_path / "results")
    assert len(found) == 12
    assert found[0]["options"] == {}
    assert found[0]["config"] == {"aim": 7, "spread": 1.0, "fate": "live"}
    assert all(set(fit["options"]) == {"aim", "spread"} for fit in found[1:])
    assert {(fit["metric"], fit["seed"]) for fit in found} == {("NDCG@5", 0)}
    best = chosen(found)
    assert best["value"] > found[0]["value"]
    for record in records(tmp_path / "results"):
        assert record["method"]["config"] == best["config"]
        tuning = record["tuning"]
        assert tuning.pop("fit_seconds") > 0
        assert tuning == {
            "search": found[0]["search"],
            "fits": 12,
            "failed_fits": 0,
            "metric": "NDCG@5",
            "value": best["value"],
            "untuned_value": found[0]["value"],
            "options": best["options"],
        }
    assert [r["tuning"] for r in records(tmp_path / "results", "aimed")] == [None, None]
    table = bench("table", suite, "--results", tmp_path / "results", "--format", "csv").stdout.splitlines()
    settings = {tuple(line.split(",")[3:5]) for line in table[1:]}
    assert settings == {("aimed", "default"), ("tuned", '"tuned')}
    assert "Tuned: tuned, 12 fits, " in run.stdout
    plan = bench("plan", suite, "--results", tmp_path / "results")
    assert f"tuning tuned on ring (search {found[0]['search']}): 12 of 12 fits done" in plan.stdout
    assert json.loads(bench("plan", suite, "--results", tmp_path / "results", "--json").stdout)["searches"][0]["fits"][
        0
    ] == {"options": {}, "NDCG@5": found[0]["value"]}
    again = bench("run", suite, "--results", tmp_path / "results")
    assert again.stderr == ""
    assert again.stdout == run.stdout


def test_the_test_target_is_unknown_to_a_search(bench, suite, tmp_path):
    assert bench("run", suite, "--results", tmp_path / "a", "--only", "tuned", "--seeds", "1").returncode == 0
    suite.write_text(SUITE.replace("{source: ring}", "{source: ring, options: {detour: 5}}"))
    assert bench("run", suite, "--results", tmp_path / "b", "--only", "tuned", "--seeds", "1").returncode == 0
    kept = ("options", "value", "log")
    one, other = ([[fit[key] for key in kept] for fit in fits(tmp_path / name)] for name in "ab")
    assert one == other
    assert records(tmp_path / "a")[0]["metrics"] != records(tmp_path / "b")[0]["metrics"]


def test_the_workers_change_nothing(bench, suite, tmp_path):
    for workers in ("0", "1", "2"):
        done = bench("run", suite, "--results", tmp_path / workers, "--workers", workers, "--seeds", "1")
        assert done.returncode == 0, done.stderr
    assert fits(tmp_path / "0") == fits(tmp_path / "1") == fits(tmp_path / "2")
    assert len({json.dumps(records(tmp_path / w)[0]["metrics"]) for w in "012"}) == 1


def test_a_larger_budget_goes_on_where_a_smaller_one_ended(bench, suite, tmp_path):
    suite.write_text(SUITE.replace("fits: 12", "fits: 5"))
    assert bench("run", suite, "--results", tmp_path / "results", "--only", "tuned").returncode == 0
    [folder] = (tmp_path / "results").glob("small/searches/*")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 5
    suite.write_text(SUITE)
    assert "5 of 12 fits done" in bench("plan", suite, "--results", tmp_path / "results").stdout
    run = bench("run", suite, "--results", tmp_path / "results", "--only", "tuned")
    assert "[6/14] ring tuned tuning fit 6" in run.stderr
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(after) == 12
    assert before.items() <= after.items()
    assert bench("run", suite, "--results", tmp_path / "fresh", "--only", "tuned").returncode == 0
    assert fits(tmp_path / "fresh") == fits(tmp_path / "results")


@pytest.mark.parametrize("moment", ["fit of a search with seed 0", "fit of a search with seed 2"])
def test_a_killed_search_goes_on(bench, suite, tmp_path, moment):
    assert bench("run", suite, "--results", tmp_path / "unkilled").returncode == 0
    mark = tmp_path / "mark"
    first = bench("run", suite, "--results", tmp_path / "results", "--only", "tuned", "--seeds", "1")
    assert first.returncode == 0
    for path in (tmp_path / "results").glob("small/searches/*/fit-0[01]*.json"):
        if path.name >= "fit-004.json":
            path.unlink()
    for path in (tmp_path / "results").glob("small/trials/*/record.json"):
        path.unlink()
    killed = bench("run", suite, "--results", tmp_path / "results", KILL_AT=moment, KILL_MARK=str(mark))
    assert killed.returncode == -signal.SIGKILL
    assert mark.exists()
    done = bench("run", suite, "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    assert fits(tmp_path / "results") == fits(tmp_path / "unkilled")
    one, other = (records(tmp_path / name) for name in ("results", "unkilled"))
    assert [(r["id"], r["metrics"]) for r in one] == [(r["id"], r["metrics"]) for r in other]


@pytest.mark.parametrize(
    ("fate", "kind", "message"),
    [
        ("raise-above-9", "ValueError", "too far"),
        ("die-above-9", "WorkerDied", "the worker process was ended by"),
        ("picky", "ValidationError", "these options do not go together: aim and spread are both high"),
    ],
)
def test_a_failing_fit_costs_one_fit(bench, suite, tmp_path, fate, kind, message):
    suite.write_text(SUITE.replace("tune: true", f"config: {{fate: {fate}}}, tune: true"))
    run = bench("run", suite, "--results", tmp_path / "results", "--only", "tuned", "--seeds", "1")
    assert run.returncode == 0, run.stderr
    found = fits(tmp_path / "results")
    failed = [fit for fit in found if fit["failure"] is not None]
    assert len(found) == 12
    assert 0 < len(failed) < 12
    assert all(fit["options"]["aim"] > 9 for fit in failed)
    assert {fit["failure"]["kind"] for fit in failed} == {kind}
    assert failed[0]["failure"]["message"].startswith(message)
    assert records(tmp_path / "results")[0]["tuning"]["failed_fits"] == len(failed)
    assert f"({len(failed)} failed)" in run.stdout


def test_a_search_that_comes_to_nothing_fails_its_trials_and_starts_again(bench, suite, tmp_path):
    suite.write_text(SUITE.replace("tune: true", "config: {fate: raise-once}, tune: true").replace("12", "3"))
    mend = tmp_path / "mend"
    run = bench("run", suite, "--results", tmp_path / "results", MEND=str(mend))
    assert run.returncode == 1
    assert "Traceback" not in run.stderr + run.stdout
    assert len(fits(tmp_path / "results")) == 3
    for record in records(tmp_path / "results"):
        assert record["failure"]["kind"] == "SearchFailed"
        assert record["failure"]["message"].endswith("came to a value; the first: not mended yet")
    assert {r["status"] for r in records(tmp_path / "results", "aimed")} == {"finished"}
    mend.touch()
    again = bench("run", suite, "--results", tmp_path / "results", MEND=str(mend))
    assert again.returncode == 0, again.stderr
    assert {fit["failure"] is None for fit in fits(tmp_path / "results")} == {True}


def test_a_metric_added_later_fits_nothing_and_keeps_the_choice(bench, suite, tmp_path):
    assert bench("run", suite, "--results", tmp_path / "results", "--only", "tuned").returncode == 0
    before = records(tmp_path / "results")
    for path in (tmp_path / "results").glob("small/searches/*/*.json"):
        path.unlink()
    suite.write_text(SUITE.replace("[HR, NDCG]", "[HR, NDCG, MRR]"))
    run = bench("run", suite, "--results", tmp_path / "results", "--only", "tuned")
    assert run.returncode == 0, run.stderr
    assert "fit" not in run.stderr
    for earlier, later in zip(before, records(tmp_path / "results"), strict=True):
        assert "MRR@5" in later["metrics"]
        assert (later["tuning"], later["method"]) == (earlier["tuning"], earlier["method"])


def test_a_corrupt_fit_is_named(bench, suite, tmp_path):
    assert bench("run", suite, "--results", tmp_path / "results", "--only", "tuned").returncode == 0
    path = next(iter((tmp_path / "results").glob("small/searches/*/fit-002.json")))
    path.write_text("{")
    for command in ("run", "plan"):
        done = bench(command, suite, "--results", tmp_path / "results")
        assert done.returncode == 2
        [line] = done.stderr.splitlines()
        assert line.startswith(f"bench: {path}: corrupt fit (")
        assert line.endswith(f"delete {path} to run it again")
