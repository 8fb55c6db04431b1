"""The rows behind charts, by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrec_bench.costs import CostRow, CostTable
from llmrec_bench.report.chart_numbers import CostPoint, RankBins, cost_points, has_price, option_curves, pareto
from llmrec_bench.tables.table import Cell, Row, Table


def point(method: str, cost: float, value: float) -> CostPoint:
    return CostPoint(method, method, cost, value, False)


def test_the_front_is_what_no_cheaper_method_reaches():
    points = [point("a", 1, 0.2), point("b", 2, 0.1), point("c", 3, 0.5), point("d", 3, 0.4), point("e", 9, 0.5)]
    assert pareto(points) == {"a", "c"}
    assert pareto(points, higher=False) == {"a", "b"}
    assert pareto([]) == set()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_the_front_holds_against_every_pair(pairs):
    points = [point(str(i), cost, value) for i, (cost, value) in enumerate(pairs)]
    front = pareto(points)
    for p in points:
        beaten = [q for q in points if q.cost <= p.cost and q.value >= p.value and q is not p]
        strictly = [q for q in beaten if q.cost < p.cost or q.value > p.value]
        assert p.method not in front or not strictly
        assert p.method in front or beaten


def cost(method: str, step: str, seconds: float | None, calls: int = 0, usd: float | None = 0.0) -> CostRow:
    return CostRow(
        method=method, step=step, charged="one-off", shared_by=1, pieces=0 if seconds is None else max(1, calls),
        seconds=seconds, calls=calls, recorded_calls=0, failed_calls=0, prompt_tokens=0, completion_tokens=0,
        calls_without_usage=0, billed_usd=0.0, notional_usd=usd, price="", parameters=None, peak_memory_bytes=None,
        deployment="cpu", simulated=False,
    )  # fmt: skip


def row(method: str, mean: float | None, simulated: bool = False) -> Row:
    cell = Cell("missing" if mean is None else "complete", mean, None, {} if mean is None else {1: mean}, False)
    return Row(method, "default", (cell,), {1: "id"}, simulated)


def table(*rows: Row) -> Table:
    return Table("main", "", "shop", False, ("NDCG@10",), rows, (None,), (1,), "p", "f", ())


def test_costs_are_those_of_a_method_with_its_stages():
    rows = table(row("a", 0.1), row("b", 0.3, simulated=True), row("c", 0.2), row("idle", None), row("free", 0.05))
    costs = CostTable("shop", (
        cost("a", "fit", 10), cost("a", "ranking", 2),
        cost("b", "stage", 7, calls=5, usd=0.5), cost("b", "fit", 1),
        cost("c", "stage", None, calls=5, usd=None), cost("c", "fit", 3),
        cost("free", "fit", 0),
    ), ())  # fmt: skip
    points, unknown = cost_points(rows, costs, "seconds", "higher")
    assert [(p.name, p.cost, p.at_least, p.front) for p in points] == [
        ("a", 12, False, False),
        ("b (simulated)", 8, False, True),
        ("c", 3, True, False),  # cheaper and better than a, and yet not known to be
    ]
    assert unknown == ["free"]
    points, unknown = cost_points(rows, costs, "USD", "neither")
    assert [(p.method, p.cost, p.front) for p in points] == [("a", 0, False), ("b", 0.5, False), ("free", 0, False)]
    assert unknown == ["c"]
    assert has_price(costs)
    assert not has_price(CostTable("shop", costs.rows[:2], ()))


def test_a_call_that_tells_no_seconds_makes_the_cost_a_bound():
    partly = cost("a", "stage", 4, calls=5)
    costs = CostTable("shop", (CostRow(**{**vars(partly), "pieces": 4}),), ())
    [found], _ = cost_points(table(row("a", 0.1)), costs, "seconds", "higher")
    assert found.at_least


def test_rows_of_a_grid_over_one_number_make_a_curve():
    rows = table(
        row("s[users=50]", 0.1), row("s[users=100]", 0.2, simulated=True), row("t[users=50]", 0.3),
        row("s[loss=ce]", 0.4), row("s[loss=bce]", 0.5), row("s[users=1,width=2]", 0.6), row("plain", 0.7),
        row("u[width=1]", None), row("u[width=2]", 0.8),
    )  # fmt: skip
    assert option_curves(rows) == {
        "users": [("s", "s[users=50]", 50, 0.1), ("s (simulated)", "s[users=100]", 100, 0.2)]
    }


def test_ranks_are_cut_where_they_double(study):
    data = next(iter(study.plan.prepared.values()))
    bins = RankBins.of(data)
    n_items = data.dataset.n_items
    counts = np.bincount(data.split.train.items, minlength=n_items)
    order = np.argsort(-counts, kind="stable")
    assert bins.labels == ("1", "2–3", "4–7", "8–15", f"16–{n_items}")
    assert bins.of_item[order].tolist()[:8] == [0, 1, 1, 2, 2, 2, 2, 3]
    assert bins.training[1] == pytest.approx(counts[order[1:3]].sum() / counts.sum())
    assert bins.training.sum() == pytest.approx(1)
    tokens = data.dataset.items["token"].to_numpy()
    places = pd.Series([3, 1], index=[tokens[order[0]], tokens[order[9]]])
    assert bins.shares(places, pd.Index(tokens)).tolist() == [0.75, 0, 0, 0.25, 0]


def test_places_in_lists_are_counted_by_item(study):
    trial = next(t.id for t in study.plan.trials if t.method.label == "plain")
    lists = study.store.top_lists(trial)
    for cutoff in (1, 4, 10):
        expected = lists[lists["rank"] <= cutoff]["item"].value_counts()
        assert study.store.places_by_item(trial, cutoff).to_dict() == expected.to_dict()


def test_columns_of_per_user_values(study):
    trial = next(t.id for t in study.plan.trials if t.method.label == "plain")
    some = study.store.per_user(trial, ("user", "HR@5"))
    pd.testing.assert_frame_equal(some, study.store.per_user(trial)[["user", "HR@5"]])
