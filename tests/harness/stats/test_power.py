"""Detectable effects against published numbers of users, and components of variance worked by hand and simulated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from llmrec_bench.stats import VarianceSplit, minimum_detectable_effect, variance_split

NAN = float("nan")


@pytest.mark.parametrize(("effect", "users"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_users_needed_for_cohens_small_medium_and_large(effect, users):
    """The pairs that G*Power gives for d_z with 5 % and 80 %."""
    assert minimum_detectable_effect(1.0, users) <= effect < minimum_detectable_effect(1.0, users - 1)


@pytest.mark.parametrize("users", [3, 10, 943, 50_000])
@pytest.mark.parametrize(("level", "power"), [(0.05, 0.8), (0.01, 0.9), (0.05, 0.5)])
def test_the_effect_is_found_as_often_as_asked(users, level, power):
    effect = minimum_detectable_effect(0.25, users, level, power) / 0.25
    threshold = scipy_stats.t.ppf(1 - level / 2, users - 1)
    assert scipy_stats.nct.sf(threshold, users - 1, effect * np.sqrt(users)) == pytest.approx(power, abs=1e-5)


def test_with_many_users_it_is_the_normal_rule():
    # z(0.975) + z(0.8) = 1.959964 + 0.841621.
    assert minimum_detectable_effect(0.3, 10_000) == pytest.approx(2.801585 * 0.3 / 100, rel=1e-3)


def test_no_spread_too_few_users_and_impossible_chances():
    assert minimum_detectable_effect(0.0, 10) == 0.0
    assert np.isnan([minimum_detectable_effect(0.3, 1), minimum_detectable_effect(NAN, 10)]).all()
    for level, power in ((0.0, 0.8), (0.05, 1.0), (0.8, 0.05)):
        with pytest.raises(ValueError, match="0 < level < power < 1"):
            minimum_detectable_effect(0.3, 10, level, power)


def test_components_by_hand():
    found = variance_split(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]]))
    # Means of users 1.5, 3, 4.5 and of seeds 2, 4; mean squares 4.5, 6 and, of what is left (±0.5 at the ends), 0.5.
    assert found.users == pytest.approx((4.5 - 0.5) / 2)
    assert found.seeds == pytest.approx((6 - 0.5) / 3)
    assert found.residual == pytest.approx(0.5)
    assert found.standard_error(2, 3) ** 2 == pytest.approx(2 / 3 + 5.5 / 6 + 0.5 / 6)


def test_one_source_of_variance():
    users, seeds = np.array([0.1, 0.2, 0.6, 0.7]), np.array([[0.1], [0.3], [0.4]])
    by_user, by_seed = variance_split(np.tile(users, (3, 1))), variance_split(np.tile(seeds, (1, 4)))
    assert (by_user.users, by_user.seeds, by_user.residual) == pytest.approx((users.var(ddof=1), 0, 0), abs=1e-15)
    assert (by_seed.users, by_seed.seeds, by_seed.residual) == pytest.approx((0, seeds.var(ddof=1), 0), abs=1e-15)
    assert variance_split(np.full((3, 4), 0.1)) == VarianceSplit(0.0, 0.0, 0.0)


def test_a_negative_estimate_is_0():
    # The means of users and seeds are all the same: less than what is left would leave by chance.
    found = variance_split(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert (found.users, found.seeds, found.residual) == (0.0, 0.0, 4.0)


def test_planted_components_are_found():
    rng = np.random.default_rng(0)
    users, seeds, rest = rng.normal(0, 0.3, 400), rng.normal(0, 0.1, (60, 1)), rng.normal(0, 0.5, (60, 400))
    found = variance_split(users + seeds + rest)
    # Four standard errors of a variance over 400 users, 60 seeds and 24,000 values.
    assert found.users == pytest.approx(0.09, rel=4 * np.sqrt(2 / 399) + 0.05)
    assert found.seeds == pytest.approx(0.01, rel=4 * np.sqrt(2 / 59) + 0.05)
    assert found.residual == pytest.approx(0.25, rel=4 * np.sqrt(2 / 24_000))


@pytest.mark.parametrize("values", [np.ones((1, 5)), np.ones((5, 1)), np.ones((0, 3)), np.full((3, 3), NAN)])
def test_too_little_is_not_a_number(values):
    found = variance_split(values)
    assert np.isnan([found.users, found.seeds, found.residual]).all()


GRIDS = st.tuples(st.integers(2, 5), st.integers(2, 12)).flatmap(
    lambda size: arrays(float, size, elements=st.floats(-1, 1, width=16))
)


@given(GRIDS)
def test_seeds_aside_the_error_is_that_of_the_users_averages(values):
    found, (n_seeds, n_users) = variance_split(values), values.shape
    over_users = values.mean(axis=0).var(ddof=1) / n_users
    if found.users > 0:
        assert found.users / n_users + found.residual / (n_seeds * n_users) == pytest.approx(over_users, abs=1e-12)


@given(GRIDS)
def test_users_without_a_value_are_left_out(values):
    wider = np.insert(values, 1, NAN, axis=1)
    wider[0, 1] = 0.5
    assert variance_split(wider) == variance_split(values)
    assert variance_split(-values) == variance_split(values)
