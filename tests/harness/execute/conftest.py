"""Runs of `bench` in processes of their own, with a plugin that kills, fails and dies on demand."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

KILLER = Path(__file__).parent / "killer"

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
