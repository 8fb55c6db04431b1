"""Under ties a metric is its mean over all orders of the tied items, each order being as likely as the next."""

from itertools import chain, groupby, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench.metrics import register_metrics
from llmrec_bench.metrics.metric import PerUserMetric
from llmrec_bench.metrics.rankings import Popularity, Rankings, Ranks

from .golden_cases import FOLDER, read_table
from .metric_inputs import from_scores, measure

EXACT = {metric.name: metric() for metric in register_metrics() if metric.has_chance_level}


def test_these_metrics_are_exact_under_ties() -> None:
    assert set(EXACT) == {"HR", "NDCG", "MRR", "Recall", "Precision", "MAP", "EFD", "EPC"}


def per_query(name: str, rankings: Rankings, k: int) -> np.ndarray:
    metric = EXACT[name]
    assert isinstance(metric, PerUserMetric)
    return metric.per_query(rankings, k)


def all_orders(scores: list[int | None]) -> list[list[int]]:
    """Every ranking of the scored items in which equal scores stand in any order."""
    ranked = sorted((item for item, s in enumerate(scores) if s is not None), key=lambda item: -scores[item])  # type: ignore[operator]
    groups = [list(members) for _, members in groupby(ranked, key=lambda item: scores[item])]
    return [list(chain(*order)) for order in product(*(permutations(group) for group in groups))]


def test_two_relevant_items_among_three_tied_places() -> None:
    """Items 0, 1, 2 tie, 0 and 1 are relevant: at k = 1 a hit has chance 2/3; the first hit is at 1 or, 1/3, at 2."""
    rankings = from_scores([[1, 1, 1]], [[0, 1]], [1.0, 1.0], [1, 1, 1], 3)
    assert per_query("HR", rankings, 1)[0] == pytest.approx(2 / 3)
    assert per_query("HR", rankings, 2)[0] == 1.0
    assert per_query("MRR", rankings, 3)[0] == pytest.approx(2 / 3 * 1 + 1 / 3 * 1 / 2)
    assert per_query("Recall", rankings, 1)[0] == pytest.approx(1 / 3)
    # hits at (1,2): (1 + 1) / 2, at (1,3): (1 + 2/3) / 2, at (2,3): (1/2 + 2/3) / 2, each with chance 1/3
    assert per_query("MAP", rankings, 3)[0] == pytest.approx((1 + 5 / 6 + 7 / 12) / 3)


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[list[int | None]], list[list[int]], list[list[float]]]:
    """Scores of up to three queries over six items, their relevant items and gains."""
    score = st.one_of(st.none(), st.integers(0, 2))
    scores = draw(st.lists(st.lists(score, min_size=6, max_size=6), min_size=1, max_size=3))
    relevant = [sorted(draw(st.sets(st.integers(0, 5), max_size=4))) for _ in scores]
    gains = [[draw(st.sampled_from([1.0, 1.0, 3.0])) for _ in items] for items in relevant]
    return scores, relevant, gains


@settings(deadline=None, max_examples=60)
@given(questions(), st.integers(1, 7))
def test_expected_values_equal_the_mean_over_all_orders(
    question: tuple[list[list[int | None]], list[list[int]], list[list[float]]], k: int
) -> None:
    scores, relevant, gains = question
    counts, n_users = [5, 3, 1, 0, 2, 1], 6
    rankings = from_scores(scores, relevant, [gain for row in gains for gain in row], counts, n_users)
    for name in EXACT:
        values = per_query(name, rankings, k)
        for query, row in enumerate(scores):
            wanted = dict(zip(relevant[query], gains[query], strict=True))
            if not wanted:
                assert np.isnan(values[query])
                continue
            orders = [measure(name, order, wanted, k, counts, n_users) for order in all_orders(row)]
            assert values[query] == pytest.approx(np.mean(orders), abs=1e-12), f"{name}@{k} of query {query}"


@pytest.mark.parametrize("name", EXACT)
def test_a_large_tie_group_stays_exact(name: str) -> None:
    """One relevant item among 40 000 tied: the mean over its places, summed one by one."""
    n = 40_000
    ranks = Ranks(np.array([0]), np.array([0], np.int32), np.array([0]), np.array([n]), np.array([1.0]))
    counts = np.zeros(n, dtype=np.int64)
    counts[:2] = 1
    lists = np.arange(20, dtype=np.int32)[None]
    rankings = Rankings(ranks, lists, np.array([n]), Popularity(counts, 2))
    places = [measure(name, [1] * place + [0] + [1] * (19 - place), {0: 1.0}, 20, [1, 1], 2) for place in range(20)]
    assert per_query(name, rankings, 20)[0] == pytest.approx(sum(places) / n, rel=1e-12)


@pytest.mark.parametrize("name", ["HR", "MRR", "MAP"])
def test_two_items_on_one_place_are_refused(name: str) -> None:
    ranks = Ranks(np.array([0, 0]), np.array([0, 1], np.int32), np.array([4, 4]), np.array([1, 1]), np.ones(2))
    rankings = Rankings(ranks, np.arange(5, dtype=np.int32)[None], np.array([5]), Popularity(np.ones(5, np.int64), 1))
    with pytest.raises(ValueError, match=r"query 0 has 2 relevant items on 1 place\(s\) after rank 4"):
        per_query(name, rankings, 5)


TIES = FOLDER / "cases" / "ties_coarse_scores"
RULES = ["expected", "optimistic", "pessimistic", "item_id_ascending", "item_id_descending"]


def coarse_rankings(rule: str) -> Rankings:
    """The golden case's positives, one a user, with their ties settled by the rule; the lists play no part."""
    candidates = read_table(TIES, "candidates")
    above, tied = [], []
    for _, own in candidates.groupby("user"):
        positive = own[own["label"] == 1].iloc[0]
        better = int((own["score"] > positive["score"]).sum())
        equals = own[own["score"] == positive["score"]]["item"]
        shift = {
            "expected": 0,
            "optimistic": 0,
            "pessimistic": len(equals) - 1,
            "item_id_ascending": int((equals < positive["item"]).sum()),
            "item_id_descending": int((equals > positive["item"]).sum()),
        }[rule]
        above.append(better + shift)
        tied.append(len(equals) if rule == "expected" else 1)
    n = len(above)
    ranks = Ranks(np.arange(n), np.zeros(n, np.int32), np.array(above), np.array(tied), np.ones(n))
    return Rankings(ranks, np.zeros((n, 1), np.int32), np.full(n, 21), Popularity(np.ones(1, np.int64), n))


@pytest.mark.parametrize("rule", RULES)
def test_golden_values_of_every_tie_rule(rule: str) -> None:
    expected = read_table(TIES, "expected")
    expected = expected[(expected["tool"] == "formula") & (expected["params"] == f"ties={rule}")]
    assert len(expected) == 9
    rankings = coarse_rankings(rule)
    for row in expected.itertuples():
        ours = EXACT[{"Hit": "HR"}.get(row.metric, row.metric)].overall(rankings, row.k)
        assert ours == pytest.approx(float(row.value), abs=1e-9), f"{row.metric}@{row.k}"


def test_every_row_of_the_tie_case_is_compared_or_an_observation() -> None:
    """The rows of RecBole and ranx say what those tools do with ties: information, not a target."""
    expected = read_table(TIES, "expected")
    compared = (expected["tool"] == "formula") & expected["params"].isin([f"ties={rule}" for rule in RULES])
    observed = expected["status"] == "observed"
    assert (compared.sum(), observed.sum()) == (45, 18)
    assert (compared ^ observed).all()
