"""Values matched by seed and user: which meet, and what their test can see."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from llmrec_bench.matching import POWER, corrected, difference, match, minimum_detectable_effect
from llmrec_bench.stats import holm

NAN = float("nan")


def test_seeds_and_users_meet():
    first = {1: pd.Series({"b": 1.0, "a": 2.0}), 2: pd.Series({"a": 3.0}), 3: pd.Series({"a": 9.0})}
    second = {2: pd.Series({"a": 4.0, "c": 5.0}), 1: pd.Series({"a": 6.0, "b": 7.0})}
    seeds, ours, theirs = match(first, second)
    assert seeds == [1, 2]
    # Users a, b, c.
    np.testing.assert_array_equal(ours, [[2, 1, NAN], [3, NAN, NAN]])
    np.testing.assert_array_equal(theirs, [[6, 7, NAN], [4, NAN, 5]])
    found = difference(theirs, ours)
    assert (found.mean, found.users, found.left_out) == (2.5, 1, 2)
    assert match(first, {7: pd.Series({"a": 1.0})})[0] == []


@given(st.lists(st.floats(0, 1) | st.just(NAN), max_size=8), st.integers(0, 12))
def test_tests_that_have_not_run_count(p, family):
    found = corrected(p, family)
    whole = np.array([*p, *[NAN] * max(0, family - len(p))])
    np.testing.assert_array_equal(found, holm(whole)[: len(p)])
    alone = corrected(p, 0)
    assert all(b >= a for a, b in zip(alone, found, strict=True) if not math.isnan(a))


@pytest.mark.parametrize(("users", "tests"), [(20, 1), (300, 64)])
def test_a_detectable_effect_is_found_four_times_of_five(users, tests):
    spread = np.random.default_rng(1).normal(size=users)
    found = difference(spread[np.newaxis], np.zeros((1, users)))
    effect = minimum_detectable_effect(found, tests)
    error = spread.std(ddof=1) / math.sqrt(users)
    assert effect == pytest.approx(
        error * (reference.t.ppf(1 - 0.025 / tests, users - 1) + reference.t.ppf(0.8, users - 1))
    )
    # The power of the t-test there, by the noncentral distribution.
    bar = reference.t.ppf(1 - 0.025 / tests, users - 1)
    assert reference.nct.sf(bar, users - 1, effect / error) == pytest.approx(POWER, abs=0.02)


def test_nothing_can_be_said_without_a_spread():
    same = np.full((1, 20), 0.5)
    assert math.isnan(minimum_detectable_effect(difference(same, same), 1))
    assert math.isnan(minimum_detectable_effect(difference(same, same - 0.25), 1))
    assert math.isnan(minimum_detectable_effect(difference(same[:, :1], same[:, :1]), 1))
