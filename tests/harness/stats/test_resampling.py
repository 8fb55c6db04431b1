"""Sign flips and the bootstrap: against scipy, worked by hand, against each other, then what holds for any numbers."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from llmrec_bench.stats import (
    bootstrap_interval,
    bootstrap_means,
    bootstrap_test,
    mean_interval,
    paired_t_test,
    percentile_interval,
    percentile_p,
    randomisation_test,
    resampled_means,
)

from .golden_pairs import NEAR, PAIRS, SIGN_FLIPS, read_pair

NAN = float("nan")


def skewed(users: int, seed: int = 0) -> np.ndarray:
    """Differences as of NDCG of two rankings: most users have 0 in both."""
    rng = np.random.default_rng(seed)
    first, second = (rng.random(users) * (rng.random(users) < share) for share in (0.3, 0.25))
    return first - second


# Sign flips


@pytest.mark.parametrize("name", [name for name in PAIRS if SIGN_FLIPS in PAIRS[name]])
def test_few_users_as_scipy_has_them(name):
    first, second = read_pair(name)
    assert randomisation_test(first - second) == pytest.approx(PAIRS[name][SIGN_FLIPS]["pvalue"], **NEAR)


def test_signs_of_three_users_by_hand():
    # Of the eight sums of ±1 ±2 ±4 these are as far out as 5: -7, -5, 5, 7.
    assert randomisation_test(np.array([-1.0, 2.0, 4.0])) == 4 / 8
    # 0.1 + 0.2 is not 0.3 to a machine: all of ±0.1 ±0.2 ±0.3 count as 0 or more from a sum of 0.
    assert randomisation_test(np.array([0.1, 0.2, -0.3])) == 1.0


def test_users_who_do_not_differ_change_nothing():
    few = np.array([-1.0, 2.0, 4.0, 3.0])
    assert randomisation_test(np.concatenate([few, np.zeros(1000)])) == randomisation_test(few)


def test_random_signs_come_near_all_signs():
    differences = np.random.default_rng(0).normal(0.5, 1, size=12)
    exact, drawn = randomisation_test(differences, draws=4096), randomisation_test(differences, draws=4095)
    assert exact * 4096 == round(exact * 4096)
    assert drawn * 4096 == pytest.approx(round(drawn * 4096))
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4096))


def test_random_signs_never_give_0():
    assert randomisation_test(np.full(60, 0.25), draws=999) == 1 / 1000


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_over_hundreds_of_users_all_tests_of_the_mean_agree(seed):
    differences = skewed(900, seed)
    p = paired_t_test(differences)
    assert 0.01 < p < 0.3
    assert randomisation_test(differences) == pytest.approx(p, abs=0.02)
    assert bootstrap_test(differences) == pytest.approx(p, abs=0.02)


# Bootstrap


def test_drawn_means_by_hand():
    differences = np.array([0.0, 1.0, 5.0])
    assert resampled_means(differences, np.array([[0, 0, 1], [2, 2, 2]])).tolist() == [1 / 3, 5.0]
    # 0.1 + 0.2 - 0.3 is 0 but for rounding.
    assert resampled_means(np.array([0.1, 0.2, -0.3]), np.array([[0, 1, 2]])).tolist() == [0.0]


def test_percentiles_by_hand():
    means = np.array([0.5, -0.5, 1.0, 1.5, 2.0])
    # A quarter of the way between the lowest and the highest of five is the second.
    assert percentile_interval(means, level=0.5) == (0.5, 1.5)
    # 0 lies half way between the first two of four steps: at 1/8, and as much is left out above.
    assert percentile_p(means) == pytest.approx(1 / 3)  # not 2/8: five draws tell nothing below 2/6
    many = np.repeat(means, 20)
    assert percentile_p(many) == pytest.approx(2 * 19.5 / 99)
    assert percentile_p(-many) == pytest.approx(percentile_p(many))


def test_an_interval_by_the_bootstrap_is_scipys():
    differences = skewed(200)
    drawn = scipy_stats.bootstrap(
        (differences,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    low, high = bootstrap_interval(differences, draws=20_000)
    assert (low, high) == pytest.approx((drawn.low, drawn.high), abs=0.03 * (high - low))


def test_over_hundreds_of_users_the_t_interval_has_the_same_ends():
    low, high = mean_interval(skewed(900))
    assert bootstrap_interval(skewed(900)) == pytest.approx((low, high), abs=0.05 * (high - low))


def test_draws_follow_their_seed():
    differences = skewed(50)
    assert bootstrap_interval(differences, draws=500) == bootstrap_interval(differences, draws=500, seed=0)
    assert bootstrap_interval(differences, draws=500) != bootstrap_interval(differences, draws=500, seed=1)
    assert randomisation_test(differences, draws=500) != randomisation_test(differences, draws=500, seed=1)
    assert [len(bootstrap_means(differences, draws)) for draws in (500, 499)] == [500, 500]


def test_no_difference():
    assert bootstrap_interval(np.zeros(20), draws=100) == (0.0, 0.0)
    assert bootstrap_test(np.zeros(20), draws=100) == 1.0
    assert randomisation_test(np.zeros(20)) == 1.0


def test_a_constant_difference():
    assert bootstrap_interval(np.full(20, 0.1), draws=100) == pytest.approx((0.1, 0.1))
    assert bootstrap_test(np.full(20, 0.1), draws=99) == 2 / 101


@pytest.mark.parametrize("differences", [[], [0.5], [0.0]])
def test_too_few_users(differences):
    users = np.array(differences)
    assert np.isnan([*bootstrap_interval(users), bootstrap_test(users), randomisation_test(users)]).all()


@pytest.mark.parametrize("resample", [randomisation_test, bootstrap_interval])
def test_memory_does_not_grow_with_the_draws(resample):
    differences = np.random.default_rng(0).normal(size=50_000)
    tracemalloc.start()
    try:
        resample(differences, draws=500)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60e6 < 500 * differences.nbytes


# For any numbers

DIFFERENCES = arrays(float, st.integers(2, 40), elements=st.floats(-1, 1, width=16))


@settings(max_examples=50, deadline=None)
@given(DIFFERENCES, st.randoms(use_true_random=False))
def test_neither_the_order_of_users_nor_of_methods_matters(differences, random):
    order = list(range(len(differences)))
    random.shuffle(order)
    for p in (randomisation_test(differences, draws=500), bootstrap_test(differences, draws=500)):
        assert 0 < p <= 1
    for again in (differences[order], -differences):
        assert randomisation_test(again, draws=500) == randomisation_test(differences, draws=500)
        assert bootstrap_test(again, draws=500) == pytest.approx(bootstrap_test(differences, draws=500))
    low, high = bootstrap_interval(differences, draws=500)
    assert bootstrap_interval(differences[order], draws=500) == (low, high)
    assert bootstrap_interval(-differences, draws=500) == pytest.approx((-high, -low))


@settings(max_examples=50, deadline=None)
@given(DIFFERENCES, st.sampled_from([0.8, 0.9, 0.95]))
def test_the_bootstraps_p_and_interval_agree(differences, level):
    means = bootstrap_means(differences, draws=500)
    low, high = percentile_interval(means, level)
    p = percentile_p(means)
    if abs(p - (1 - level)) > 1e-9:
        assert (p < 1 - level) == (not low <= 0 <= high)
