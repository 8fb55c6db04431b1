"""The values of two sets of trials, matched by seed and user, and the test between them."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from llmrec_bench.stats import PairedDifference, Values, holm, paired_difference

SIGNIFICANT = 0.05
"""A corrected p below it is a finding."""
POWER = 0.8
"""How likely a difference of the size of `minimum_detectable_effect` is to be found."""


def match(first: Mapping[int, pd.Series], second: Mapping[int, pd.Series]) -> tuple[list[int], Values, Values]:
    """The seeds that both have, and float64 (S, U) values of both by seed and user, NaN where a user has none.

    Each series holds the values of one seed by user.
    """
    seeds = [seed for seed in first if seed in second]
    if not seeds:
        return [], np.empty((0, 0)), np.empty((0, 0))
    columns = [values[seed] for values in (first, second) for seed in seeds]
    # Sorted, so that the sums of two sides do not depend on whose users come first.
    both = pd.concat(columns, axis=1, sort=True).to_numpy(dtype=np.float64).T
    return seeds, both[: len(seeds)], both[len(seeds) :]


def difference(first: Values, second: Values) -> PairedDifference:
    """First minus second, paired by user: of float64 (S, U) values by matched seed and user, each user's values
    averaged over the seeds first, so that more seeds are not more users."""
    return paired_difference(first.mean(axis=0), second.mean(axis=0))


def corrected(p: Sequence[float], family: int) -> list[float]:
    """Holm's correction of the p-values of a family of so many tests; those that have not run, or came to no p (NaN),
    count all the same."""
    whole = np.full(max(family, len(p)), np.nan)
    whole[: len(p)] = p
    return holm(whole)[: len(p)].tolist()


def minimum_detectable_effect(found: PairedDifference, tests: int) -> float:
    """The true difference that a test like this one finds with probability `POWER` at the level `SIGNIFICANT` divided
    by the number of tests, the first step of Holm's correction; NaN where the differences have no spread to go by.

    (t(1 - level / 2) + t(power)) times the standard error (Cohen 1988, chapter 2, with Student's quantiles).
    """
    if found.users < 2:
        return math.nan
    freedom = found.users - 1
    error = (found.high - found.low) / 2 / float(stdtrit(freedom, 0.975))
    if not error > 0:
        return math.nan
    return error * float(stdtrit(freedom, 1 - SIGNIFICANT / tests / 2) + stdtrit(freedom, POWER))
