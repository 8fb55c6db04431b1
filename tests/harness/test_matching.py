"""Values matched by seed and user: which meet."""

import numpy as np
import pandas as pd

from llmrec_bench.matching import match
from llmrec_bench.stats import compare

NAN = float("nan")


def test_seeds_and_users_meet():
    first = {1: pd.Series({"b": 1.0, "a": 2.0}), 2: pd.Series({"a": 3.0}), 3: pd.Series({"a": 9.0})}
    second = {2: pd.Series({"a": 4.0, "c": 5.0}), 1: pd.Series({"a": 6.0, "b": 7.0})}
    seeds, ours, theirs = match(first, second)
    assert seeds == [1, 2]
    # Users a, b, c.
    np.testing.assert_array_equal(ours, [[2, 1, NAN], [3, NAN, NAN]])
    np.testing.assert_array_equal(theirs, [[6, 7, NAN], [4, NAN, 5]])
    found = compare(theirs, ours)
    assert (found.mean, found.users, found.left_out) == (2.5, 1, 2)
    assert match(first, {7: pd.Series({"a": 1.0})})[0] == []
