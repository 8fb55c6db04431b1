"""Evenness, coverage and unfilled places by hand."""

from math import log2

import numpy as np
import pytest

from llmrec_bench.metrics.coverage import Entropy, Gini, InvalidRate, ItemCoverage, UserCoverage
from llmrec_bench.metrics.lists import rank_lists
from llmrec_bench.metrics.rankings import Popularity

from .metric_inputs import padded, plain, rows


@pytest.mark.parametrize(
    ("lists", "value"),
    [
        ([[0], [1], [2], [3]], 0.0),
        ([[0], [0], [0], [0]], 1.0),
        ([[0], [0], [1]], (3 * 2 + 1 * 1) / (3 * 3)),  # shown 0, 0, 1, 2 times
    ],
    ids=["even", "one item", "between"],
)
def test_gini(lists: list[list[int]], value: float) -> None:
    rankings = plain(lists, [[0]] * len(lists), counts=[1, 1, 1, 1])
    assert Gini().overall(rankings, 1) == pytest.approx(value)


def test_gini_counts_a_shown_item_that_nobody_trained_on() -> None:
    """Items 0 to 3 are trained on; showing item 4 as often as each of them is even, leaving it out is not."""
    assert Gini().overall(plain([[0], [1], [2], [3], [4]], [[0]] * 5), 1) == pytest.approx(0)
    assert Gini().overall(plain([[0], [1], [2], [3]], [[0]] * 4), 1) == pytest.approx(0)


def test_entropy_of_equal_lists_is_shannons() -> None:
    rankings = plain([[0, 1], [0, 2]], [[0], [0]])
    assert Entropy().overall(rankings, 2) == pytest.approx(0.5 * log2(2) + 2 * 0.25 * log2(4))


def test_entropy_leaves_silent_users_out() -> None:
    spoken, silent = plain([[0], [1]], [[0]] * 2), plain([[0], [1], []], [[0]] * 3)
    assert Entropy().overall(spoken, 1) == Entropy().overall(silent, 1) == 1.0


def test_shares() -> None:
    rankings = plain([[0, 1], [0], []], [[0]] * 3)
    assert ItemCoverage().overall(rankings, 1) == pytest.approx(1 / 5)
    assert ItemCoverage().overall(rankings, 2) == pytest.approx(2 / 5)
    assert UserCoverage().overall(rankings, 2) == pytest.approx(2 / 3)


def test_unfilled_places_are_measured_against_what_was_offered() -> None:
    lists = padded([0, 1, 2], [0], [], [], width=3)
    rankings = rank_lists(
        lists, rows([0], [0], [0], []), Popularity(np.ones(5, np.int64), 3), offered=np.array([5, 2, 5, 0])
    )
    assert InvalidRate().per_query(rankings, 3) == pytest.approx([0, 1 / 2, 1, np.nan], nan_ok=True)
    assert InvalidRate().overall(rankings, 3) == pytest.approx(1 / 2)


def test_nothing_shown_is_undefined_or_zero() -> None:
    rankings = plain([[], []], [[0], [0]])
    assert np.isnan(Gini().overall(rankings, 2))
    assert np.isnan(Entropy().overall(rankings, 2))
    assert ItemCoverage().overall(rankings, 2) == 0
    assert UserCoverage().overall(rankings, 2) == 0
