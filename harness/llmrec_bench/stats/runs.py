"""Tests over runs: whether methods trained again with other seeds would differ on the same users.

S is small, so these find large differences only, and a difference found says nothing of other users.
"""

import math

import numpy as np

from llmrec_bench.stats.differences import (
    Values,
    paired_t_test,
    spread,
    t_interval,
    t_test,
    user_differences,
)


def runs_t_test(first: Values, second: Values) -> float:
    """Two-sided p of the t-test paired by seed, of float64 (S,) means of runs with the same seeds in the same order.

    1 where no seed differs, 0 where all differ by the same amount, NaN with fewer than two.
    """
    return paired_t_test(user_differences(first, second))


def runs_t_test_unpaired(first: Values, second: Values) -> float:
    """Two-sided p of Student's t-test for two independent samples with equal variances, of float64 (S,) and (S',) means
    of runs.

    As RDRec (arXiv:2405.10587) tests its runs, which share no seeds; `scipy.stats.ttest_ind`. 1 where the means are
    equal, 0 where they differ and no run of a method differs from its others, NaN with fewer than two of either.
    """
    if min(len(first), len(second)) < 2:
        return float("nan")
    return t_test(*_pooled(first, second))


def runs_interval_unpaired(first: Values, second: Values, level: float = 0.95) -> tuple[float, float]:
    """Both ends of the interval that goes with `runs_t_test_unpaired`: of the difference of the means, by the pooled
    variance; NaN with fewer than two runs of either."""
    if min(len(first), len(second)) < 2:
        return float("nan"), float("nan")
    return t_interval(*_pooled(first, second), level)


def _pooled(first: Values, second: Values) -> tuple[float, float, int]:
    """The difference of the means, its standard error, and the degrees of freedom."""
    mean = float(user_differences(np.asarray(first.mean()), np.asarray(second.mean())))
    freedom = len(first) + len(second) - 2
    variance = sum((len(runs) - 1) * spread(runs) ** 2 for runs in (first, second)) / freedom
    return mean, math.sqrt(variance * (1 / len(first) + 1 / len(second))), freedom
