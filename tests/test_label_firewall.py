"""The canary: what is held out for the test must not reach a method by any way, so swapping it changes no score."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llmrec_bench.config import Config
from llmrec_bench.data.dataset import Dataset, Preparation, load_dataset
from llmrec_bench.data.splits import split
from llmrec_bench.data.training import Queries
from llmrec_bench.execute.job import Job
from llmrec_bench.execute.trial import Workbench
from llmrec_bench.plan import PreparedData, Trial
from llmrec_bench.plugins import load_catalog
from llmrec_bench.protocol import Protocol
from llmrec_bench.store import Store
from llmrec_bench.suite import SuiteDataset
from llmrec_bench.suite_methods import SuiteMethod

CATALOG = load_catalog()
QUICK = {name: {"epochs": 2, "width": 16} for name in ("gru4rec", "sasrec", "srgnn")}
"""Options that keep a fit short; what may leak does not depend on them."""


@pytest.fixture(scope="module")
def honest() -> Dataset:
    source = CATALOG.datasets["synthetic-shop"](users=120, items=200)
    return load_dataset("shop", source, Preparation())


@pytest.fixture(scope="module")
def swapped(honest: Dataset) -> Dataset:
    """The same data with the test targets dealt out anew among the users."""
    items = honest.sequences.items.copy()
    last = honest.sequences.offsets[1:] - 1
    items[last] = np.random.default_rng(0).permutation(items[last])
    return replace(honest, sequences=replace(honest.sequences, items=items))


class Recorder:
    """Everything a method returned, in order."""

    def __init__(self) -> None:
        self.scores: list[bytes] = []


def scores_on(dataset: Dataset, candidates: np.ndarray | None, name: str, folder: Path, monkeypatch) -> list[bytes]:
    """The bytes of every score that a trial of the method asks for, validation included."""
    protocol = Protocol(cutoffs=(10,))
    prepared = PreparedData(dataset, split(dataset.sequences, protocol.split))
    if candidates is not None:
        test = replace(prepared.split.test, candidates=candidates)
        prepared = PreparedData(dataset, replace(prepared.split, test=test))
    recorder = Recorder()
    kind = CATALOG.methods[name]

    class Recorded(kind):  # type: ignore[misc, valid-type]
        def score(self, queries: Queries) -> np.ndarray:
            scores = super().score(queries)
            recorder.scores.append(scores.tobytes())
            return scores

    config: Config = kind.Config(**QUICK.get(name, {}))
    method = SuiteMethod(name, Recorded, config, {})
    trial = Trial("canary", SuiteDataset("shop", dataset.source, Preparation()), "0", method, protocol, "0", seed=3)
    job = Job(trial, Store(folder, "canary"), "canary", "builtin", {}, CATALOG.metrics, "cpu", {}, False)
    bench = Workbench()
    monkeypatch.setattr("llmrec_bench.execute.trial_data.prepare", lambda *_: prepared)
    trial = replace(trial, fingerprint=dataset.fingerprint)
    bench.run(replace(job, trial=trial), lambda phase: None)
    record = job.store.record("canary")
    assert record is not None
    assert record.failure is None, record.failure
    return recorder.scores


@pytest.mark.parametrize("name", sorted(CATALOG.methods))
@pytest.mark.parametrize("offered", ["full", "fixed"])
def test_no_score_depends_on_the_test_targets(name, offered, honest, swapped, tmp_path, monkeypatch):
    assert not np.array_equal(honest.sequences.items, swapped.sequences.items)
    candidates = None
    if offered == "fixed":
        rng = np.random.default_rng(1)
        candidates = np.stack([rng.permutation(honest.n_items)[:60] for _ in range(honest.n_users)]).astype(np.int32)
    ours = scores_on(honest, candidates, name, tmp_path / "honest", monkeypatch)
    theirs = scores_on(swapped, candidates, name, tmp_path / "swapped", monkeypatch)
    assert ours
    assert ours == theirs


def test_the_canary_sings(honest, swapped, tmp_path, monkeypatch):
    """A method that gets hold of the targets is caught."""
    kind = CATALOG.methods["constant"]
    told: list[np.ndarray] = []

    def cheat(self, queries):
        return np.eye(honest.n_items, dtype=np.float32)[told[0][: len(queries)]]

    monkeypatch.setattr(kind, "score", cheat)
    outcomes = []
    for dataset in (honest, swapped):
        told[:] = [dataset.sequences.items[dataset.sequences.offsets[1:] - 1]]
        outcomes.append(
            scores_on(dataset, None, "constant", tmp_path / dataset.fingerprint / str(len(outcomes)), monkeypatch)
        )
    assert outcomes[0] != outcomes[1]
