"""Every plugin that comes with the project passes the checks that plugins of others have to pass."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmrec_bench import load_catalog
from llmrec_bench.testing import check_plugin, tiny_split

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
OPTIONS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(["gru4rec", "sasrec", "sasrec-bce", "srgnn"], TRAINED),
    **dict.fromkeys(["gru4rec+", "sasrec+", "srgnn+"], TEXTS),
    **dict.fromkeys(["slim-gru4rec", "slim-sasrec", "slim-srgnn"], FUSED),
    **dict.fromkeys(["llm-enhancer-gru4rec", "llm-enhancer-sasrec", "llm-enhancer-srgnn"], ENHANCED),
    "llm-ranker": RANKER,
}
"""Small options, and those without a default; by method."""

QUICK = {
    "bm25", "candidate-order-echo", "constant", "ease", "item-id-rule", "item-knn", "markov", "popularity", "random",
    "run-file",
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
        if CATALOG.plugin_of[f"method {name}"] in BUILT_IN
    ],
)
def test_methods(name: str, files: dict[str, Any]) -> None:
    assert faults(CATALOG.methods[name], files.get(name) or OPTIONS.get(name, {})) == []
