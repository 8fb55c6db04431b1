"""Whether two methods differ: the paired difference with its interval, the paired t-test, and Holm's correction.

U is the number of users, T that of tests. The sources: Student (1908) for the test and the interval, Cohen (1988, page
48) for d_z, Holm (1979) for the correction. The values are those of `scipy.stats.ttest_rel` and of statsmodels'
`multipletests(method="holm")`; scipy.special is enough for them and loads in half the time.

There is one interval, the one that goes with the test: it leaves out 0 exactly where p < 0.05, so that the two columns
of a row never disagree, and it has no random draws to be told about. A percentile bootstrap over users was left out: it
adds nothing over hundreds of users, where it gives the same ends (tests/harness/test_stats.py compares them), and with
few users it is too narrow (Hesterberg 2015).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

Values = npt.NDArray[np.float64]

ROUNDING = 1e-12
"""How far apart, relative to their size, two values may be and still be called equal. The same numbers averaged in
another order differ in their last digits, and a test of these alone could come out as significant."""


@dataclass(frozen=True)
class PairedDifference:
    """First minus second, over the users that have both values."""

    mean: float
    """NaN without a user."""
    low: float
    """The lower end of the interval of the mean; NaN with fewer than two users, as are the next three."""
    high: float
    p: float
    """Two-sided."""
    effect_size: float
    """Cohen's d_z; infinite where every user differs by the same amount."""
    users: int
    left_out: int
    """Users without a value in at least one of the two."""


def paired_difference(first: Values, second: Values, level: float = 0.95) -> PairedDifference:
    """Compare float64 (U,) values of the same users in the same order, NaN where a user has none."""
    differences = user_differences(first, second)
    there = differences[~np.isnan(differences)]
    low, high = mean_interval(there, level)
    return PairedDifference(
        mean=float(there.mean()) if len(there) else float("nan"),
        low=low,
        high=high,
        p=paired_t_test(there),
        effect_size=effect_size(there),
        users=len(there),
        left_out=len(differences) - len(there),
    )


def user_differences(first: Values, second: Values) -> Values:
    """First minus second, of any one shape: exactly 0 where only rounding sets them apart, NaN where one is."""
    return np.where(np.isclose(first, second, rtol=ROUNDING, atol=0), 0.0, first - second)


def mean_interval(differences: Values, level: float = 0.95) -> tuple[float, float]:
    """Both ends of the t interval of the mean of float64 (U,) differences, none of them NaN.

    They are mean ± t(U - 1) s / sqrt(U), and NaN with fewer than two users.
    """
    if len(differences) < 2:
        return float("nan"), float("nan")
    mean, half = float(differences.mean()), _quantile(len(differences) - 1, level) * _error(differences)
    return mean - half, mean + half


def paired_t_test(differences: Values) -> float:
    """Two-sided p of the t-test that float64 (U,) differences, none of them NaN, have mean 0: t = mean / (s / sqrt(U)).

    1 where no user differs, 0 where all differ by the same amount, NaN with fewer than two users.
    """
    if len(differences) < 2:
        return float("nan")
    mean, error = abs(float(differences.mean())), _error(differences)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(len(differences) - 1, -mean / error))


def effect_size(differences: Values) -> float:
    """Cohen's d_z of float64 (U,) differences, none of them NaN: mean / s.

    0 where no user differs, infinite where all differ by the same amount, NaN with fewer than two users.
    """
    if len(differences) < 2:
        return float("nan")
    mean, spread = float(differences.mean()), _spread(differences)
    if spread == 0:
        return float(np.copysign(np.inf, mean)) if mean else 0.0
    return mean / spread


def holm(p: Values) -> Values:
    """float64 (T,): the p-values of one family, corrected so that the chance of any false finding among them stays
    below the level they are held against, however they depend on each other.

    In order of size the i-th, from 0, is multiplied by T - i; none comes out smaller than the one before, and none
    above 1. NaN, a test without a p, counts in T as if it were 1 and stays NaN: when it gets one, no other can rise.
    """
    order = np.argsort(p, kind="stable")  # NaN last
    corrected = np.empty(len(p), dtype=np.float64)
    steps = p[order] * np.arange(len(p), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected


def _spread(differences: Values) -> float:
    """Sample standard deviation (n - 1); exactly 0 where only rounding makes one."""
    spread = float(differences.std(ddof=1))
    return 0.0 if spread <= ROUNDING * float(np.abs(differences).max()) else spread


def _error(differences: Values) -> float:
    """Standard error of the mean."""
    return _spread(differences) / float(np.sqrt(len(differences)))


def _quantile(freedom: int, level: float) -> float:
    return float(stdtrit(freedom, (1 + level) / 2))
