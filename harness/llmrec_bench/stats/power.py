"""What an experiment could find, and whether more users or more seeds would help."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtrinc, stdtrit

from llmrec_bench.stats.corrections import SIGNIFICANT
from llmrec_bench.stats.differences import ROUNDING, Values

POWER = 0.8
"""How likely a difference of the size of `minimum_detectable_effect` is to be found."""


def minimum_detectable_effect(spread: float, users: int, level: float = SIGNIFICANT, power: float = POWER) -> float:
    """The smallest true mean difference, in the unit of `spread`, that the two-sided paired t-test at this level of
    significance finds with this probability, where the users' differences have the standard deviation `spread`.

    By the noncentral t distribution (Cohen 1988, chapter 2), leaving out only findings of the wrong sign; Holm's
    correction is reckoned with at worst by dividing the level by the size of the family. NaN with fewer than two users.
    Raises `ValueError` unless 0 < level < power < 1.
    """
    if not 0 < level < power < 1:
        raise ValueError(f"should be 0 < level < power < 1 (given {level} and {power})")
    if users < 2:
        return float("nan")
    threshold = stdtrit(users - 1, 1 - level / 2)
    return spread * float(nctdtrinc(users - 1, 1 - power, threshold)) / math.sqrt(users)


@dataclass(frozen=True)
class VarianceSplit:
    """Where the variance of a difference comes from: three components, in the square of the metric's unit."""

    users: float
    """Between users, at every seed alike: more users help, more seeds do not."""
    seeds: float
    """Between seeds, for every user alike: more seeds help, more users do not."""
    residual: float
    """What is left for one user at one seed: more of either helps."""

    def standard_error(self, seeds: int, users: int) -> float:
        """Of the mean difference over S other seeds and U other users: sqrt(users/U + seeds/S + residual/(SU))."""
        return math.sqrt(self.users / users + self.seeds / seeds + self.residual / (seeds * users))


def variance_split(values: Values) -> VarianceSplit:
    """Split the variance of float64 (S, U) differences by seed and user, NaN where there is none.

    Two-way random effects without repetition, by the method of moments: the mean squares are set to their expected
    values, and components that come out negative to 0 (Searle, Casella and McCulloch 1992, chapter 4). Users without a
    value at some seed are left out. All NaN with fewer than two users or seeds.
    """
    there = values[:, ~np.isnan(values).any(axis=0)]
    n_seeds, n_users = there.shape
    if min(n_seeds, n_users) < 2:
        return VarianceSplit(float("nan"), float("nan"), float("nan"))
    by_user, by_seed = (there.mean(axis=axis, keepdims=True) - there.mean() for axis in (0, 1))
    between_users = n_seeds * float(np.square(by_user).sum()) / (n_users - 1)
    between_seeds = n_users * float(np.square(by_seed).sum()) / (n_seeds - 1)
    rest = float(np.square(there - there.mean() - by_user - by_seed).sum()) / ((n_seeds - 1) * (n_users - 1))
    rounding = (ROUNDING * float(np.abs(there).max())) ** 2
    components = ((between_users - rest) / n_seeds, (between_seeds - rest) / n_users, rest)
    return VarianceSplit(*(component if component > rounding else 0.0 for component in components))
