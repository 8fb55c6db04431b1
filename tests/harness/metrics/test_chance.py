"""The level of a random order: against the analytic numbers, by formula, and by trying orders."""

import numpy as np
import pytest

from llmrec_bench.metrics.accuracy import HR, NDCG, Recall
from llmrec_bench.metrics.chance import chance
from llmrec_bench.metrics.lists import rank_lists
from llmrec_bench.metrics.rankings import Popularity

from .golden_cases import FOLDER, read_table
from .metric_inputs import RANKING_METRICS, rows

ANALYTIC = read_table(FOLDER, "chance_levels")
METRICS = {metric.name: metric() for metric in RANKING_METRICS}
POPULARITY = Popularity(np.array([4, 2, 1, 1, 0]), n_users=8)


@pytest.mark.parametrize(
    ("table", "metric", "mean"),
    list(ANALYTIC[["table", "metric", "mean"]].itertuples(index=False, name=None)),
    ids=[f"{row.table.split()[0]}-{row.metric}" for row in ANALYTIC.itertuples()],
)
def test_published_levels(table: str, metric: str, mean: float) -> None:
    name, k = metric.split("@")
    candidates = int(table.split()[0])
    rankings = chance(rows([0], [3]), np.full(2, candidates), POPULARITY)
    assert METRICS[name].overall(rankings, int(k)) == pytest.approx(float(mean), abs=5.1e-5)  # printed to 4 places


def test_by_formula() -> None:
    """3 relevant among 10: a hit in 4 places unless all four are drawn from the other seven."""
    rankings = chance(rows([0, 1, 2]), np.array([10]), POPULARITY)
    assert HR().overall(rankings, 4) == pytest.approx(1 - (7 * 6 * 5 * 4) / (10 * 9 * 8 * 7))
    assert Recall().overall(rankings, 4) == pytest.approx(4 / 10)
    assert HR().overall(rankings, 50) == pytest.approx(1)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.has_chance_level])
def test_random_orders_average_to_the_level(name: str) -> None:
    rng = np.random.default_rng(5)
    orders = rng.permuted(np.tile(np.arange(5, dtype=np.int32), (20_000, 1)), axis=1)
    relevant = rows(*([[1, 4]] * len(orders)))
    values = METRICS[name].per_query(rank_lists(orders, relevant, POPULARITY), 3)  # type: ignore[attr-defined]
    level = METRICS[name].overall(chance(rows([1, 4]), np.array([5]), POPULARITY), 3)
    assert abs(values.mean() - level) < 4 * values.std() / np.sqrt(len(values))


def test_graded_gains() -> None:
    level = NDCG().overall(chance(rows([0, 1]), np.array([2]), POPULARITY, gains=np.array([3.0, 1.0])), 2)
    discount = 1 / np.log2(3)
    assert level == pytest.approx((1 + (1 + 3 * discount) / (3 + discount)) / 2)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if not metric.has_chance_level])
def test_metrics_without_a_level_do_not_invent_one(name: str) -> None:
    """Those that read the items of the lists refuse; those that read lengths alone see full lists."""
    rankings = chance(rows([0]), np.array([5]), POPULARITY)
    if name in ("UserCoverage", "InvalidRate"):
        assert METRICS[name].overall(rankings, 3) == (1.0 if name == "UserCoverage" else 0.0)
        return
    with pytest.raises(ValueError, match="cannot be cut at 3"):
        METRICS[name].overall(rankings, 3)


def test_more_relevant_items_than_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="query 1 has more relevant items than its 1 candidates"):
        chance(rows([0], [0, 1]), np.array([1, 1]), POPULARITY)
