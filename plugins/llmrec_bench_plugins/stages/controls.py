"""Controls that tell what a text's vector is worth: the same model with vectors that say nothing of their owners."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Control = Literal["none", "shuffled", "random"]
"""`shuffled` gives each owner (a user, an item) another one's text, `random` a random vector of the same mean and
spread."""


def controlled(
    vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.int32], control: Control, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """float32 (D + 1, w), the last row zeros, and int64 (M, N): which row is each of N owners' at each of M moments;
    where the control is `random`, D is N. Owners without a text, the last row, stay so."""
    none, n_owners = len(vectors) - 1, rows.shape[1]
    rows = rows.copy()
    if control == "random":
        # One an owner, not one a text: owners of the same text would still be known as such.
        drawn = rng.normal(vectors[:none].mean(axis=0), vectors[:none].std(axis=0), (n_owners, vectors.shape[1]))
        vectors = np.concatenate([drawn.astype(np.float32), vectors[none:]])
        rows = np.where(rows < none, np.arange(n_owners), n_owners)
    if control == "shuffled":
        circle = rng.permutation(n_owners)
        for served in rows:
            having = circle[served[circle] < none]
            served[having] = served[np.roll(having, 1)]  # each the text of the one before: nobody's own
    return vectors, rows.astype(np.int64)
