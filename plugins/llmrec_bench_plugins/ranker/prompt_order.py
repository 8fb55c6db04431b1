"""In which order a prompt lists its candidates: drawn for each query, never the order they were handed over in."""

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from llmrec_bench import BenchError

Order = Literal["seeded", "recorded"]
Places = npt.NDArray[np.int64]

ORDERS = Path(__file__).parents[1] / "recordings" / "ml-100k-ranking-orders.csv"
"""A line a user: which of the candidates, counted by ascending item code from 0, stood where in the recorded prompt."""


def drawn(seed: int, user: int, use: int) -> np.random.Generator:
    """The source of chance for one use at one user (code), whatever else is asked; the same in every process."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(user, use)))


def prompt_order(order: Order, n: int, seed: int, user: int, permutation: int) -> Places:
    """int64 (n,): which of n candidates, in ascending order of their codes, stands at each place of the prompt.

    Raises `BenchError` where the recorded order is asked for and there is none for this query.
    """
    if order == "seeded":
        return drawn(seed, user, permutation).permutation(n)
    known = recorded_orders()
    if user >= len(known) or len(known[user]) != n:
        raise BenchError(
            f"llm-ranker: `order: recorded` is for the recorded rankings of MovieLens-100K, {len(known):,} users with "
            f"{len(known[0])} candidates each, and the user with code {user} has {n}; use `order: seeded`"
        )
    return known[user]


@cache
def recorded_orders() -> list[Places]:
    """Of the recorded rankings, by user code."""
    lines = ORDERS.read_text(encoding="utf-8").splitlines()
    return [np.array(line.split(","), dtype=np.int64) for line in lines]
