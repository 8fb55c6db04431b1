"""Runs of `bench` in processes of their own, with a plugin that kills, fails and dies on demand, and runs in this
process with a plugin whose language model counts its calls."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmrec_bench.cli import main

KILLER = Path(__file__).parent / "killer"
CLERK = Path(__file__).parent / "clerk"

SUITE = """
datasets:
  ring: {source: ring}
protocol:
  candidates: {kind: sampled, n: 10}
  cutoffs: [1, 5]
methods:
  popularity:
  mortal:
  random:
seeds: [1, 2]
metrics: [HR, NDCG, EPC, Gini, Doom]
"""

Bench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def suite_text() -> str:
    return SUITE


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SUITE)
    return path


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(KILLER), "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="session")
def bench(environment: dict[str, str]) -> Bench:
    def call(*arguments: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "llmrec_bench.cli", *map(str, arguments)],
            env={**environment, **extra},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return call


QUILL = "{provider: clerk, model: quill, max_tokens: 10}"

CLERK_SUITE = f"""
datasets:
  lane: {{source: lane}}
protocol: {{cutoffs: [1, 5]}}
llm: {{prices: prices.yaml}}
methods:
  popularity:
  skimmer: {{config: {{notes: {{writer: {QUILL}}}}}}}
  reader: {{config: {{digest: {{notes: {{writer: {QUILL}}}}}}}}}
  asker: {{config: {{writer: {QUILL}}}}}
seeds: [1, 2]
metrics: [HR, NDCG]
"""

PRICES = "- {model: quill, date: 2024-01-01, prompt: 1000, completion: 10000, source: these tests}\n"
"""0.001 USD a token in, 0.01 out."""


class Office:
    """A folder with suites, results and the clerk's count of live calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, folder / "results"
        (folder / "prices.yaml").write_text(PRICES)

    def write(self, text: str = CLERK_SUITE, name: str = "small") -> Path:
        """A suite."""
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path

    def environment(self, **extra: str) -> dict[str, str]:
        calls = str(self.folder / "calls")
        return {**os.environ, "PYTHONPATH": str(CLERK), "HF_HUB_OFFLINE": "1", "CLERK_CALLS": calls, **extra}

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "llmrec_bench.cli", *map(str, arguments), "--results", str(self.results)]

    def apart(self, *arguments: str | Path, **extra: str) -> "subprocess.CompletedProcess[str]":
        """`bench` in a process of its own."""
        command = self.command(*arguments)
        return subprocess.run(command, env=self.environment(**extra), capture_output=True, text=True, timeout=120)

    def bench(self, *arguments: str | Path, **extra: str) -> "subprocess.CompletedProcess[str]":
        """`bench` in this process, the trials too, which is quicker."""
        words = [*map(str, arguments), "--results", str(self.results)]
        if words[0] == "run" and "--workers" not in words:
            words += ["--workers", "0"]
        out, errors = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment(**extra).items():
                patch.setenv(name, value)
            patch.syspath_prepend(CLERK)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as stop:
                main(words)
        assert isinstance(stop.value.code, int)
        return subprocess.CompletedProcess(words, stop.value.code, out.getvalue(), errors.getvalue())

    def calls(self, family: str = "") -> list[str]:
        """The live calls so far, as `FAMILY ITEMS`."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(family)]

    def records(self, suite: str = "small") -> dict[tuple[str, int], dict[str, Any]]:
        """By method and seed."""
        paths = self.results.glob(f"{suite}/trials/[0-9a-f]*/record.json")
        found = [json.loads(path.read_text()) for path in paths]
        return {(record["method"]["label"], record["seed"]): record for record in found}

    def metrics(self, suite: str = "small") -> dict[tuple[str, int], dict[str, float]]:
        return {key: record["metrics"] for key, record in self.records(suite).items()}

    def artifacts(self) -> list[str]:
        """Names of the stages that stand there, finished."""
        return sorted(p.parent.name.rsplit("-", 1)[0] for p in self.results.glob("artifacts/*/manifest.json"))

    def manifest(self, stage: str) -> dict[str, Any]:
        [path] = self.results.glob(f"artifacts/{stage}-*/manifest.json")
        return json.loads(path.read_text())


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture(scope="session")
def clerk_suite() -> str:
    return CLERK_SUITE


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A whole run of the suite; tests read it and leave it as it is."""
    office = Office(tmp_path_factory.mktemp("finished"))
    done = office.bench("run", office.write())
    assert done.returncode == 0, done.stderr
    return office


@pytest.fixture
def copied(finished: Office, tmp_path: Path) -> Office:
    """The same, to work on."""
    shutil.copytree(finished.folder, tmp_path / "copied")
    return Office(tmp_path / "copied")
