"""The ranker as a user meets it: in a suite, beside other methods, with its ledger below the table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llmrec_bench.cli import main

SHOP = """
datasets:
  shop: {source: synthetic-shop, options: {domain: games, users: 60, items: 200}}
protocol:
  candidates: CANDIDATES
  cutoffs: [5]
seeds: [1]
metrics: [HR, NDCG]
methods:
  popularity:
"""
SAMPLED = "{kind: sampled, n: 9}"
RANKER = "{method: llm-ranker, config: {domain: products, language_model: {provider: simulated%s}%s}}"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, dict[str, Any]]]:
    """`run(methods)`: what was printed, and the records by method label; or the one line of an error."""

    def call(methods: str, candidates: str = SAMPLED, command: str = "run", *options: str):
        suite = tmp_path / "ranker.yaml"
        suite.write_text(SHOP.replace("CANDIDATES", candidates) + methods)
        workers = ["--workers", "0"] if command == "run" else []
        with pytest.raises(SystemExit) as stop:
            main([command, str(suite), "--results", str(tmp_path / "results"), *workers, *options])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        stored = [json.loads(p.read_text()) for p in tmp_path.glob("results/ranker/trials/*/record.json")]
        return out if not stop.value.code else err, {record["method"]["label"]: record for record in stored}

    return call


def test_every_fault_has_its_ledger_below_the_table(run):
    faults = ["malformed", "off_list", "duplicate", "truncated", "refusal"]
    rows = [f"  {fault}: {RANKER % (f', faults: {{{fault}: 1.0}}', '')}" for fault in faults]
    printed, records = run("\n".join([*rows, f"  sound: {RANKER % ('', '')}"]))
    said = {label: record["remarks"] for label, record in records.items()}
    queries = records["sound"]["dataset"]["queries"]
    for fault, outcome in zip(faults, ("empty", "off-list", "duplicate", "short", "refused"), strict=True):
        assert said[fault][0].startswith(f"{queries} answers to {queries} queries: ")
        assert f"{queries} {outcome}" in said[fault][0]
        assert f"{fault} (simulated): {queries} answers" in " ".join(printed.split())
    assert f"{queries} valid" in said["sound"][0]
    assert "HR@5 by the target's place in the first prompt: " in said["sound"][-1]
    assert said["popularity"] == []
    assert records["sound"]["bounds"] == records["popularity"]["bounds"] == {}
    # Nothing was said by these two: exactly chance, and anything from last to first is possible.
    for fault in ("malformed", "refusal"):
        assert records[fault]["metrics"]["HR@5"] == pytest.approx(records[fault]["chance"]["HR@5"])
        assert records[fault]["bounds"]["HR@5"] == [0.0, 1.0]
    low, high = records["truncated"]["bounds"]["NDCG@5"]
    assert low < records["truncated"]["metrics"]["NDCG@5"] < high
    assert "ties of seed 1 leave open HR@5" in printed.replace("\n", " ")
    assert records["sound"]["metrics"]["HR@5"] > records["popularity"]["metrics"]["HR@5"]
    [spent] = records["sound"]["spending"]
    assert (spent["family"], spent["calls"], spent["charged"]) == ("ranking", queries, "per-request")


def test_two_stages_over_the_whole_catalogue(run):
    retriever = ", retriever: {method: bm25, config: {history_length: 3}}, retrieved: 15"
    printed, records = run(f"  two-stage: {RANKER % ('', retriever)}", "{kind: full}")
    assert "candidates are the first 15 of bm25" in " ".join(printed.split())
    assert records["two-stage"]["method"]["config"]["retriever"] == {
        "method": "bm25",
        "config": {"history_length": 3, "saturation": 1.2, "length_share": 0.75},
    }
    assert 0 < records["two-stage"]["metrics"]["HR@5"] < 1
    again, _ = run(f"  two-stage: {RANKER % ('', retriever)}", "{kind: full}", "run", "--replay")
    assert "2 of 2 trials finished" in again


def test_the_whole_catalogue_is_refused_before_anything_runs(run):
    told, records = run(f"  ranker: {RANKER % ('', '')}", "{kind: full}")
    assert told.strip().splitlines() == [
        "bench: llm-ranker: the candidates are the whole catalogue, which fits no prompt; give the protocol sampled "
        "candidates or those of a file, or the method a `retriever`, such as {method: popularity}"
    ]
    assert records == {}


def test_a_mistake_in_the_retriever_is_told_with_its_line(run):
    told, _ = run(f"  ranker: {RANKER % ('', ', retriever: {method: bm52}')}")
    assert "ranker.yaml:11: methods.ranker.config.retriever: unknown method 'bm52'; did you mean 'bm25'?" in told
    told, _ = run(f"  ranker: {RANKER % ('', ', retriever: {method: sasrec, config: {widht: 3}}')}")
    assert (
        "ranker.yaml:11: methods.ranker.config.retriever: 'sasrec' has no option 'widht'; did you mean 'width'?" in told
    )


def test_a_plan_tells_what_it_will_ask(run):
    printed, _ = run(f"  ranker: {RANKER % ('', ', permutations: 3')}", SAMPLED, "plan")
    assert "180" in printed  # 60 users, three times each


def test_local_weights_end_to_end(run, tmp_path):
    """A tiny causal model with random weights: it says nothing that is a ranking, and every answer is accounted for."""
    words = ["<unk>", "<s>", "</s>", *map(str, range(1, 30)), ",", ".", "[", "]", "movies", "Rank", "numbers"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path / "tiny"
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    fast.chat_template = "<s>{% for message in messages %} {{ message.content }}{% endfor %}"
    fast.save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(
            LlamaConfig(vocab_size=len(words), max_position_embeddings=2048, bos_token_id=1, eos_token_id=2, **sizes)
        ).save_pretrained(folder)
    model = f"{{provider: transformers, model: {folder}, max_tokens: 12}}"
    _, records = run(f"  local: {{method: llm-ranker, config: {{domain: products, language_model: {model}}}}}")
    assert records["local"]["status"] == "finished"
    counted = records["local"]["remarks"][0]
    assert counted.startswith("60 answers to 60 queries: ")
    assert sum(int(part.split()[0]) for part in counted.partition(": ")[2].split(", ")) == 60
    [spent] = records["local"]["spending"]
    assert spent["completion_tokens"] > 0
    assert spent["parameters"] > 0
