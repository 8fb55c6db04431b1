"""What every metric says about itself, and that its values keep to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench.metrics import register_metrics
from llmrec_bench.metrics.metric import Metric, PerUserMetric

from .metric_inputs import RANKING_METRICS, from_scores

METRICS = register_metrics()


def test_the_names() -> None:
    assert [metric.name for metric in METRICS] == [
        "HR", "NDCG", "MRR", "Recall", "Precision", "MAP", "EFD", "EPC", "EFD_free", "EPC_free",
        "ARP", "APLT", "ACLT", "Gini", "Entropy", "ItemCoverage", "UserCoverage", "InvalidRate",
        "BLEU-1", "BLEU-4", "ROUGE-1", "ROUGE-2", "ROUGE-L",
        "USR", "FeatureCoverage", "FeatureDiversity", "FeatureMatch",
    ]  # fmt: skip


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_direction_bounds_formula_and_source_are_said(metric: type[Metric]) -> None:
    assert metric.direction in ("higher", "lower", "neither")
    assert metric.bounds[0] < metric.bounds[1]
    assert metric.formula
    assert "\n" not in metric.formula
    assert metric.source
    assert metric.__doc__


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=6, max_size=6), max_size=4),
    st.integers(1, 7),
    st.data(),
)
def test_values_keep_to_the_bounds(scores: list[list[int | None]], k: int, data: st.DataObject) -> None:
    relevant = [sorted(data.draw(st.sets(st.integers(0, 5), max_size=3))) for _ in scores]
    gains = [data.draw(st.sampled_from([1.0, 3.0])) for row in relevant for _ in row]
    rankings = from_scores(scores, relevant, gains, counts=[5, 3, 1, 0, 2, 1], n_users=6)
    for metric in RANKING_METRICS:
        values = np.array([metric().overall(rankings, k)])
        if issubclass(metric, PerUserMetric):
            values = np.append(values, metric().per_query(rankings, k))
            assert len(values) == len(scores) + 1
        counted = values[~np.isnan(values)]
        assert (counted >= metric.bounds[0] - 1e-12).all(), metric.name
        assert (counted <= metric.bounds[1] + 1e-12).all(), metric.name
