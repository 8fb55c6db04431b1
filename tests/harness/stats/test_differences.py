"""Paired differences: against scipy, worked by hand at the edges, then what holds for any numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from llmrec_bench.stats import PairedDifference, mean_interval, paired_difference, paired_t_test

from .golden_pairs import NEAR, PAIRS, T_TEST, read_pair

NAN = float("nan")

# Against other tools


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_as_scipy_has_them(name):
    first, second = read_pair(name)
    found, wanted = paired_difference(first, second), PAIRS[name]
    assert found.mean == pytest.approx(wanted["mean difference"]["value"], **NEAR)
    for level in (0.95, 0.99):
        ends = wanted[f"t confidence interval of the mean difference level={level}"]
        low, high = mean_interval(first - second, level)
        assert (low, high) == pytest.approx((float(ends["low"]), float(ends["high"])), **NEAR)
    assert (found.low, found.high) == pytest.approx(mean_interval(first - second), **NEAR)
    # scipy has 0 / 0 here, and says nan; no difference is no evidence of one.
    p, effect = (1.0, 0.0) if name == "all_equal" else (NAN, NAN)
    if name != "all_equal":
        p = float(wanted[T_TEST]["pvalue"])
        effect = float(wanted["cohen dz (mean/sd, ddof=1)"]["value"])
    assert (found.p, found.effect_size) == pytest.approx((p, effect), **NEAR)
    assert (found.users, found.left_out) == (len(first), 0)


# By hand


def test_four_users():
    found = paired_difference(np.array([0.5, 1.0, 0.0, 1.0]), np.array([0.0, 0.5, 0.0, 0.0]))
    # Differences 0.5, 0.5, 0, 1: mean 0.5, s² = 0.5 / 3, so t = 0.5 / (0.40825 / 2) = 2.4495; t(3) quantile 3.18245.
    assert found.mean == 0.5
    assert found.effect_size == pytest.approx(1.2247449)
    assert (found.low, found.high) == pytest.approx((0.5 - 0.6496151, 0.5 + 0.6496151), abs=1e-6)
    # The distribution of t with three degrees of freedom has a closed form.
    assert found.p == pytest.approx(1 - 2 / math.pi * (math.sqrt(2) / 3 + math.atan(math.sqrt(2))))


def test_identical_methods():
    values = np.array([0.0, 0.3, 1.0])
    assert paired_difference(values, values) == PairedDifference(0.0, 0.0, 0.0, 1.0, 0.0, 3, 0.0, 0)


def test_rounding_is_no_difference():
    first = np.full(50, (0.1 + 0.2 + 0.3) / 3)
    second = np.full(50, (0.3 + 0.2 + 0.1) / 3)
    assert first[0] != second[0]
    assert paired_difference(first, second) == PairedDifference(0.0, 0.0, 0.0, 1.0, 0.0, 50, 0.0, 0)


def test_one_user_or_none():
    found = paired_difference(np.array([0.5, NAN]), np.array([0.25, 0.0]))
    assert (found.mean, found.users, found.left_out) == (0.25, 1, 1)
    assert np.isnan([found.low, found.high, found.p, found.effect_size]).all()
    found = paired_difference(np.array([NAN]), np.array([0.0]))
    assert np.isnan([found.mean, found.low, found.high, found.p, found.effect_size]).all()
    assert (found.users, found.left_out) == (0, 1)


def test_a_constant_difference():
    # 0.1 more for everybody, which floating point spreads over the last digits.
    second = np.array([0.1, 0.2, 0.3, 0.7])
    found = paired_difference(second + 0.1, second)
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert (found.p, found.effect_size) == (0.0, math.inf)
    assert paired_difference(second, second + 0.1).effect_size == -math.inf


def test_users_without_a_value_are_left_out_of_both():
    first, second = np.array([0.5, NAN, 1.0, 0.0, NAN]), np.array([0.0, 1.0, NAN, 0.5, NAN])
    found = paired_difference(first, second)
    assert (found.mean, found.p, found.users, found.left_out) == (0.0, 1.0, 2, 3)


# For any numbers

VALUES = st.one_of(st.floats(0, 1, width=16), st.just(0.0), st.just(NAN))
USERS = st.integers(1, 40).flatmap(lambda users: arrays(float, (2, users), elements=VALUES))


@given(USERS)
def test_swapping_the_pair_flips_the_sign_and_the_interval(pair):
    there, back = paired_difference(pair[0], pair[1]), paired_difference(pair[1], pair[0])
    flipped = (-back.mean, -back.high, -back.low, back.p, -back.effect_size)
    assert (there.mean, there.low, there.high, there.p, there.effect_size) == pytest.approx(flipped, nan_ok=True)
    assert (there.users, there.left_out) == (back.users, back.left_out)


@given(USERS, st.randoms(use_true_random=False))
def test_the_order_of_users_does_not_matter(pair, random):
    order = list(range(pair.shape[1]))
    random.shuffle(order)
    found, shuffled = (paired_difference(*values) for values in (pair, pair[:, order]))
    assert tuple(vars(found).values()) == pytest.approx(tuple(vars(shuffled).values()), abs=1e-12, nan_ok=True)


@given(USERS)
def test_the_interval_and_the_test_agree(pair):
    found = paired_difference(pair[0], pair[1])
    if found.users > 1 and abs(found.p - 0.05) > 1e-9:
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
    assert not found.p < 0
    assert not found.p > 1


@given(st.integers(2, 40).flatmap(lambda users: arrays(float, users, elements=st.integers(-10, 10).map(float))))
def test_the_test_is_scipys(differences):
    if np.ptp(differences):
        assert paired_t_test(differences) == pytest.approx(scipy_stats.ttest_1samp(differences, 0).pvalue, abs=1e-12)
