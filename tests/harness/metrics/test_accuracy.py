"""Accuracy metrics on lists short enough to work by hand."""

from math import log2

import numpy as np
import pytest

from llmrec_bench.metrics.accuracy import HR, MAP, MRR, NDCG, Precision, Recall
from llmrec_bench.metrics.metric import PerUserMetric

from .metric_inputs import plain

# Three users: two hits at ranks 1 and 3, one hit at rank 2 of a short list, none within the list.
LISTS = [[0, 1, 2, 3], [3, 4], [1, 2, 3]]
RELEVANT = [[0, 2], [4], [0, 4]]


@pytest.mark.parametrize(
    ("metric", "k", "values"),
    [
        (HR(), 1, [1, 0, 0]),
        (HR(), 2, [1, 1, 0]),
        (MRR(), 3, [1, 1 / 2, 0]),
        (Recall(), 1, [1 / 2, 0, 0]),
        (Recall(), 3, [1, 1, 0]),
        (Precision(), 3, [2 / 3, 1 / 3, 0]),
        (Precision(), 4, [2 / 4, 1 / 4, 0]),
        (NDCG(), 1, [1, 0, 0]),
        (NDCG(), 3, [(1 + 1 / 2) / (1 + 1 / log2(3)), 1 / log2(3), 0]),
        (MAP(), 1, [1, 0, 0]),
        (MAP(), 3, [(1 + 2 / 3) / 2, 1 / 2, 0]),
    ],
    ids=lambda given: given.name if isinstance(given, PerUserMetric) else "",
)
def test_hand_worked(metric: PerUserMetric, k: int, values: list[float]) -> None:
    rankings = plain(LISTS, RELEVANT)
    assert metric.per_query(rankings, k) == pytest.approx(values, abs=1e-15)
    assert metric.overall(rankings, k) == pytest.approx(np.mean(values))


def test_graded_gains_weigh_hits_and_the_ideal() -> None:
    """Gains 3 at rank 2 and 7 at no rank: the ideal puts 7 first."""
    rankings = plain([[1, 0]], [[0, 4]], gains=[3.0, 7.0])
    assert NDCG().per_query(rankings, 1) == pytest.approx([0])
    assert NDCG().per_query(rankings, 2) == pytest.approx([(3 / log2(3)) / (7 + 3 / log2(3))])


@pytest.mark.parametrize("metric", [HR(), NDCG(), MRR(), Recall(), Precision(), MAP()], ids=lambda m: m.name)
def test_a_silent_user_is_zero_and_one_without_relevant_items_is_left_out(metric: PerUserMetric) -> None:
    rankings = plain([[0], [], [0]], [[0], [0], []])
    assert metric.per_query(rankings, 1) == pytest.approx([1, 0, np.nan], nan_ok=True)
    assert metric.overall(rankings, 1) == 0.5


@pytest.mark.parametrize("metric", [HR(), NDCG(), MRR(), Recall(), Precision(), MAP()], ids=lambda m: m.name)
@pytest.mark.parametrize("queries", [0, 2])
def test_no_relevant_item_at_all_is_undefined(metric: PerUserMetric, queries: int) -> None:
    rankings = plain([[0]] * queries, [[]] * queries)
    assert metric.per_query(rankings, 3).shape == (queries,)
    assert np.isnan(metric.overall(rankings, 3))
