"""Ranker and enhancer in a suite whose language model is a real server's, and the same model in this process."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import pytest
import yaml

from llmrec_bench import Record, Store, load_catalog, load_suite, make_plan, run_plan
from llmrec_bench.artifacts import Artifacts, Manifest

USERS = 12
ENHANCERS = ["llm-enhancer-gru4rec", "llm-enhancer-sasrec", "llm-enhancer-srgnn"]
SAID = ["well", "then", "a", "game"]
"""Words that the encoder knows; all others it reads as one."""

Run = Callable[..., tuple[dict[str, Record], dict[str, Manifest], dict[str, list[str]]]]


@pytest.fixture
def run(tmp_path: Path, make_encoder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(model, "results", mode="replay")`: records by method, manifests and texts of the stages that asked.

    Every results folder is a new start; all of them share one cassette.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    encoder = {"kind": "pretrained", "model": str(make_encoder(SAID)), "pooling": "mean", "max_tokens": 64}

    def call(model: dict[str, Any], results: str, mode: str = "record"):
        of_users = {"kind": "preferences", "domain": "products", "writer": model, "history_length": 5}
        of_items = {"kind": "facts", "domain": "products", "writer": model}
        known = {
            "user_text": {"texts": of_users, "encoder": encoder},
            "item_text": {"texts": of_items, "encoder": encoder},
            **{"width": 8, "epochs": 1, "expert_hidden": 8, "expert_width": 4},
        }
        asked = {"domain": "products", "history_length": 3, "language_model": model}
        suite = {
            "datasets": {"shop": {"source": "synthetic-shop", "options": {"users": USERS, "items": 200}}},
            "protocol": {"candidates": {"kind": "sampled", "n": 9}, "cutoffs": [3]},
            "llm": {"mode": mode, "cassette": str(tmp_path / "cassette")},
            "methods": {
                "ranker": {"method": "llm-ranker", "config": asked},
                **{name: {"method": name, "config": known} for name in ENHANCERS},
            },
            "seeds": [1],
            "metrics": ["HR", "NDCG", "InvalidRate"],
        }
        (tmp_path / "served.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
        catalog = load_catalog()
        plan = make_plan(load_suite(tmp_path / "served.yaml", catalog))
        progress = run_plan(plan, catalog, Store(tmp_path / results, "served"), workers=0)
        assert [(p.state, p.record.failure) for p in progress] == [("finished", None)] * 4
        artifacts, manifests, texts = Artifacts(tmp_path / results / "artifacts"), {}, {}
        for planned in plan.stages:
            if planned.stage.language_model() is not None:
                name = planned.stage.name
                manifests[name] = artifacts.manifest(planned.stage, planned.key)
                folder = artifacts.path(planned.stage, planned.key)
                [file] = [file for file in folder.glob("*.parquet") if file.stem in ("rationales", "facts")]
                texts[name] = pd.read_parquet(file)["text"].tolist()
        return {p.trial.method.label: p.record for p in progress}, manifests, texts

    return call


def ledger(record: Record) -> Counter[str]:
    """How many answers came to what, as the ledger below a table says."""
    answers, _, outcomes = record.remarks[0].partition(" queries: ")
    counts = Counter({outcome: int(count) for count, outcome in re.findall(r"(\d+) ([a-z-]+)", outcomes)})
    assert answers == f"{USERS} answers to {USERS}"
    assert counts.total() == USERS
    return counts


def spent(records: dict[str, Record], manifests: dict[str, Manifest]) -> dict[str, Any]:
    """By prompt family; an enhancer itself asks nothing."""
    assert all(records[name].spending == [] for name in ENHANCERS)
    asked = [*records["ranker"].spending, *(one for manifest in manifests.values() for one in manifest.spending)]
    assert len(asked) == 3
    return {one.family: one for one in asked}


@pytest.mark.parametrize("provider", ["openai", "transformers"])
def test_a_real_model_that_answers_rubbish_is_read_metered_and_replayed(run: Run, served: Any, provider: str) -> None:
    where = {"base_url": served.url, "timeout_seconds": 60.0} if provider == "openai" else {}
    model = {"provider": provider, "model": str(served.model), "max_tokens": 8, "temperature": 0.0, **where}
    records, manifests, texts = run(model, "first")
    counts = ledger(records["ranker"])
    assert counts["valid"] == counts["repaired"] == counts["failed"] == 0
    calls = spent(records, manifests)
    assert {family: one.calls for family, one in calls.items()} == {
        "ranking": USERS,
        "preference": USERS,
        "item-facts": len(texts["item-facts"]),
    }
    for one in calls.values():
        assert (one.recorded_calls, one.failed_calls, one.simulated) == (0, 0, False)
        assert (one.calls_without_usage, one.calls_without_seconds) == (0, 0)
        assert one.prompt_tokens > one.calls
        assert 0 < one.completion_tokens <= 8 * one.calls
        assert one.call_seconds > 0
    assert all(any(written) for written in texts.values())

    again, built_again, texts_again = run(model, "again", mode="replay")
    assert texts_again == texts
    assert ledger(again["ranker"]) == counts
    for family, one in spent(again, built_again).items():
        assert one.recorded_calls == one.calls
        before = calls[family]
        assert (one.prompt_tokens, one.completion_tokens) == (before.prompt_tokens, before.completion_tokens)
        assert one.call_seconds == pytest.approx(before.call_seconds)
    for label, record in again.items():
        assert record.metrics == records[label].metrics


def chat(message: dict[str, Any], reason: str = "stop") -> dict[str, Any]:
    """The body of a chat completion."""
    usage = {"prompt_tokens": 9, "completion_tokens": 3}
    return {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": reason}], "usage": usage}


RUBBISH = {
    "nothing": (chat({"content": None}), "empty"),
    "blanks": (chat({"content": " \n\t "}), "empty"),
    "a refusal": (chat({"content": None, "refusal": "I cannot help with that."}), "refused"),
    "a filter": (chat({"content": "A ga", "refusal": None}, "content_filter"), "refused"),
    "endless prose": (chat({"content": "well then a game " * 10_000}, "length"), "empty"),
    "endless numbers": (chat({"content": "7 7 7 7 " * 5_000}, "length"), "off-list"),
    "half a surrogate": (chat({"content": "\ud83d game"}), "failed"),
    "no completion": ({"choices": []}, "failed"),
}
"""What a server may send, and what the ledger calls it."""


def test_every_kind_of_rubbish_is_survived_and_counted(run: Run, server: Any) -> None:
    sent: dict[str, Counter[str]] = {"ranking": Counter(), "other": Counter()}

    def rubbish(text: str) -> dict[str, Any]:
        kind = list(RUBBISH)[crc32(text.encode()) % len(RUBBISH)]
        sent["ranking" if "Rank all of them" in text else "other"][kind] += 1
        return {"body": RUBBISH[kind][0]}

    server.rule = rubbish
    model = {"provider": "openai", "model": "rubbish", "base_url": server.url, "retries": 0}
    records, manifests, texts = run(model, "first")
    expected = Counter[str]()
    for kind, count in sent["ranking"].items():
        expected[RUBBISH[kind][1]] += count
    assert +ledger(records["ranker"]) == expected
    assert sent["other"].keys() == RUBBISH.keys()
    silent = sum(count for kind, count in sent["other"].items() if not kind.startswith("endless"))
    written = [text for stage in texts.values() for text in stage]
    assert written.count("") == silent
    prompts = USERS + len(written)
    calls = spent(records, manifests)
    failed = sum(one.failed_calls for one in calls.values())
    assert failed == sum(kinds["half a surrogate"] + kinds["no completion"] for kinds in sent.values()) > 0
    assert sum(one.prompt_tokens for one in calls.values()) == 9 * (prompts - failed)

    # What failed is asked again, and nothing else.
    asked_before = len(server.requests)
    assert asked_before == prompts
    again, _, texts_again = run(model, "again")
    assert len(server.requests) == asked_before + failed
    assert texts_again == texts
    assert ledger(again["ranker"]) == ledger(records["ranker"])
    for label, record in again.items():
        assert record.metrics == records[label].metrics
