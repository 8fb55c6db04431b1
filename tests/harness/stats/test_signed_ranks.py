"""Wilcoxon's test: against scipy, worked by hand, then what holds for any numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmrec_bench.stats import wilcoxon

from .golden_pairs import NEAR, PAIRS, WILCOXON, read_pair

NAN = float("nan")


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_as_scipy_has_them(name):
    first, second = read_pair(name)
    # scipy has 1 for a single user; one user is too few here.
    wanted = NAN if name == "n1" else float(PAIRS[name][WILCOXON]["pvalue"])
    assert wilcoxon(first - second) == pytest.approx(wanted, **NEAR)


def test_three_users_who_all_gain():
    # One of 2 x 2 x 2 signs has no negative rank, and one no positive rank.
    assert wilcoxon(np.array([0.1, 0.2, 0.4])) == pytest.approx(2 / 8)


def test_users_who_do_not_differ_are_dropped():
    gains = np.array([0.1, 0.2, 0.4])
    assert wilcoxon(np.concatenate([gains, np.zeros(50)])) == wilcoxon(gains)


def test_no_difference_and_too_few_users():
    assert wilcoxon(np.zeros(5)) == 1.0
    assert np.isnan([wilcoxon(np.array([])), wilcoxon(np.array([0.5])), wilcoxon(np.array([0.0]))]).all()


@settings(max_examples=25, deadline=None)
@given(arrays(float, st.integers(2, 60), elements=st.integers(-9, 9).map(float)), st.randoms(use_true_random=False))
def test_neither_order_nor_sign_nor_unit_matters(differences, random):
    order = list(range(len(differences)))
    random.shuffle(order)
    p = wilcoxon(differences)
    assert 0 <= p <= 1
    assert wilcoxon(-differences) == pytest.approx(p)
    assert wilcoxon(differences[order]) == pytest.approx(p)
    assert wilcoxon(differences * 8) == pytest.approx(p)
