"""Methods of another environment: the same rows, records and mistakes as those installed here."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SUITE = """
datasets: {shop: {source: synthetic-shop, options: {users: 60, items: 200}}}
protocol: {cutoffs: [5]}
seeds: [1]
methods:
  popularity:
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def suite(rows: str, **replaced: str) -> Path:
        text = SUITE + "".join(f"  {row}\n" for row in rows.splitlines())
        for old, new in replaced.items():
            text = text.replace(old, new)
        (tmp_path / "small.yaml").write_text(text)
        return tmp_path / "small.yaml"

    return suite


def records(folder: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in folder.glob("results/small/trials/*/record.json")]
    return {record["method"]["label"]: record for record in found}


def test_trials_run_there_and_are_the_same(environment, bench, write, tmp_path):
    rows = """fading: {env: ENV}
quick: {method: fading, env: ENV, settings: quick}
grid: {method: fading, env: ENV, grid: {keep: [0.1, 0.2]}}"""
    run = bench("run", write(rows, ENV=str(environment)), "--json")
    assert run.returncode == 0, run.stderr
    assert "heard from afar" in run.stderr
    settings = {row["method"]: row["settings"] for row in json.loads(run.stdout)["tables"][0]["rows"][:5]}
    assert settings["fading"] == "default"
    assert settings["quick"] == "quick"
    assert settings["grid[keep=0.2]"] == "own"
    apart = records(tmp_path)
    assert apart["grid[keep=0.2]"]["method"] == {
        "label": "grid[keep=0.2]",
        "name": "fading",
        "version": "3",
        "plugin": "fading",
        "source": "these tests",
        "config": {"keep": 0.2, "fate": "live", "words": None},
    }
    assert apart["fading"]["provenance"]["environment"] == "its own"
    assert "environment" not in apart["popularity"]["provenance"]
    assert apart["fading"]["log"][0].startswith("numpy ")
    # Installed here, the plugin's trials are those very trials.
    plugin = str(Path(__file__).parent / "fading")
    again = bench("plan", write(rows.replace("env: ENV, ", "").replace("{env: ENV}", "")), PYTHONPATH=plugin)
    assert "5 trials: 5 finished" in again.stdout, again.stdout + again.stderr
    for path in tmp_path.glob("results/small/trials/*/record.json"):
        path.unlink()
    assert bench("run", tmp_path / "small.yaml", PYTHONPATH=plugin).returncode == 0
    here = records(tmp_path)
    assert {label: r["id"] for label, r in here.items()} == {label: r["id"] for label, r in apart.items()}
    assert {label: r["metrics"] for label, r in here.items()} == {label: r["metrics"] for label, r in apart.items()}


def test_mistakes_are_told_together_before_anything_runs(environment, bench, write, tmp_path):
    (tmp_path / "empty").mkdir()
    rows = """nowhere: {method: fading, env: empty}
unknown: {method: fadign, env: ENV}
options: {method: fading, env: ENV, config: {keep: much, depth: 3}}
relative: {method: fading, env: ENV, config: {words: words.txt}}
staged: {env: ENV}
tuned: {method: fading, env: ENV, tune: true}
stray: {method: fading, env: ENV, settings: quik}"""
    run = bench("run", write(rows, ENV=str(environment)))
    assert run.returncode == 2
    lines = [line.removeprefix(f"bench: {tmp_path}/small.yaml:") for line in run.stderr.splitlines()]
    assert lines == [
        f"7: {tmp_path}/empty is no virtual environment (it has no bin/python); make one with python -m venv",
        f"8: no method 'fadign' in {environment}; did you mean 'fading'?",
        "9: methods.options.config: keep: should be a number (given \"much\"); unknown key 'depth'; "
        "known: fate, keep, words",
        "10: methods.relative.config: words: should be an absolute path (given 'words.txt')",
        "11: methods.staged.config: needs the stage 'letters', and stages are built by the harness's own interpreter "
        "only",
        "12: a method with an env cannot be tuned: what of its options could be tried, only it knows",
        "13: methods.stray.settings: 'fading' has no settings 'quik'; did you mean 'quick'?",
    ]


def test_an_environment_without_the_harness(bench, write, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    run = bench("plan", write("fading: {env: bare}"))
    assert run.returncode == 2
    [line] = run.stderr.splitlines()
    assert f"{tmp_path}/bare: its Python ended at once: " in line
    assert line.endswith("; is llmrec-bench installed there?")


def test_an_environment_with_another_version(make, bench, write, tmp_path):
    packages = make(tmp_path / "old")
    (packages / "llmrec_bench-0.0.1.dist-info").mkdir()
    (packages / "llmrec_bench-0.0.1.dist-info/METADATA").write_text("Name: llmrec-bench\nVersion: 0.0.1\n")
    run = bench("plan", write("fading: {env: old}"))
    assert run.returncode == 2
    assert f"{tmp_path}/old has llmrec-bench 0.0.1, and here runs 0.1.0; install the same there" in run.stderr


def test_what_the_environment_lacks_is_told_before_anything_runs(environment, bench, write, tmp_path):
    killer = str(Path(__file__).parents[1] / "execute/killer")
    suite = write("fading: {env: ENV}", ENV=str(environment))
    text = suite.read_text().replace("{source: synthetic-shop, options: {users: 60, items: 200}}", "{source: ring}")
    suite.write_text(text + "metrics: [HR, Doom]\n")
    run = bench("run", suite, PYTHONPATH=killer)
    assert run.returncode == 2
    assert run.stderr == (
        f"bench: methods.fading.env: {environment} has no dataset 'ring'; install its plugin there too\n"
        f"bench: methods.fading.env: {environment} has no metric 'Doom'; install its plugin there too\n"
    )
    assert records(tmp_path) == {}


def test_a_package_that_a_metric_lacks_there_is_told_before_anything_runs(make, bench, write, tmp_path):
    packages = make(tmp_path / "env")
    (packages / "hide.py").write_text(
        "import importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *of: None if name == 'rouge_score' else find(name, *of)\n"
    )
    (packages / "hide.pth").write_text("import hide\n")
    suite = write("fading: {env: env}", **{"cutoffs: [5]": "cutoffs: [5], explanations: {}"})
    suite.write_text(suite.read_text() + "metrics: [HR, ROUGE-L]\n")
    run = bench("run", suite)
    assert run.returncode == 2
    assert run.stderr == (
        f"bench: methods.fading.env: {tmp_path}/env: 'ROUGE-L' needs the package rouge-score; "
        "pip install 'llmrec-bench[text]'\n"
    )
    assert records(tmp_path) == {}


@pytest.mark.parametrize(
    ("fate", "limits", "kind", "message"),
    [
        ("raise", (), "ValueError", "meant to fail, far away"),
        ("exit", (), "WorkerDied", "the worker process ended itself with exit code 5"),
        ("hang", ("--trial-minutes", "0.1"), "TimeLimit", "not done within 0.1 minutes (--trial-minutes)"),
    ],
)
def test_a_trial_that_fails_there_stays_alone(environment, bench, write, tmp_path, fate, limits, kind, message):
    suite = write(
        f"doomed: {{method: fading, env: ENV, config: {{fate: {fate}}}}}\nfading: {{env: ENV}}", ENV=str(environment)
    )
    run = bench("run", suite, "--workers", "1", *limits, FADING_MARK=str(tmp_path / "mark"))
    assert run.returncode == 1
    assert "2 of 3 trials finished" in run.stdout
    failure = records(tmp_path)["doomed"]["failure"]
    assert (failure["kind"], failure["message"]) == (kind, message)


def test_no_worker_outlives_a_killed_run(environment, write, tmp_path):
    suite, mark = (
        write("doomed: {method: fading, env: ENV, config: {fate: hang}}", ENV=str(environment)),
        tmp_path / "mark",
    )
    command = [sys.executable, "-m", "llmrec_bench.cli", "run", suite, "--results", tmp_path / "results"]
    run = subprocess.Popen(command, env={**os.environ, "FADING_MARK": str(mark)}, stderr=subprocess.DEVNULL)
    wait_until(lambda: mark.exists() and mark.read_text() != "")
    run.send_signal(signal.SIGKILL)
    run.wait()
    worker = int(mark.read_text())
    wait_until(lambda: not Path(f"/proc/{worker}").exists())


def wait_until(true: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_this_process_cannot_run_it(environment, bench, write, tmp_path):
    run = bench("run", write("fading: {env: ENV}", ENV=str(environment)), "--workers", "0")
    assert run.returncode == 1
    message = f"'fading' runs in {environment} only; give --workers 1 or more"
    assert records(tmp_path)["fading"]["failure"]["message"] == message


@pytest.mark.slow
def test_an_older_numpy_beside_it(make, bench, write, tmp_path):
    """The reason for all this; needs the package index."""
    packages = make(tmp_path / "env")
    install = [sys.executable, "-m", "pip", "install", "-q", "--target", packages, "--no-deps", "numpy==2.2.6"]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"numpy 2.2.6 cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    run = bench("run", write("fading: {env: env}"))
    assert run.returncode == 0, run.stderr
    found = records(tmp_path)["fading"]
    assert found["log"] == ["numpy 2.2.6"]
    assert found["provenance"]["packages"]["numpy"] == "2.2.6"
    assert records(tmp_path)["popularity"]["provenance"]["packages"]["numpy"] != "2.2.6"
