"""Names with a colon from a suite to its tables, and what a suite with mistakes is told."""

import pytest

from llmrec_bench import Store, build_tables, load_catalog, load_suite, make_plan, run_plan
from llmrec_bench.cli import main

pytest.importorskip("recbole")

SUITE = """
datasets: {shop: {source: synthetic-shop, options: {users: 60, items: 200}}}
protocol: {candidates: {kind: full}, cutoffs: [5]}
methods:
  recbole:Pop:
  recbole:BPR: {config: {epochs: 1}, grid: {options: [{}, {embedding_size: 8}]}}
  walk: {method: "recbole:GRU4Rec", config: {epochs: 1, history_length: 5}, tune: {learning_rate: [0.001, 0.01]}}
seeds: [1]
metrics: [NDCG]
tune: {fits: 2, metric: NDCG@5}
tables: {main: {baseline: "recbole:Pop", metrics: [NDCG@5]}}
"""


def bench(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    shown = capsys.readouterr()
    return left.value.code, shown.out + shown.err


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "zoo.yaml"
    path.write_text(SUITE)
    return path


def test_a_suite_of_them_runs_is_resumed_and_makes_tables(suite, tmp_path, capsys):
    pytest.importorskip("optuna")
    where = ["--results", tmp_path / "results"]
    code, said = bench(capsys, "run", suite, *where, "--workers", 0)
    assert code == 0, said
    assert "4 of 4 trials finished" in said
    code, table = bench(capsys, "table", suite, *where, "--format", "markdown")
    assert code == 0
    for label in ("| recbole:Pop ", "| recbole:BPR[options={}] ", "| walk "):
        assert label in table
    assert "recbole:BPR[options={'embedding_size': 8}]" in table
    assert "not converged: training ended with its 1 epochs" in table
    page = tmp_path / "page.html"
    assert bench(capsys, "report", suite, *where, "--out", page)[0] == 0
    assert "recbole:Pop" in page.read_text(encoding="utf-8")


SLIM = """
datasets: {shop: {source: synthetic-shop, options: {users: 60, items: 200}}}
protocol: {candidates: {kind: full}, cutoffs: [5]}
methods:
  slim-narm:
    method: slim-recbole
    config: &told
      {model: NARM, epochs: 1, history_length: 5, share_fusion: false, item_text: {encoder: {kind: tfidf}},
       user_text: {texts: {kind: teacher, domain: products, writer: {provider: simulated}}, encoder: {kind: tfidf}}}
  shuffled: {method: slim-recbole, config: {<<: *told, control: shuffled}}
  narm+: {method: recbole+, config: {model: NARM, epochs: 1, history_length: 5, item_text: {encoder: {kind: tfidf}}}}
seeds: [1]
metrics: [NDCG]
"""


def test_texts_about_users_from_a_simulated_teacher_reach_the_scores(tmp_path):
    (tmp_path / "slim.yaml").write_text(SLIM)
    catalog = load_catalog()
    plan, store = make_plan(load_suite(tmp_path / "slim.yaml", catalog)), Store(tmp_path / "results", "slim")
    progress = run_plan(plan, catalog, store, workers=0)
    assert [one.state for one in progress] == ["finished"] * 3
    told, shuffled, plus = (store.top_lists(trial.id) for trial in plan.trials)
    assert not told.equals(shuffled)
    assert not told.equals(plus)
    [table] = build_tables(plan, {one.trial.id: one.record for one in progress})
    assert [row.simulated for row in table.rows] == [True, True, False]


def test_mistakes_are_told_in_a_line(suite, capsys):
    wrong = SUITE.replace("embedding_size", "embeding_size").replace(
        "  recbole:Pop:", "  recbole:Pops:\n  recbole:DeepFM:"
    )
    suite.write_text(wrong[: wrong.index("tables:")])
    code, said = bench(capsys, "plan", suite)
    assert code != 0
    assert "unknown method 'recbole:Pops'; did you mean 'recbole:Pop'?" in said
    assert "RecBole's model has no option 'embeding_size'; did you mean 'embedding_size'?" in said
    assert "recbole:DeepFM does not run: it predicts clicks from features of users and contexts" in said
    assert "Traceback" not in said


def test_the_list_and_the_description(capsys):
    _, listed = bench(capsys, "list", "methods")
    assert "recbole:LightGCN" in listed
    assert "Does not run: RecBole's KGAT (knowledge-aware) needs a knowledge graph" in " ".join(listed.split())
    _, described = bench(capsys, "describe", "recbole:SASRec")
    assert '"hidden_dropout_prob": 0.5' in described
    assert "epochs (default 300; whole number >= 1)" in described
