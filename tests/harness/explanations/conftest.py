"""A suite whose methods explain, run by the real command line in this process."""

import contextlib
import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmrec_bench.cli import main

TELLER = Path(__file__).parent / "teller"

SUITE = """
datasets: {booth: {source: booth}}
protocol: {cutoffs: [1], explanations: {}}
methods:
  template:
  shout: {method: template, config: {word: loud}}
  popularity:
seeds: [1, 2]
metrics: [HR, BLEU-1, BLEU-4, ROUGE-1, ROUGE-2, ROUGE-L, USR, FeatureCoverage, FeatureDiversity, FeatureMatch, Length]
tables:
  texts: {metrics: [BLEU-4, ROUGE-L, FeatureMatch], baseline: shout}
"""


@dataclass
class Booth:
    """A folder with a suite and its results."""

    folder: Path

    @property
    def suite(self) -> Path:
        return self.folder / "small.yaml"

    @property
    def trials(self) -> Path:
        return self.folder / "results" / "small" / "trials"

    def change(self, old: str, new: str) -> None:
        text = self.suite.read_text()
        assert old in text
        self.suite.write_text(text.replace(old, new))

    def bench(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        words = [*map(str, arguments), "--results", str(self.folder / "results")]
        words += ["--workers", "0"] if words[0] == "run" else []
        out, errors = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
            pytest.raises(SystemExit) as stop,
        ):
            main(words)
        assert isinstance(stop.value.code, int)
        assert "Traceback" not in out.getvalue() + errors.getvalue()
        return subprocess.CompletedProcess(words, stop.value.code, out.getvalue(), errors.getvalue())

    def records(self) -> dict[tuple[str, int], dict[str, Any]]:
        """By method and seed."""
        found = [json.loads(path.read_text()) for path in self.trials.glob("[0-9a-f]*/record.json")]
        return {(record["method"]["label"], record["seed"]): record for record in found}

    def texts(self, method: str, seed: int = 1) -> pd.DataFrame:
        """As stored."""
        return pd.read_parquet(self.trials / self.records()[method, seed]["id"] / "explanations.parquet")


@pytest.fixture(autouse=True)
def _teller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TELLER)


@pytest.fixture
def booth(tmp_path: Path) -> Booth:
    """Nothing run."""
    (tmp_path / "small.yaml").write_text(SUITE)
    return Booth(tmp_path)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booth]:
    """A whole run of the suite; tests read it and leave it as it is."""
    booth = Booth(tmp_path_factory.mktemp("told"))
    booth.suite.write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TELLER)
        done = booth.bench("run", booth.suite)
        assert done.returncode == 0, done.stderr
        yield booth
