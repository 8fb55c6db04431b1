"""The enhancer from a suite to its tables: with recorded answers, a simulated model, and a tiny local one."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from llmrec_bench import Store, build_tables, load_catalog, load_suite, make_plan, render_tables, run_plan
from llmrec_bench.artifacts import Artifacts
from llmrec_bench.cli import main
from llmrec_bench.costs import build_cost_tables
from llmrec_bench.data.training import TrainingData
from llmrec_bench.llm.cassette import Cassette, request_key
from llmrec_bench_plugins.llms.recorded import Recorded

SUITE = Path(__file__).parents[3] / "suites" / "enhancer.yaml"
USERS, ITEMS = 40, 200
WORDS = ["games", "you", "like", "puzzle", "racing", "story", "cosy", "dark", "quick", "belongs"]


def test_every_prompt_of_the_suite_is_recorded():
    plan = make_plan(load_suite(SUITE, load_catalog()))
    prepared = plan.prepared["MovieLens"]
    parts, items = prepared.split, prepared.dataset.items
    train = TrainingData(parts.train, items, parts.validation, parts.validation_targets, "films")
    cassette = Cassette(None, Recorded.recordings)
    cassette.refresh()
    identity = Recorded(Recorded.Config(), items).identity()
    asked = {}
    for planned in plan.stages:
        if planned.stage.language_model() is not None:
            prompts = planned.stage.prompts(train)
            assert all(cassette.find(request_key(identity, prompt)) for prompt in prompts)
            asked[planned.stage.name] = len(prompts)
    assert asked == {"teacher-rationales": 300, "user-preferences": 300, "item-facts": 1219}


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("sasrec enhancer", {"user-preferences", "item-facts"}),
        ("sasrec preferences", {"user-preferences"}),
        ("sasrec facts", {"item-facts"}),
        ("sasrec titles", set()),
    ],
)
def test_a_plan_shows_what_a_variant_asks(method, wanted, capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["plan", str(SUITE), "--only", method, "--results", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "text-embeddings" in shown
    asking = [line for line in shown.splitlines() if "recorded claude" in line]
    assert {name for name in ("user-preferences", "item-facts", "teacher-rationales") if name in shown} == wanted
    assert len(asking) == len(wanted)
    assert all("100%" in line for line in asking)


def suite_text(writer, encoder):
    encoder = {"kind": "pretrained", "model": str(encoder), "pooling": "mean", "max_tokens": 64}
    preferences = {"kind": "preferences", "domain": "products", "writer": writer, "history_length": 5}
    users = {"texts": preferences, "encoder": encoder}
    items = {"texts": {"kind": "facts", "domain": "products", "writer": writer}, "encoder": encoder}
    small = {"width": 8, "epochs": 2, "expert_hidden": 8, "expert_width": 4}
    both = {**small, "user_text": users, "item_text": items}

    def row(method="llm-enhancer-sasrec", **options):
        return {"method": method, "config": {**both, **options}}

    methods = {
        "popularity": None,
        "gru4rec": row("llm-enhancer-gru4rec"),
        "sasrec": row(),
        "srgnn": row("llm-enhancer-srgnn"),
        "shuffled": row(control="shuffled"),
        "random": row(control="random"),
        "preferences": row(item_text=None),
        "facts": row(user_text=None),
        "titles": row(
            user_text={"texts": {"kind": "titles"}, "encoder": encoder},
            item_text={"texts": {"kind": "columns", "columns": ["title"]}, "encoder": encoder},
        ),
        "per split": row(user_text={**users, "texts": {**preferences, "cutoff": "per_split"}}),
        "first half": row(user_text={**users, "texts": {**preferences, "cutoff": "first_half"}}),
    }
    return yaml.safe_dump(
        {
            "datasets": {"shop": {"source": "synthetic-shop", "options": {"users": USERS, "items": ITEMS}}},
            "protocol": {"candidates": {"kind": "sampled", "n": 20}, "cutoffs": [5]},
            "methods": methods,
            "seeds": [1],
            "metrics": ["NDCG", "InvalidRate"],
        },
        sort_keys=False,
    )


def run(folder, writer, encoder):
    (folder / "enhancer.yaml").write_text(suite_text(writer, encoder))
    catalog = load_catalog()
    plan = make_plan(load_suite(folder / "enhancer.yaml", catalog))
    progress = run_plan(plan, catalog, Store(folder / "results", "enhancer"), workers=0)
    assert [p.state for p in progress] == ["finished"] * 11
    return plan, {p.trial.id: p.record for p in progress}, Artifacts(folder / "results" / "artifacts")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_encoder):
    writer = {"provider": "simulated", "model": "writer-1"}
    return run(tmp_path_factory.mktemp("enhancer"), writer, make_encoder(WORDS))


def manifests(finished, name):
    """Of the artifacts of a stage, with the stage and its folder."""
    plan, _, artifacts = finished
    stages = [planned for planned in plan.stages if planned.stage.name == name]
    return [(s.stage, artifacts.manifest(s.stage, s.key), artifacts.path(s.stage, s.key)) for s in stages]


def test_each_user_and_each_item_is_asked_about_once(finished):
    asked = {stage.cutoff: sum(s.calls for s in m.spending) for stage, m, _ in manifests(finished, "user-preferences")}
    assert asked == {"earliest": USERS, "per_split": 3 * USERS, "first_half": USERS}
    [(_, manifest, folder)] = manifests(finished, "item-facts")
    assert sum(spent.calls for spent in manifest.spending) == len(pd.read_parquet(folder / "facts.parquet"))
    plan, records, _ = finished
    keys = {t.method.label: {s.key for s in records[t.id].stages} for t in plan.trials}
    assert keys["shuffled"] == keys["random"] == keys["gru4rec"] == keys["srgnn"] == keys["sasrec"]
    assert keys["preferences"] | keys["facts"] == keys["sasrec"]
    assert not keys["preferences"] & keys["facts"]
    assert not keys["titles"] & keys["sasrec"]


def test_no_target_is_among_the_interactions_a_manifest_lists(finished):
    prepared = finished[0].prepared["shop"]
    parts, tokens = prepared.split, prepared.dataset.items["token"].astype(str).tolist()
    users = prepared.dataset.users.astype(str).tolist()
    tests = {(users[u], tokens[row[0]]) for u, row in zip(parts.test.users, parts.test_targets, strict=True)}
    validations = {
        (users[u], tokens[row[0]]) for u, row in zip(parts.validation.users, parts.validation_targets, strict=True)
    }
    last = {(users[u], tokens[row[-1]]) for u, row in enumerate(parts.train)}
    found = manifests(finished, "user-preferences")
    assert len(found) == 3
    for stage, manifest, folder in found:
        listed = pd.read_parquet(folder / "interactions.parquet")
        pairs = set(zip(listed["user"], listed["item"], strict=True))
        assert (manifest.cut, manifest.interactions) == ("training", len(listed))
        assert {user for user, _ in pairs} == set(users)
        assert not pairs & tests
        if stage.cutoff == "earliest":
            assert not pairs & (validations | last)
        if stage.cutoff == "first_half":
            shown = {u: row[: min(-(-len(row) // 2), 5)] for u, row in enumerate(parts.train)}
            assert pairs == {(users[u], tokens[item]) for u, row in shown.items() for item in row}


def test_what_a_simulated_model_touched_says_so_and_everybody_gets_scores(finished):
    plan, records, _ = finished
    [table] = build_tables(plan, records)
    assert [row.method for row in table.rows if not row.simulated] == ["popularity", "titles"]
    assert "preferences (simulated)" in render_tables([table], "markdown")
    assert all(records[t.id].metrics["InvalidRate@5"] == 0 for t in plan.trials)
    assert len({records[t.id].metrics["NDCG@5"] for t in plan.trials}) > 6  # they are different methods


def test_what_it_costs_is_paid_once(finished):
    plan, records, _ = finished
    [table] = build_cost_tables(plan, records)
    charged = {row.step.split(":")[0]: row.charged for row in table.rows if row.method == "sasrec"}
    one_off = ["user-preferences", "user-text-embeddings", "item-facts", "text-embeddings", "fit"]
    assert charged.pop("ranking") == "per-request"
    assert {step: charged[step] for step in one_off} == dict.fromkeys(one_off, "one-off")


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A language model of one layer with random weights that knows digits and a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("local")
    special = ["<unk>", "<s>", "</s>"]
    words = Tokenizer(models.WordLevel({w: code for code, w in enumerate(special + WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<unk>"
    )
    tokenizer.chat_template = "<s>{% for message in messages %}{{ message.content }} {% endfor %}"
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(special + WORDS), max_position_embeddings=512, initializer_range=0.4, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_a_local_model_writes_what_is_known(local, tmp_path, make_encoder):
    writer = {"provider": "transformers", "model": str(local), "max_tokens": 8}
    finished = run(tmp_path, writer, make_encoder(WORDS))
    for name in ("user-preferences", "item-facts"):
        for _, manifest, folder in manifests(finished, name):
            [spent] = manifest.spending
            assert (spent.provider, spent.simulated) == ("transformers", False)
            [file] = [file for file in folder.glob("*.parquet") if file.stem in ("rationales", "facts")]
            written = pd.read_parquet(file)["text"]
            assert written.map(bool).mean() > 0.5
            assert set(" ".join(written).split()) <= {*WORDS, "<unk>"}
    [table] = build_tables(finished[0], finished[1])
    assert not any(row.simulated for row in table.rows if row.method == "facts")
