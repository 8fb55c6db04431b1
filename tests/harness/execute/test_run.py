"""Runs as a user makes them: what fails stays alone, what is finished stays, and the same numbers come out again."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest


def records(results: Path) -> dict[str, dict]:
    return {p.parent.name: json.loads(p.read_text()) for p in results.glob("small/trials/*/record.json")}


def test_a_second_run_does_only_what_is_missing(bench, suite, tmp_path):
    results = tmp_path / "results"
    first = bench("run", suite, "--results", results, "--only", "popularity", "--seeds", "1")
    assert first.returncode == 0, first.stderr
    [(done, record)] = records(results).items()
    second = bench("run", suite, "--results", results)
    assert second.returncode == 0, second.stderr
    assert "[2/6]" in second.stderr
    assert "[6/6]" in second.stderr
    assert len(records(results)) == 6
    assert records(results)[done] == record
    third = bench("run", suite, "--results", results)
    assert third.returncode == 0
    assert third.stderr == ""
    assert third.stdout == second.stdout


def test_the_same_numbers_whatever_the_workers(bench, suite, tmp_path):
    for workers in ("1", "2"):
        done = bench("run", suite, "--results", tmp_path / workers, "--workers", workers)
        assert done.returncode == 0, done.stderr
    one, two = records(tmp_path / "1"), records(tmp_path / "2")
    assert one.keys() == two.keys()
    for trial in one:
        assert one[trial]["metrics"] == two[trial]["metrics"]
        lists = [pd.read_parquet(tmp_path / w / f"small/trials/{trial}/top_lists.parquet") for w in ("1", "2")]
        pd.testing.assert_frame_equal(*lists)


@pytest.mark.parametrize(
    ("fate", "kind", "phase", "message"),
    [
        ("raise", "ValueError", "fit", "this method is meant to fail"),
        ("raise-in-score", "RuntimeError", "score", "no scores today"),
        ("write", "ValueError", "fit", "assignment destination is read-only"),
        ("die", "WorkerDied", "", "the worker process was ended by SIGKILL; the machine may have run out of memory"),
        ("exit", "WorkerDied", "", "the worker process ended itself with exit code 7"),
        ("sys-exit", "WorkerDied", "", "the worker process ended itself with exit code 0"),
        ("infinite", "BenchError", "score", "method 'doomed': "),
        ("wrong-shape", "BenchError", "score", "method 'doomed': "),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_failing_trial_stays_alone(bench, suite, tmp_path, fate, kind, phase, message):
    text = suite.read_text().replace("  mortal:\n", f"  doomed: {{method: mortal, config: {{fate: {fate}}}}}\n")
    suite.write_text(text.replace("seeds: [1, 2]", "seeds: [1]"))
    run = bench("run", suite, "--results", tmp_path / "results")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr + run.stdout
    by_method = {r["method"]["label"]: r for r in records(tmp_path / "results").values()}
    assert by_method["popularity"]["status"] == by_method["random"]["status"] == "finished"
    failure = by_method["doomed"]["failure"]
    assert (failure["kind"], failure["phase"]) == (kind, phase)
    assert failure["message"].startswith(message)
    # A user's own exception needs its traceback; a message of ours says all there is to say.
    assert ("Traceback" in failure["traceback"]) == (kind in ("ValueError", "RuntimeError"))
    row = next(line for line in run.stdout.splitlines() if "doomed" in line and "│" in line)
    assert row.count("failed") == 5
    assert "2 of 3 trials finished" in run.stdout
    plan = bench("plan", suite, "--results", tmp_path / "results")
    assert "1 failed, 2 finished" in plan.stdout
    again = bench("run", suite, "--results", tmp_path / "results")
    assert again.returncode == 1
    assert "[3/3] ring doomed" in again.stderr


def test_a_failing_hook_costs_nothing(bench, suite, tmp_path):
    run = bench("run", suite, "--results", tmp_path / "results", "--seeds", "1", KILL_AT="no process, but a hook")
    assert run.returncode == 0
    line = "plugin 'killer': trial_finished raised RuntimeError: this hook is meant to fail"
    assert run.stderr.splitlines().count(line) == 3
    assert "3 of 3 trials finished" in run.stdout


def test_a_metric_added_later_needs_no_new_fit(bench, suite, tmp_path):
    results = tmp_path / "results"
    assert bench("run", suite, "--results", results).returncode == 0
    before = records(results)
    suite.write_text(suite.read_text().replace("[HR,", "[HR, MAP, EFD, ARP,").replace("EPC, Gini, Doom", "EPC, Gini"))
    plan = bench("plan", suite, "--results", results)
    assert "6 lacks metrics" in plan.stdout
    # With this fate the method could not be fitted again; its identity is the same.
    run = bench("run", suite, "--results", results)
    assert run.returncode == 0, run.stderr
    after = records(results)
    assert after.keys() == before.keys()
    other = tmp_path / "other"
    assert bench("run", suite, "--results", other).returncode == 0
    for trial, record in records(other).items():
        assert after[trial]["metrics"] == record["metrics"]
        assert after[trial]["chance"] == record["chance"]
        assert after[trial]["resources"] == before[trial]["resources"]
        assert after[trial]["log"] == before[trial]["log"]
        measured_again = after[trial]["provenance"].pop("measured_again")
        assert after[trial]["provenance"] == before[trial]["provenance"]
        assert measured_again["started_at"] >= before[trial]["provenance"]["started_at"]
        names = [f"small/trials/{trial}/{name}.parquet" for name in ("per_user", "top_lists", "ranks")]
        for name in names:
            pd.testing.assert_frame_equal(pd.read_parquet(results / name), pd.read_parquet(other / name))


def test_a_metric_that_fails_later_costs_no_finished_trial(bench, suite, tmp_path):
    results = tmp_path / "results"
    text = suite.read_text()
    suite.write_text(text.replace(", Doom]", "]"))
    assert bench("run", suite, "--results", results, "--seeds", "1").returncode == 0
    before = records(results)
    tables = {path: path.read_bytes() for path in results.glob("small/trials/*/*.parquet")}
    suite.write_text(text)
    run = bench("run", suite, "--results", results, "--seeds", "1", DOOM="raise")
    assert run.returncode == 1
    for trial, record in records(results).items():
        failure = record.pop("failure")
        assert (failure["phase"], failure["message"]) == ("measure", "this metric is meant to fail")
        assert record == {k: v for k, v in before[trial].items() if k != "failure"}
    assert tables == {path: path.read_bytes() for path in results.glob("small/trials/*/*.parquet")}
    assert run.stdout.count("not measured") == 3
    assert run.stdout.count("this metric is meant to fail") == 3
    again = bench("run", suite, "--results", results, "--seeds", "1")
    assert again.returncode == 0, again.stderr
    assert all(record["failure"] is None for record in records(results).values())


def test_a_table_without_its_lists_says_how_to_go_on(bench, suite, tmp_path):
    results = tmp_path / "results"
    assert bench("run", suite, "--results", results, "--only", "random", "--seeds", "1").returncode == 0
    [path] = results.glob("small/trials/*/ranks.parquet")
    path.unlink()
    suite.write_text(suite.read_text().replace("[HR,", "[HR, MAP,"))
    run = bench("run", suite, "--results", results, "--only", "random", "--seeds", "1")
    assert run.returncode == 1
    message = f"{path}: cannot be read (no such file); delete {path.parent} to run the trial again"
    assert records(results)[path.parent.name]["failure"]["message"] == message


def test_a_record_of_a_newer_version_is_not_called_corrupt(bench, suite, tmp_path):
    results = tmp_path / "results"
    assert bench("run", suite, "--results", results, "--only", "random", "--seeds", "1").returncode == 0
    [path] = results.glob("small/trials/*/record.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99, "verdict": "new"}))
    plan = bench("plan", suite, "--results", results)
    assert plan.returncode == 2
    assert plan.stderr == f"bench: {path}: written by a newer llmrec-bench (record schema 99); use that one\n"


def test_per_user_values_average_to_the_record(bench, suite, tmp_path):
    assert bench("run", suite, "--results", tmp_path / "results").returncode == 0
    for trial, record in records(tmp_path / "results").items():
        values = pd.read_parquet(tmp_path / f"results/small/trials/{trial}/per_user.parquet")
        assert len(values) == record["dataset"]["queries"] == 30
        for metric in ("HR@1", "NDCG@5", "EPC@5"):
            assert values[metric].mean() == pytest.approx(record["metrics"][metric], abs=1e-12)


def test_a_record_keeps_where_its_numbers_come_from(bench, suite, tmp_path):
    assert bench("run", suite, "--results", tmp_path / "results", "--seeds", "7").returncode == 0
    record = next(r for r in records(tmp_path / "results").values() if r["method"]["name"] == "mortal")
    assert record["seed"] == 7
    assert record["method"] | {"source": ""} == {
        "label": "mortal",
        "name": "mortal",
        "version": "1",
        "plugin": "killer",
        "source": "",
        "config": {"fate": "live"},
    }
    assert record["protocol"]["settings"]["candidates"]["n"] == 10
    assert len(record["protocol"]["hash"]) == 12
    assert len(record["dataset"]["fingerprint"]) == len(record["protocol"]["candidates_hash"]) == 16
    assert record["log"] == ["fitted"]
    assert record["provenance"]["packages"].keys() >= {"llmrec-bench", "numpy", "torch"}
    assert record["provenance"]["device"] == "cpu"
    assert record["resources"]["peak_memory_bytes"] > 10_000_000
    assert {key for key in record["resources"] if key.endswith("_seconds")} == {
        f"{phase}_seconds" for phase in ("load", "fit", "score", "explain", "rank", "measure")
    }


def test_git_state_of_the_suite_is_recorded(bench, suite, tmp_path):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.invalid"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    git("add", suite.name)
    git("commit", "-m", "suite")
    assert bench("run", suite, "--results", tmp_path / "a", "--only", "random", "--seeds", "1").returncode == 0
    suite.write_text(suite.read_text() + "\n")
    assert bench("run", suite, "--results", tmp_path / "b", "--only", "random", "--seeds", "1").returncode == 0
    states = [next(iter(records(tmp_path / name).values()))["provenance"]["git"] for name in ("a", "b")]
    assert [state["dirty"] for state in states] == [False, True]
    assert states[0]["commit"] == states[1]["commit"]
    assert len(states[0]["commit"]) == 40


def test_json_for_machines(bench, suite, tmp_path):
    run = bench("run", suite, "--results", tmp_path / "results", "--json")
    answer = json.loads(run.stdout)
    assert {t["state"] for t in answer["trials"]} == {"finished"}
    [table] = answer["tables"]
    assert table["columns"] == ["HR@5", "NDCG@5", "EPC@5", "Gini@5", "Doom@5"]
    plan = json.loads(bench("plan", suite, "--results", tmp_path / "results", "--json").stdout)
    assert plan["trials"] == answer["trials"]


def test_plan_runs_and_writes_nothing(bench, suite, tmp_path):
    plan = bench("plan", suite, "--results", tmp_path / "results")
    assert plan.returncode == 0
    assert "6 trials: 6 missing" in plan.stdout
    assert not (tmp_path / "results").exists()


def test_two_runs_on_one_folder(bench, suite, tmp_path, environment):
    results = tmp_path / "results"
    holder = (
        "import sys, time; from pathlib import Path; from llmrec_bench.store import Store\n"
        "with Store(Path(sys.argv[1]), 'small').lock():\n    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", holder, results], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        second = bench("run", suite, "--results", results)
    finally:
        process.kill()
        process.wait()
    assert second.returncode == 2
    assert second.stderr == (
        f"bench: {results}/small: another run is writing here (process {process.pid}); "
        "wait for it, or choose --results DIR\n"
    )
    assert bench("run", suite, "--results", results).returncode == 0


def test_a_results_folder_that_cannot_be_written(bench, suite, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    run = bench("run", suite, "--results", tmp_path / "file")
    assert run.returncode == 2
    assert run.stderr == f"bench: {tmp_path}/file/small: cannot be written (Not a directory); choose --results DIR\n"
    table = bench("table", suite, "--results", tmp_path / "file")
    assert table.returncode == 2
    assert "record.json: cannot be read (Not a directory)" in table.stderr


def test_a_full_disk_keeps_what_is_finished(bench, suite, tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    size = "size=96k"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", results], capture_output=True).returncode:
        pytest.skip("a full disk is made of a small tmpfs, which this user may not mount")
    try:
        suite.write_text(suite.read_text().replace("seeds: [1, 2]", f"seeds: {list(range(1, 21))}"))
        run = bench("run", suite, "--results", results)
        kept = records(results)
        assert run.returncode == 2
        last = run.stderr.splitlines()[-1]
        assert last.startswith("bench: ")
        assert "the disk is full; finished trials are kept: free space, then run again to go on" in last
        assert kept
        assert all(record["status"] == "finished" for record in kept.values())
        subprocess.run(["mount", "-o", "remount,size=8m", results], check=True)
        again = bench("run", suite, "--results", results)
        assert again.returncode == 0, again.stderr
        assert len(records(results)) == 60
        assert kept.items() <= records(results).items()
    finally:
        subprocess.run(["umount", results], check=True)


@pytest.mark.parametrize("damage", ["{", "", '{"id": 1}', "\xff\xfe"], ids=["cut", "empty", "other", "bytes"])
def test_a_corrupt_record_is_named(bench, suite, tmp_path, damage):
    results = tmp_path / "results"
    assert bench("run", suite, "--results", results, "--only", "random", "--seeds", "1").returncode == 0
    [path] = results.glob("small/trials/*/record.json")
    path.write_bytes(damage.encode("latin-1"))
    plan = bench("plan", suite, "--results", results)
    assert plan.returncode == 2
    [line] = plan.stderr.splitlines()
    assert line.startswith(f"bench: {path}: corrupt record")
    assert "delete" in line


def test_data_that_change_while_a_suite_runs(bench, suite, tmp_path):
    table = tmp_path / "events.csv"
    rows = [f"{u},{(u + t) % 9},{t}" for u in range(20) for t in range(6)]
    table.write_text("\n".join(["user,item,time", *rows]))
    suite.write_text(
        suite.read_text()
        .replace("{source: ring}", "{source: interaction-table, options: {path: events.csv}}")
        .replace("n: 10", "n: 2")
        .replace("cutoffs: [1, 5]", "cutoffs: [1, 2]")
    )
    before = bench("plan", suite, "--json")
    time.sleep(0.01)
    os.utime(table)
    assert bench("plan", suite, "--json").stdout == before.stdout  # ids are about content, not about files
    table.write_text("\n".join(["user,item,time", *rows[:-1], "19,8,99"]))
    ids = [{t["id"] for t in json.loads(out.stdout)["trials"]} for out in (before, bench("plan", suite, "--json"))]
    assert not ids[0] & ids[1]
