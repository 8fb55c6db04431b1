"""Comparing methods over users and seeds by any of the tests."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from llmrec_bench import BenchError
from llmrec_bench.stats import (
    TESTS,
    SeedTest,
    UserTest,
    bootstrap_interval,
    bootstrap_test,
    compare,
    mean_interval,
    paired_difference,
    randomisation_test,
    wilcoxon,
)

NAN = float("nan")
# Three seeds, four users and one more, who has no value of the second method at seed 2.
FIRST = np.array([[0.5, 1.0, 0.0, 1.0, 1.0], [0.6, 0.8, 0.1, 0.9, 1.0], [0.7, 0.9, 0.2, 0.8, 1.0]])
SECOND = np.array([[0.1, 0.5, 0.0, 0.4, 0.0], [0.0, 0.6, 0.2, 0.1, NAN], [0.2, 0.7, 0.1, 0.3, 0.0]])
MEANS = FIRST[:, :4].mean(axis=1), SECOND[:, :4].mean(axis=1)
DIFFERENCES = (FIRST - SECOND)[:, :4].mean(axis=0)


def test_every_test_has_its_name():
    assert [name for name, test in TESTS.items() if isinstance(test, UserTest)] == [
        "t-test", "wilcoxon", "randomisation", "bootstrap",
    ]  # fmt: skip
    assert [name for name, test in TESTS.items() if isinstance(test, SeedTest)] == [
        "runs-t-test", "runs-t-test-unpaired",
    ]  # fmt: skip


@pytest.mark.parametrize("test", TESTS)
def test_what_does_not_depend_on_the_test(test):
    found = compare(FIRST, SECOND, test)
    assert found.test == test
    assert (found.users, found.left_out) == (4, 1)
    assert found.mean == pytest.approx(DIFFERENCES.mean())
    assert found.effect_size == pytest.approx(DIFFERENCES.mean() / DIFFERENCES.std(ddof=1))


def test_the_t_test_is_that_of_the_averages():
    assert compare(FIRST, SECOND) == paired_difference(FIRST.mean(axis=0), SECOND.mean(axis=0))
    found = compare(FIRST, SECOND, level=0.9)
    scipys = scipy_stats.ttest_rel(FIRST[:, :4].mean(axis=0), SECOND[:, :4].mean(axis=0))
    assert found.p == pytest.approx(scipys.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(scipys.confidence_interval(0.9)))


@pytest.mark.parametrize(
    ("test", "p", "interval"),
    [
        ("wilcoxon", wilcoxon, mean_interval),
        ("randomisation", randomisation_test, mean_interval),
        ("bootstrap", bootstrap_test, bootstrap_interval),
    ],
)
def test_tests_over_users_see_averages_over_seeds(test, p, interval):
    found = compare(FIRST, SECOND, test, level=0.9)
    assert found.p == pytest.approx(p(DIFFERENCES))
    assert (found.low, found.high) == pytest.approx(interval(DIFFERENCES, 0.9))


def test_tests_over_seeds_see_means_over_users():
    paired, unpaired = scipy_stats.ttest_rel(*MEANS), scipy_stats.ttest_ind(*MEANS)
    for test, scipys in (("runs-t-test", paired), ("runs-t-test-unpaired", unpaired)):
        found = compare(FIRST, SECOND, test, level=0.9)
        assert found.p == pytest.approx(scipys.pvalue)
        assert (found.low, found.high) == pytest.approx(tuple(scipys.confidence_interval(0.9)))


@pytest.mark.parametrize("test", TESTS)
def test_identical_methods(test):
    found = compare(FIRST, FIRST, test)
    assert (found.mean, found.p, found.effect_size) == (0.0, 1.0, 0.0)
    if test != "runs-t-test-unpaired":  # which does not know that the runs share their seeds
        assert (found.low, found.high) == (0.0, 0.0)


@pytest.mark.parametrize("test", TESTS)
def test_too_little_is_not_a_number(test):
    one_user = compare(FIRST[:, :1], SECOND[:, :1], test)
    assert one_user.users == 1
    assert np.isnan(one_user.effect_size)
    one_seed = compare(FIRST[:1], SECOND[:1], test)
    assert one_seed.users == 5
    too_few = one_user if isinstance(TESTS[test], UserTest) else one_seed
    assert np.isnan([too_few.low, too_few.high, too_few.p]).all()
    enough = one_seed if isinstance(TESTS[test], UserTest) else one_user
    assert not np.isnan([enough.low, enough.high, enough.p]).any()
    for nothing in (np.full((3, 2), NAN), np.empty((0, 2)), np.empty((3, 0))):
        found = compare(nothing, nothing, test)
        assert np.isnan([found.mean, found.low, found.high, found.p, found.effect_size]).all()
        assert (found.users, found.left_out) == (0, nothing.shape[1])


def test_what_is_wrong_with_a_call():
    with pytest.raises(BenchError) as error:
        compare(FIRST, SECOND, "wilcoxson")
    assert str(error.value) == "unknown test 'wilcoxson'; did you mean 'wilcoxon'?"
    for second in (SECOND[:2], SECOND[0]):
        with pytest.raises(ValueError, match="one shape"):
            compare(FIRST, second)


VALUES = st.one_of(st.floats(0, 1, width=16), st.just(0.0), st.just(NAN))
GRIDS = st.tuples(st.integers(1, 4), st.integers(1, 12)).flatmap(
    lambda size: arrays(float, (2, *size), elements=VALUES)
)


@pytest.mark.parametrize("test", TESTS)
@settings(max_examples=25, deadline=None)
@given(grids=GRIDS, random=st.randoms(use_true_random=False))
def test_neither_the_order_of_users_nor_of_methods_matters(test, grids, random):
    there, back = compare(grids[0], grids[1], test), compare(grids[1], grids[0], test)
    flipped = (-back.mean, -back.high, -back.low, back.p, -back.effect_size)
    near = {"abs": 1e-12, "nan_ok": True}
    assert (there.mean, there.low, there.high, there.p, there.effect_size) == pytest.approx(flipped, **near)
    assert not there.p < 0
    assert not there.p > 1
    order = list(range(grids.shape[2]))
    random.shuffle(order)
    shuffled = compare(grids[0][:, order], grids[1][:, order], test)
    assert tuple(vars(shuffled).values()) == pytest.approx(tuple(vars(there).values()), **near)
