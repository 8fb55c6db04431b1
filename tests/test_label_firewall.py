"""The canary: what is held out for the test must not reach a method by any way, so swapping it changes no score."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmrec_bench.artifacts import Artifacts
from llmrec_bench.config import Config
from llmrec_bench.data.dataset import Dataset, Preparation, load_dataset
from llmrec_bench.data.splits import split
from llmrec_bench.data.training import Queries
from llmrec_bench.execute.job import Job
from llmrec_bench.execute.trial import Workbench
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import load_prices
from llmrec_bench.plan import Plan, PreparedData, Trial
from llmrec_bench.plugins import load_catalog
from llmrec_bench.protocol import Protocol
from llmrec_bench.store import Store
from llmrec_bench.suite import SuiteDataset
from llmrec_bench.suite_methods import SuiteMethod

CATALOG = load_catalog()
SHORT = {"epochs": 2, "width": 16}
RECBOLE_SHORT = {"epochs": 1, "history_length": 10, "batch_size": 256}
ZOO = ("EASE", "BPR", "NeuMF", "MultiVAE", "GRU4Rec", "BERT4Rec", "FDSA", "SHAN")
"""One of each way in which RecBole's models are fed; all of them go through one adapter."""
METHODS = [name for name in CATALOG.methods if not name.startswith("recbole:")]
METHODS += [f"recbole:{name}" for name in ZOO]
TOLD = {"kind": "teacher", "domain": "products", "cutoff": "per_split", "writer": {"provider": "simulated"}}
"""Rationales with as much of the past in them as there may be: those for the test hold the validation items."""


def quick(name: str, encoder: Path, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Options that keep a fit short, and those without a default; what may leak does not depend on them."""
    if name == "run-file":
        folder.mkdir(exist_ok=True)
        rng = np.random.default_rng(2)
        lists = {user: rng.permutation(dataset.items["token"])[:20] for user in dataset.users}
        lines = [f"{user},{item},{rank}" for user, items in lists.items() for rank, item in enumerate(items)]
        (folder / "run.csv").write_text("\n".join(["user,item,rank", *lines]))
        return {"path": folder / "run.csv"}
    if name == "slim-matching":
        one = {"kind": "pretrained", "model": str(encoder), "pooling": "mean"}
        return {**SHORT, "user_text": {"texts": TOLD, "encoder": one}, "item_text": {"encoder": one}}
    if name.startswith("slim-"):
        apart = {"share_fusion": False, "item_text": {"encoder": {"kind": "tfidf"}}}
        short = RECBOLE_SHORT if name == "slim-recbole" else SHORT
        return {**short, **apart, "user_text": {"texts": TOLD, "encoder": {"kind": "tfidf"}}}
    if name == "llm-ranker":
        asks = {"domain": "products", "language_model": {"provider": "simulated"}, "permutations": 2}
        return {**asks, "retriever": {"method": "popularity"}, "retrieved": 10}
    if name.startswith("llm-enhancer-"):
        facts = {"kind": "facts", "domain": "products", "writer": {"provider": "simulated"}}
        known = {"user_text": {"texts": {**TOLD, "kind": "preferences"}}, "item_text": {"texts": facts}}
        return {
            **SHORT,
            "shared_experts": 0,
            "user_experts": 1,
            **{k: v | {"encoder": {"kind": "tfidf"}} for k, v in known.items()},
        }
    if name.startswith("recbole"):
        return {} if name == "recbole:EASE" else RECBOLE_SHORT
    if name in ("p5", "pod", "rdrec"):
        trunk = {"kind": "from-scratch", "width": 16, "layers": 1, "feed_forward": 16}
        rationales = {"rationales": {"writer": {"provider": "simulated"}}} if name == "rdrec" else {}
        short = {
            "trunk": trunk, "epochs": 1, "batching": "mixed", "epoch_by": "examples", "batch_size": 256, "negatives": 9,
        }  # fmt: skip
        return {**short, "candidates_prompt": "top_n", **rationales}
    return SHORT if name.removesuffix("+") in ("gru4rec", "sasrec", "srgnn") else {}


@pytest.fixture(scope="module")
def encoder(make_encoder: Callable[[Sequence[str]], Path]) -> Path:
    return make_encoder(["Step", "Edition", "You", "and"])


@pytest.fixture(scope="module")
def honest() -> Dataset:
    source = CATALOG.datasets["synthetic-shop"](users=120, items=200)
    return load_dataset("shop", source, Preparation())


@pytest.fixture(scope="module")
def swapped(honest: Dataset) -> Dataset:
    """The same data with the test targets, and what is said of them, dealt out anew among the users."""
    assert honest.reviews is not None
    items, reviews = honest.sequences.items.copy(), honest.reviews.copy()
    last = honest.sequences.offsets[1:] - 1
    dealt = np.random.default_rng(0).permutation(last)
    items[last], reviews.iloc[last] = items[dealt], reviews.iloc[dealt].to_numpy()
    return replace(honest, sequences=replace(honest.sequences, items=items), reviews=reviews)


class Recorder:
    """Everything a method returned, in order."""

    def __init__(self) -> None:
        self.scores: list[bytes] = []


def scores_on(
    dataset: Dataset, candidates: np.ndarray | None, name: str, folder: Path, monkeypatch, encoder: Path
) -> list[bytes]:
    """The bytes of every score that a trial of the method asks for, validation included; its stages are built anew."""
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

    context = {"language_models": CATALOG.language_models, "methods": CATALOG.methods}
    config: Config = kind.Config.model_validate(quick(name, encoder, dataset, folder), context=context)
    method = SuiteMethod(name, Recorded, config, {}, ("shop",))
    trial = Trial("canary", SuiteDataset("shop", dataset.source, Preparation()), "0", method, protocol, "0", seed=3)
    trial = replace(trial, fingerprint=dataset.fingerprint)
    asking = Asking(CATALOG.language_models, folder / "cassette", load_prices())
    artifacts = Artifacts(folder / "artifacts")
    plan = Plan(None, (trial,), {"shop": prepared})  # type: ignore[arg-type] - the suite is not asked for
    store, stages = Store(folder, "canary"), plan.stages_for(trial)
    job = Job(trial, store, "canary", "builtin", {}, CATALOG.metrics, artifacts, asking, "cpu", {}, stages=stages)
    bench = Workbench()
    monkeypatch.setattr("llmrec_bench.execute.trial_data.prepare", lambda *_: prepared)
    for stage in stages:
        assert bench.run(replace(job, stage=stage), lambda phase: None) is None
    bench.run(job, lambda phase: None)
    record = job.store.record("canary")
    assert record is not None
    assert record.failure is None, record.failure
    return recorder.scores


@pytest.mark.parametrize("name", sorted(METHODS))
@pytest.mark.parametrize("offered", ["full", "fixed"])
def test_no_score_depends_on_the_test_targets(name, offered, honest, swapped, tmp_path, monkeypatch, encoder):
    assert not np.array_equal(honest.sequences.items, swapped.sequences.items)
    candidates = None
    if offered == "fixed":
        rng = np.random.default_rng(1)
        candidates = np.stack([rng.permutation(honest.n_items)[:60] for _ in range(honest.n_users)]).astype(np.int32)
    ours = scores_on(honest, candidates, name, tmp_path / "honest", monkeypatch, encoder)
    theirs = scores_on(swapped, candidates, name, tmp_path / "swapped", monkeypatch, encoder)
    assert ours
    assert ours == theirs


def test_the_canary_sings(honest, swapped, tmp_path, monkeypatch, encoder):
    """A method that gets hold of the targets is caught."""
    kind = CATALOG.methods["constant"]
    told: list[np.ndarray] = []

    def cheat(self, queries):
        return np.eye(honest.n_items, dtype=np.float32)[told[0][: len(queries)]]

    monkeypatch.setattr(kind, "score", cheat)
    outcomes = []
    for dataset in (honest, swapped):
        told[:] = [dataset.sequences.items[dataset.sequences.offsets[1:] - 1]]
        folder = tmp_path / dataset.fingerprint / str(len(outcomes))
        outcomes.append(scores_on(dataset, None, "constant", folder, monkeypatch, encoder))
    assert outcomes[0] != outcomes[1]
