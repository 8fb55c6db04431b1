"""Differences of two methods: the t interval of their mean, the paired t-test, and the effect size.

The sources: Student (1908) for the test and the interval, Cohen (1988, page 48) for d_z. The values are those of
`scipy.stats.ttest_rel`; scipy.special is enough for them and loads in half the time.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

Values = npt.NDArray[np.float64]

ROUNDING = 1e-12
"""How far apart, relative to their size, two values may be and still be called equal. The same numbers averaged in
another order differ in their last digits, and a test of these alone could come out as significant."""


def user_differences(first: Values, second: Values) -> Values:
    """First minus second, of any one shape: exactly 0 where only rounding sets them apart, NaN where one is."""
    return np.where(np.isclose(first, second, rtol=ROUNDING, atol=0), 0.0, first - second)


def mean_interval(differences: Values, level: float = 0.95) -> tuple[float, float]:
    """Both ends of the t interval of the mean of float64 (U,) differences, none of them NaN.

    They are mean ± t(U - 1) s / sqrt(U), and NaN with fewer than two users. The interval goes with `paired_t_test`: it
    leaves out 0 exactly where p is below 1 - level.
    """
    if len(differences) < 2:
        return float("nan"), float("nan")
    return t_interval(float(differences.mean()), _error(differences), len(differences) - 1, level)


def paired_t_test(differences: Values) -> float:
    """Two-sided p of the t-test that float64 (U,) differences, none of them NaN, have mean 0: t = mean / (s / sqrt(U)).

    1 where no user differs, 0 where all differ by the same amount, NaN with fewer than two users.
    """
    if len(differences) < 2:
        return float("nan")
    return t_test(float(differences.mean()), _error(differences), len(differences) - 1)


def effect_size(differences: Values) -> float:
    """Cohen's d_z of float64 (U,) differences, none of them NaN: mean / s.

    0 where no user differs, infinite where all differ by the same amount, NaN with fewer than two users.
    """
    if len(differences) < 2:
        return float("nan")
    mean, s = float(differences.mean()), spread(differences)
    if s == 0:
        return float(np.copysign(np.inf, mean)) if mean else 0.0
    return mean / s


def spread(values: Values) -> float:
    """Sample standard deviation (n - 1) of two values or more; exactly 0 where only rounding makes one."""
    deviation = float(values.std(ddof=1))
    return 0.0 if deviation <= ROUNDING * float(np.abs(values).max()) else deviation


def t_interval(mean: float, error: float, freedom: int, level: float) -> tuple[float, float]:
    """Both ends of the interval of a mean with this standard error and degrees of freedom."""
    half = float(stdtrit(freedom, (1 + level) / 2)) * error
    return mean - half, mean + half


def t_test(mean: float, error: float, freedom: int) -> float:
    """Two-sided p that a mean with this standard error and degrees of freedom is one of 0."""
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(freedom, -abs(mean) / error))


def _error(differences: Values) -> float:
    """Standard error of the mean."""
    return spread(differences) / float(np.sqrt(len(differences)))
