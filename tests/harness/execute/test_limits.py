"""Trials that take too long, hold too much or talk too much spoil themselves and nothing else."""

import json
import time
from pathlib import Path

import psutil
import pytest


def doomed(suite: Path, fate: str) -> Path:
    """The suite with a method of that fate in place of one, and one seed."""
    text = suite.read_text().replace("  mortal:\n", f"  doomed: {{method: mortal, config: {{fate: {fate}}}}}\n")
    suite.write_text(text.replace("seeds: [1, 2]", "seeds: [1]"))
    return suite


def failures(results: Path) -> dict[str, dict | None]:
    """By method."""
    records = [json.loads(path.read_text()) for path in results.glob("small/trials/*/record.json")]
    return {record["method"]["label"]: record["failure"] for record in records}


def test_a_hanging_trial_is_ended(bench, suite, tmp_path):
    started = time.monotonic()
    run = bench("run", doomed(suite, "hang"), "--results", tmp_path, "--trial-minutes", "0.2", "--workers", "1")
    assert time.monotonic() - started < 100
    assert run.returncode == 1
    assert "2 of 3 trials finished" in run.stdout
    found = failures(tmp_path)
    assert found["popularity"] is found["random"] is None
    assert found["doomed"] == {
        "phase": "fit",
        "kind": "TimeLimit",
        "message": "not done within 0.2 minutes (--trial-minutes)",
        "traceback": "",
    }


@pytest.mark.parametrize("fate", ["hoard", "hoard by a child"])
def test_a_hoarding_trial_is_ended_with_its_children(bench, suite, tmp_path, fate):
    run = bench("run", doomed(suite, fate), "--results", tmp_path, "--trial-gib", "1.5", "--workers", "1")
    assert run.returncode == 1
    found = failures(tmp_path)
    assert found["popularity"] is found["random"] is None
    assert (found["doomed"]["phase"], found["doomed"]["kind"]) == ("fit", "MemoryLimit")
    assert found["doomed"]["message"].startswith("held ")
    assert found["doomed"]["message"].endswith(" GiB of memory, more than 1.5 (--trial-gib)")
    assert not any("x = b'x' * 2**31" in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))


def test_what_a_plugin_prints_stays_out_of_what_was_asked_for(bench, suite, tmp_path):
    run = bench("run", doomed(suite, "chat"), "--results", tmp_path, "--json")
    assert run.returncode == 0, run.stderr
    assert len(json.loads(run.stdout)["trials"]) == 3
    assert "this is no JSON" in run.stderr
    assert "nor this" in run.stderr


def test_a_limit_needs_a_process_to_end(bench, suite, tmp_path):
    run = bench("run", suite, "--results", tmp_path, "--workers", "0", "--trial-gib", "1")
    assert run.returncode == 2
    assert run.stderr == ("bench: --workers 0: a limit ends the process that a trial runs in; leave out one of them\n")


@pytest.mark.parametrize("given", ["0", "-1", "soon"])
def test_a_limit_is_more_than_nothing(bench, suite, tmp_path, given):
    run = bench("run", suite, "--results", tmp_path, "--trial-minutes", given)
    assert run.returncode == 2
    assert "--trial-minutes" in run.stderr
    assert "Traceback" not in run.stderr
