"""Every plugin that comes with the project passes the checks that plugins of others have to pass."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmrec_bench import Store, build_tables, load_catalog, load_suite, make_plan, render_tables, run_plan
from llmrec_bench.testing import check_plugin, tiny_split
from llmrec_bench.testing.offers import stages_offered

CATALOG = load_catalog()
BUILT_IN = {"builtin", "metrics"}

TRAINED = {"epochs": 2, "width": 8, "history_length": 6}
TFIDF = {"encoder": {"kind": "tfidf"}}
SIMULATED = {"provider": "simulated"}
TOLD = {"kind": "teacher", "domain": "products", "cutoff": "per_split", "writer": SIMULATED}
FUSED = {**TRAINED, "share_fusion": False, "item_text": TFIDF, "user_text": {"texts": TOLD, **TFIDF}}
FACTS = {"kind": "facts", "domain": "products", "writer": SIMULATED}
ENHANCED = {
    **TRAINED, "shared_experts": 0, "user_experts": 1, "expert_hidden": 8,
    "user_text": {"texts": {**TOLD, "kind": "preferences"}, **TFIDF}, "item_text": {"texts": FACTS, **TFIDF},
}  # fmt: skip
RANKER = {
    "domain": "products", "language_model": SIMULATED, "permutations": 2,
    "retriever": {"method": "popularity"}, "retrieved": 10,
}  # fmt: skip
TEXTS = {**TRAINED, "item_text": TFIDF}
WRITES_NUMBERS = {
    "trunk": {"kind": "from-scratch", "width": 16, "layers": 1, "feed_forward": 16},
    "epochs": 1, "negatives": 3, "beams": 30,
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(["gru4rec", "sasrec", "sasrec-bce", "srgnn"], TRAINED),
    **dict.fromkeys(["gru4rec+", "sasrec+", "srgnn+"], TEXTS),
    **dict.fromkeys(["slim-gru4rec", "slim-sasrec", "slim-srgnn"], FUSED),
    **dict.fromkeys(["llm-enhancer-gru4rec", "llm-enhancer-sasrec", "llm-enhancer-srgnn"], ENHANCED),
    "llm-ranker": RANKER,
    "recbole+": {option: value for option, value in TEXTS.items() if option != "width"},
    "slim-recbole": {option: value for option, value in FUSED.items() if option != "width"},
    "p5": {**WRITES_NUMBERS, "batching": "mixed"},
    "pod": WRITES_NUMBERS,
    "rdrec": {**WRITES_NUMBERS, "rationales": {"writer": SIMULATED}},
}  # fmt: skip
"""Small options, and those without a default; by method."""

ZOO = {"recbole:BPR": {"epochs": 2}, "recbole:EASE": {}, "recbole:GRU4Rec": {"epochs": 2, "history_length": 6}}
"""One of RecBole's models of each way they are fed; tests of their own hold what all of them promise."""

QUICK = {
    "bm25", "candidate-order-echo", "constant", "ease", "item-id-rule", "item-knn", "markov", "popularity", "random",
    "run-file", "typical-review",
}  # fmt: skip
"""Methods without a framework; the others take a quarter of a minute each."""


def faults(plugin: type, options: dict[str, Any]) -> list[str]:
    """What is said of the checks that fail."""
    findings = list(check_plugin(plugin, options, CATALOG))
    assert len(findings) > 5
    return [str(finding) for finding in findings if finding.status == "failed"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, make_encoder: Callable[[Sequence[str]], Path]) -> dict[str, Any]:
    """Options that name a file, by method."""
    folder = tmp_path_factory.mktemp("files")
    data, rng = tiny_split().dataset, np.random.default_rng(3)
    lines = [f"{user},{item},{rng.random():.3f}" for user in data.users for item in data.items["token"][::3]]
    (folder / "run.csv").write_text("\n".join(["user,item,score", *lines]))
    encoder = {"kind": "pretrained", "model": str(make_encoder(["red", "green", "lamp"])), "pooling": "mean"}
    matching = {**TRAINED, "user_text": {"texts": TOLD, "encoder": encoder}, "item_text": {"encoder": encoder}}
    matching.pop("history_length")
    return {"run-file": {"path": str(folder / "run.csv"), "unknown": "drop"}, "slim-matching": matching}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in sorted(CATALOG.methods)
        if CATALOG.plugin_of[f"method {name}"] in BUILT_IN and (name in ZOO or not name.startswith("recbole:"))
    ],
)
def test_methods(name: str, files: dict[str, Any]) -> None:
    assert faults(CATALOG.methods[name], files.get(name) or {**OPTIONS, **ZOO}.get(name, {})) == []


def test_every_option_set_is_of_a_method() -> None:
    assert {*OPTIONS, *QUICK, *ZOO} <= CATALOG.methods.keys()


def test_what_fails_by_design_stands_below_the_tables(tmp_path: Path) -> None:
    """The reason that a method gives for a check reaches the record, and from there every table."""
    suite = tmp_path / "echo.yaml"
    suite.write_text(
        "datasets: {shop: {source: synthetic-shop, options: {users: 20, items: 200}}}\n"
        "protocol: {cutoffs: [5]}\nmethods: {candidate-order-echo: }\nseeds: [1]\n"
    )
    plan, store = make_plan(load_suite(suite, CATALOG)), Store(tmp_path / "results", "echo")
    [progress] = run_plan(plan, CATALOG, store, workers=0)
    assert progress.record is not None
    reason = "fails candidate-order by design: it scores places, to show whether a list betrays its target"
    assert progress.record.remarks == [reason]
    tables = build_tables(plan, {progress.trial.id: progress.record}, store)
    assert reason in " ".join(render_tables(tables, "markdown").split())


@pytest.mark.parametrize("name", sorted(CATALOG.metrics))
def test_metrics(name: str) -> None:
    assert faults(CATALOG.metrics[name], {}) == []


ROWS = [[1, 2, 3, 4], [2, 3, 1], [4, 1, 2], [3, 2, 4, 1]]
"""Items of four users."""


def written(name: str, folder: Path) -> dict[str, Any]:
    """Options of a source that reads files, with a small one of its format."""
    pairs = [(user, item, 86_400 * place) for user, row in enumerate(ROWS, 1) for place, item in enumerate(row)]
    lines = {
        "interaction-table": ["user,item,time", *(f"{user},{item},{time}" for user, item, time in pairs)],
        "p5": [" ".join(map(str, [user, *row])) for user, row in enumerate(ROWS, 1)],
        "recbole-atomic": [
            "user_id:token\titem_id:token\ttimestamp:float",
            *(f"{user}\t{item}\t{time}" for user, item, time in pairs),
        ],
        "sasrec-text": [f"{user} {item}" for user, item, _ in pairs],
        "sequence-table": [
            "user_id\titem_ids", *(f"{user}\t{' '.join(map(str, row))}" for user, row in enumerate(ROWS, 1))
        ],
        "amazon-reviews": [
            json.dumps({"reviewerID": f"A{user}", "asin": f"B{item}", "overall": 5.0, "unixReviewTime": time})
            for user, item, time in pairs
        ],
    }  # fmt: skip
    ending = {"interaction-table": "csv", "recbole-atomic": "inter", "amazon-reviews": "json"}.get(name, "txt")
    path = folder / f"events.{ending}"
    path.write_text("\n".join([*lines[name], ""]))
    return {"path": str(path)}


@pytest.mark.parametrize("name", sorted(n for n in CATALOG.datasets if CATALOG.plugin_of[f"dataset {n}"] in BUILT_IN))
def test_data_sources(name: str, tmp_path: Path) -> None:
    made = {"movielens-100k": {}, "synthetic-shop": {"users": 30, "items": 200}}
    options = made[name] if name in made else written(name, tmp_path)
    assert faults(CATALOG.datasets[name], options) == []


UNASKED = {
    "openai": "asks a server, which a test of its own stands in for",
    "recorded": "answers nothing but what was recorded, and that without tokens and seconds",
    "transformers": "needs weights; its own tests make some",
}


@pytest.mark.parametrize(
    "name", sorted(n for n in CATALOG.language_models if CATALOG.plugin_of[f"language model {n}"] in BUILT_IN)
)
def test_language_models(name: str) -> None:
    if name in UNASKED:
        pytest.skip(UNASKED[name])
    assert faults(CATALOG.language_models[name], {}) == []


STAGES: dict[str, dict[str, Any]] = {
    "item-facts": {key: value for key, value in FACTS.items() if key != "kind"},
    "text-embeddings": TFIDF,
    "user-text-embeddings": {"texts": TOLD, **TFIDF},
    "user-preferences": {key: value for key, value in TOLD.items() if key != "kind"},
    "teacher-rationales": {key: value for key, value in TOLD.items() if key != "kind"},
    "review-rationales": {"writer": {"provider": "simulated"}},
}
UNBUILT = {
    "distilled-student": "trains a model for minutes; its own tests build one",
    "next-item-recall": "asks for what the simulated model does not write; its own tests bring a model",
    "title-recall": "asks for what the simulated model does not write; its own tests bring a model",
    "student-rationales": "needs a trained student; its own tests make one",
}
OWN_STAGES = {
    name: stage for name, stage in stages_offered(CATALOG).items() if "llmrec_bench_plugins" in stage.__module__
}


@pytest.mark.parametrize("name", sorted(OWN_STAGES))
def test_stages(name: str) -> None:
    if name in UNBUILT:
        pytest.skip(UNBUILT[name])
    assert faults(OWN_STAGES[name], STAGES[name]) == []
