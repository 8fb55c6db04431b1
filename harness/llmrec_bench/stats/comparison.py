"""One method against another over users and seeds, by any of the tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.stats.differences import Values, effect_size, mean_interval, paired_t_test, spread, user_differences
from llmrec_bench.stats.resampling import bootstrap_means, percentile_interval, percentile_p, randomisation_test
from llmrec_bench.stats.runs import runs_interval_unpaired, runs_t_test, runs_t_test_unpaired
from llmrec_bench.stats.signed_ranks import wilcoxon


@dataclass(frozen=True)
class PairedDifference:
    """First minus second, over the users that have both values."""

    mean: float
    """NaN without a user."""
    low: float
    """The lower end of the interval of the mean; NaN where the test has fewer than two users, or seeds, to go by, as
    are the next two."""
    high: float
    p: float
    """Two-sided."""
    effect_size: float
    """Cohen's d_z over users, whichever the test; NaN with fewer than two, infinite where every user differs by the
    same amount."""
    users: int
    spread: float
    """Standard deviation of the users' differences; NaN with fewer than two."""
    left_out: int
    """Users without a value in at least one of the two."""
    test: str = "t-test"
    """The name in `TESTS` of what gave p and the interval."""


class Finding(NamedTuple):
    """What a test says: both ends of the interval of the mean difference, and the two-sided p."""

    low: float
    high: float
    p: float


@dataclass(frozen=True)
class UserTest:
    """A test over users: each is one observation, however many seeds their values are averaged over."""

    about: str
    """The test and the interval beside it, for a note below a table."""
    find: Callable[[Values, float], Finding]
    """From float64 (U,) differences, none of them NaN, and the level of the interval."""


@dataclass(frozen=True)
class SeedTest:
    """A test over seeds: each run is one observation, however many users its mean is over."""

    about: str
    find: Callable[[Values, Values, float], Finding]
    """From float64 (S,) means of the runs of both methods, and the level of the interval."""


def _bootstrap(differences: Values, level: float) -> Finding:
    means = bootstrap_means(differences)
    return Finding(*percentile_interval(means, level), percentile_p(means))


TESTS: Mapping[str, UserTest | SeedTest] = {
    "t-test": UserTest(
        "two-sided t-test paired by user, and the t interval that goes with it",
        lambda differences, level: Finding(*mean_interval(differences, level), paired_t_test(differences)),
    ),
    "wilcoxon": UserTest(
        "two-sided Wilcoxon signed-rank test over users; the interval is the t interval of the mean, which need not "
        "agree with it",
        lambda differences, level: Finding(*mean_interval(differences, level), wilcoxon(differences)),
    ),
    "randomisation": UserTest(
        "two-sided randomisation test over users (all sign flips where they are at most 10,000, else 10,000 drawn with "
        "seed 0); the interval is the t interval of the mean, which can disagree with it near the level",
        lambda differences, level: Finding(*mean_interval(differences, level), randomisation_test(differences)),
    ),
    "bootstrap": UserTest(
        "percentile bootstrap over users (10,000 draws with seed 0), p by turning its interval round",
        _bootstrap,
    ),
    "runs-t-test": SeedTest(
        "two-sided t-test paired by seed over the means of runs, and the t interval that goes with it",
        lambda first, second, level: Finding(
            *mean_interval(user_differences(first, second), level), runs_t_test(first, second)
        ),
    ),
    "runs-t-test-unpaired": SeedTest(
        "two-sided t-test for two independent samples of runs with equal variances, and the interval that goes with it",
        lambda first, second, level: Finding(
            *runs_interval_unpaired(first, second, level), runs_t_test_unpaired(first, second)
        ),
    ),
}
"""The tests by the names that a suite may use."""


def compare(first: Values, second: Values, test: str = "t-test", level: float = 0.95) -> PairedDifference:
    """Compare float64 (S, U) values by the same seeds and users in the same order, NaN where there is none.

    A user without a value at some seed in one of the two is left out. Tests over users see each user's average over
    seeds; tests over seeds see the means over users of each run. The interval is of this level and goes with the test
    as `about` in `TESTS` says. Raises `BenchError` for an unknown test and `ValueError` for other shapes.
    """
    if test not in TESTS:
        raise BenchError(f"unknown test '{test}'{suggest(test, TESTS)}")
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(f"should be two arrays of one shape (S, U) (given {first.shape} and {second.shape})")
    differences = user_differences(_averages(first), _averages(second))
    counted = ~np.isnan(differences)
    there, chosen = differences[counted], TESTS[test]
    if isinstance(chosen, UserTest):
        found = chosen.find(there, level)
    else:
        found = chosen.find(_run_means(first, counted), _run_means(second, counted), level)
    return PairedDifference(
        mean=float(there.mean()) if len(there) else float("nan"),
        low=found.low,
        high=found.high,
        p=found.p,
        effect_size=effect_size(there),
        users=len(there),
        spread=spread(there) if len(there) > 1 else float("nan"),
        left_out=len(differences) - len(there),
        test=test,
    )


def paired_difference(first: Values, second: Values, level: float = 0.95) -> PairedDifference:
    """Compare float64 (U,) values of the same users in the same order by the t-test, NaN where a user has none."""
    return compare(first[np.newaxis], second[np.newaxis], level=level)


def _averages(values: Values) -> Values:
    """float64 (U,): over seeds, NaN for a user without a value at some seed."""
    return values.mean(axis=0) if len(values) else np.full(values.shape[1], np.nan)


def _run_means(values: Values, counted: np.ndarray) -> Values:
    """float64 (S,): over the users that count; empty where none does."""
    return values[:, counted].mean(axis=1) if counted.any() else np.empty(0)
