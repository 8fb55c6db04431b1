"""Users who walk in a circle of items that have categories."""

import numpy as np
import pytest


@pytest.fixture
def circle(make_training):
    """Forty users on the first 25 of 30 items; users 38 and 39 have no training items; the target is the next step."""
    rng = np.random.default_rng(0)
    lengths = [*rng.integers(3, 13, 38), 0, 0]
    rows = [[(start + step) % 25 for step in range(length)] for start, length in enumerate(lengths)]
    train = make_training(rows, n_items=30, targets=[(row[-1] + 1) % 25 for row in rows[:38]])
    train.items["category"] = [", ".join("abc"[: 1 + code % 3]) for code in range(30)]
    return train
