"""A run killed at any moment is completed by the next one, and ends as if nothing had happened."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

MOMENTS = [
    "load",
    "fit",
    "score",
    "measure",
    "half-written record",
    "before the rename",
    "after the rename",
    "after the first record",
]


def stored(results: Path) -> dict[str, dict]:
    """Every record without what differs between runs: when, how long, and how much memory."""
    records = {}
    for path in results.glob("small/trials/*/record.json"):
        record = json.loads(path.read_text())
        assert record["resources"]["fit_seconds"] >= 0
        del record["resources"], record["provenance"]
        records[path.parent.name] = record
    return records


def assert_equal_results(results: Path, expected: Path) -> None:
    assert stored(results) == stored(expected)
    assert stored(expected)
    for trial in stored(expected):
        for name in ("per_user", "top_lists", "ranks"):
            file = f"small/trials/{trial}/{name}.parquet"
            pd.testing.assert_frame_equal(pd.read_parquet(results / file), pd.read_parquet(expected / file))
    leftovers = [p.name for p in results.glob("small/*/*") if "aside" in p.name]
    assert leftovers == []


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory, suite_text, bench) -> Path:
    folder = tmp_path_factory.mktemp("unkilled")
    (folder / "small.yaml").write_text(suite_text)
    done = bench("run", folder / "small.yaml", "--results", folder / "results", "--workers", "1")
    assert done.returncode == 0, done.stderr
    return folder / "results"


def gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_in_a_phase(moment, bench, suite, tmp_path, unkilled):
    mark = tmp_path / "killed"
    killed = bench(
        "run", suite, "--results", tmp_path / "results", "--workers", "2", KILL_AT=moment, KILL_MARK=str(mark)
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert mark.exists()
    worker = int(mark.read_text())
    deadline = time.monotonic() + 20
    while not gone(worker):
        assert time.monotonic() < deadline, "a worker outlived the run it belonged to"
        time.sleep(0.05)
    again = bench("run", suite, "--results", tmp_path / "results", KILL_AT=moment, KILL_MARK=str(mark))
    assert again.returncode == 0, again.stderr
    assert_equal_results(tmp_path / "results", unkilled)


def test_killed_again_and_again(suite, tmp_path, environment, unkilled):
    clock = random.Random(5)
    command = [sys.executable, "-m", "llmrec_bench.cli", "run", str(suite), "--results", str(tmp_path / "results")]
    for _ in range(4):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(clock.uniform(0.8, 4))
        process.kill()
        process.wait()
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    assert_equal_results(tmp_path / "results", unkilled)


def test_ctrl_c_keeps_what_is_finished(suite, tmp_path, environment):
    text = suite.read_text().replace("seeds: [1, 2]", f"seeds: {list(range(200))}")
    suite.write_text(text)
    command = [sys.executable, "-m", "llmrec_bench.cli", "run", str(suite), "--results", str(tmp_path / "results")]
    process = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # Tests that run in the background of a shell inherit an interrupt that is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")  # ends with the run
    assert any(line.startswith("[5/") for line in lines)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    last = errors.splitlines()[-1]
    assert last.startswith("bench: stopped:")
    assert last.endswith("of 600 trials are finished and kept; run again to go on")
    assert "Traceback" not in errors
    kept = len(list((tmp_path / "results").glob("small/trials/[0-9a-f]*/record.json")))
    assert 5 <= kept < 600
