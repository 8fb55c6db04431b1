"""From YAML to a table, in Python, with the real parts: real data, real training, real statistics of chance."""

import csv
import io
import json

import pytest

from llmrec_bench import (
    Record,
    Store,
    build_tables,
    load_catalog,
    load_suite,
    make_plan,
    render_tables,
    run_plan,
)

SUITE = """
datasets:
  films: {source: movielens-100k, filters: [{filter: k-core}, {filter: sample-users, n: 400, seed: 2}]}
  shop: {source: synthetic-shop, options: {users: 400, items: 300}}
protocol: {cutoffs: [10]}
methods:
  constant:
  popularity:
  item-knn:
  ease:
  sasrec: {config: {width: 32, history_length: 20, epochs: 12}}
seeds: [1]
metrics: [HR, NDCG, EFD, EPC, InvalidRate]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("end-to-end")
    (folder / "small.yaml").write_text(SUITE)
    catalog = load_catalog()
    plan = make_plan(load_suite(folder / "small.yaml", catalog))
    store = Store(folder / "results", "small")
    progress = run_plan(plan, catalog, store, workers=2)
    assert [p.state for p in progress] == ["finished"] * 10
    return plan, {p.trial.id: p.record for p in progress}


def by_method(records: dict[str, Record], dataset: str, metric: str) -> dict[str, float]:
    values = {r.method.label: r.metrics[metric] for r in records.values() if r.dataset.label == dataset}
    return {label: value for label, value in values.items() if value is not None}


@pytest.mark.parametrize("dataset", ["films", "shop"])
def test_methods_come_in_the_order_a_reader_expects(finished, dataset):
    ndcg = by_method(finished[1], dataset, "NDCG@10")
    assert ndcg["constant"] < ndcg["popularity"] < ndcg["item-knn"]
    assert ndcg["popularity"] < ndcg["ease"]
    assert ndcg["constant"] < ndcg["sasrec"]


def test_a_constant_scorer_is_exactly_at_chance(finished):
    for record in finished[1].values():
        assert record.metrics["InvalidRate@10"] == 0
        if record.method.name == "constant":
            for metric in ("HR@10", "NDCG@10", "EFD@10", "EPC@10"):
                assert record.metrics[metric] == pytest.approx(record.chance[metric], abs=1e-12)


def test_every_form_of_the_table_says_the_same(finished):
    plan, records = finished
    tables = build_tables(plan, records)
    assert [(t.dataset, t.simulated) for t in tables] == [("films", False), ("shop", True)]
    rows = list(csv.DictReader(io.StringIO(render_tables(tables, "csv"))))
    assert len(rows) == 2 * 5 * 5
    ease = next(r for r in rows if (r["dataset"], r["method"], r["metric"]) == ("shop", "ease", "NDCG@10"))
    assert float(ease["mean"]) == by_method(records, "shop", "NDCG@10")["ease"]
    shown = f"{float(ease['mean']):.4f}"
    for form in ("terminal", "markdown", "latex"):
        text = render_tables(tables, form)
        assert shown in text
        assert "SIMULATED" in text
        assert plan.suite.protocol.hash in text
    assert json.loads(render_tables(tables, "json"))[1]["simulated"] is True


def test_the_funnel_is_kept(finished):
    films = next(r for r in finished[1].values() if r.dataset.label == "films")
    assert [step["interactions"] for step in films.dataset.funnel][:2] == [100_000, 99_287]
    assert films.dataset.funnel[-1]["users"] == films.dataset.users == 400
