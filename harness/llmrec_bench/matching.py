"""The values of two sets of trials, matched by seed and user."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from llmrec_bench.stats import Values


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
