"""SLIM from a suite to its table, with a simulated teacher: what is shared, what is told, and what nobody may see."""

import pandas as pd
import pytest
import yaml

from llmrec_bench import Store, build_tables, load_catalog, load_suite, make_plan, render_tables, run_plan
from llmrec_bench.artifacts import Artifacts

USERS = 60
WORDS = ["step", "games", "you", "like", "puzzle", "racing", "story", "cosy", "dark", "quick"]


def suite_text(encoder):
    encoder = {"kind": "pretrained", "model": str(encoder), "pooling": "mean", "max_tokens": 64}
    teacher = {
        "kind": "teacher",
        "writer": {"provider": "simulated", "model": "writer-1"},
        "domain": "products",
        "products": "games",
    }
    items = {"item_text": {"encoder": encoder}}
    small = {"width": 8, "epochs": 2, **items}
    matching = {"epochs": 2, "width": 8, **items}

    def told(texts=teacher, **options):
        return {"user_text": {"texts": texts, "encoder": encoder, **options}}

    slim = {**small, **told()}
    methods = {
        "popularity": None,
        "gru4rec+": {"config": small},
        "slim-gru4rec": {"config": slim},
        "slim-sasrec": {"config": slim},
        "slim-srgnn": {"config": slim},
        "shuffled": {"method": "slim-gru4rec", "config": {**slim, "control": "shuffled"}},
        "random": {"method": "slim-gru4rec", "config": {**slim, "control": "random"}},
        "titles": {"method": "slim-gru4rec", "config": {**small, **told({"kind": "titles"})}},
        "slim-matching": {"config": {**matching, **told()}},
        **{f"step{s}": {"method": "slim-matching", "config": {**matching, **told(step=s)}} for s in "123"},
        "clean": {"method": "slim-sasrec", "config": {**small, **told({**teacher, "cutoff": "per_split"})}},
    }
    return yaml.safe_dump(
        {
            "datasets": {"shop": {"source": "synthetic-shop", "options": {"users": USERS, "items": 200}}},
            "protocol": {"candidates": {"kind": "sampled", "n": 20}, "cutoffs": [5]},
            "methods": methods,
            "seeds": [1, 2],
            "metrics": ["NDCG", "InvalidRate"],
        },
        sort_keys=False,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_encoder):
    folder = tmp_path_factory.mktemp("slim")
    (folder / "slim.yaml").write_text(suite_text(make_encoder(WORDS)))
    catalog = load_catalog()
    plan = make_plan(load_suite(folder / "slim.yaml", catalog))
    store = Store(folder / "results", "slim")
    progress = run_plan(plan, catalog, store, workers=0)
    assert [p.state for p in progress] == ["finished"] * 13 * 2
    return plan, {p.trial.id: p.record for p in progress}, Artifacts(folder / "results" / "artifacts")


def manifests(finished, name):
    """Of the artifacts of a stage, with their folders."""
    plan, _, artifacts = finished
    stages = [planned for planned in plan.stages if planned.stage.name == name]
    return [(artifacts.manifest(s.stage, s.key), artifacts.path(s.stage, s.key), s.stage) for s in stages]


def test_stages_are_shared_by_methods_controls_and_seeds(finished):
    assert len(manifests(finished, "text-embeddings")) == 1
    teachers = manifests(finished, "teacher-rationales")
    assert {stage.cutoff: sum(s.calls for s in manifest.spending) for manifest, _, stage in teachers} == {
        "earliest": USERS,
        "per_split": 3 * USERS,
    }
    embedded = manifests(finished, "user-text-embeddings")
    assert [(stage.texts.kind, stage.step) for _, _, stage in embedded].count(("teacher", "all")) == 2
    assert {stage.step for _, _, stage in embedded} == {"all", "1", "2", "3"}
    assert len(embedded) == 6
    plan, records, _ = finished
    keys = {t.method.label: [s.key for s in records[t.id].stages] for t in plan.trials}
    assert keys["shuffled"] == keys["random"] == keys["slim-gru4rec"] == keys["slim-srgnn"]
    assert set(keys["slim-gru4rec"]) & set(keys["titles"]) == set(keys["gru4rec+"])


def test_what_a_simulated_teacher_touched_says_so(finished):
    plan, records, _ = finished
    [table] = build_tables(plan, records)
    simulated = {row.method: row.simulated for row in table.rows}
    assert [method for method, marked in simulated.items() if not marked] == ["popularity", "gru4rec+", "titles"]
    text = render_tables([table], "markdown")
    assert "slim-gru4rec (simulated)" in text
    assert "titles (simulated)" not in text


def test_a_manifest_says_that_a_prompt_is_reconstructed(finished):
    found = manifests(finished, "teacher-rationales")
    assert found
    for manifest, _, _ in found:
        assert manifest.log[0].startswith("reconstructed prompt rationale-products.txt: SLIM (")


def test_no_target_is_among_the_interactions_a_manifest_lists(finished):
    plan, _, _ = finished
    prepared = plan.prepared["shop"]
    parts, tokens = prepared.split, prepared.dataset.items["token"].astype(str).tolist()
    users = prepared.dataset.users.astype(str).tolist()
    tests = {(users[u], tokens[row[0]]) for u, row in zip(parts.test.users, parts.test_targets, strict=True)}
    asked, found = parts.validation.users, parts.validation_targets
    validations = {(users[u], tokens[row[0]]) for u, row in zip(asked, found, strict=True)}
    last = {(users[u], tokens[row[-1]]) for u, row in enumerate(parts.train)}
    listed = [
        (stage.cutoff, manifest, folder)
        for manifest, folder, stage in [
            *manifests(finished, "teacher-rationales"),
            *[(m, f, s.texts) for m, f, s in manifests(finished, "user-text-embeddings") if s.texts.kind == "titles"],
        ]
    ]
    assert sorted(cutoff for cutoff, _, _ in listed) == ["earliest", "earliest", "per_split"]
    for cutoff, manifest, folder in listed:
        told = pd.read_parquet(folder / "interactions.parquet")
        assert (manifest.cut, manifest.interactions) == ("training", len(told))
        pairs = set(zip(told["user"], told["item"], strict=True))
        assert {user for user, _ in pairs} == set(users)
        assert not pairs & tests
        if cutoff == "earliest":
            assert not pairs & (validations | last)
        else:
            assert validations <= pairs  # the test's texts, which come after


def test_every_user_gets_scores(finished):
    plan, records, _ = finished
    assert all(records[t.id].metrics["InvalidRate@5"] == 0 for t in plan.trials)
    ndcg = {t.method.label: records[t.id].metrics["NDCG@5"] for t in plan.trials if t.seed == 1}
    assert len(set(ndcg.values())) > 8  # they are different methods
