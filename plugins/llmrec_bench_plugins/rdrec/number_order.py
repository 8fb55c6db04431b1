"""How much the numbers of items give away: whether histories step from one number to the next more than by chance."""

import numpy as np

from llmrec_bench import Sequences

_NUMBERINGS = 99


def number_order(sequences: Sequences, n_items: int) -> str | None:
    """A clause for the foot of a table where users' steps go to the next number at least twice as often as in any of 99
    random numberings; else None. Only training items are looked at."""
    inside = np.diff(sequences.rows()) == 0
    now, then = sequences.items[:-1][inside], sequences.items[1:][inside]
    steps = int(np.sum(then == now + 1))
    rng = np.random.default_rng(0)
    by_chance = 0
    for _ in range(_NUMBERINGS):
        numbers = rng.permutation(n_items)
        by_chance = max(by_chance, int(np.sum(numbers[then] == numbers[now] + 1)))
    if steps < max(1, 2 * by_chance):
        return None
    shares = steps / len(now), by_chance / len(now)
    return (
        f"reads item numbers that follow the order of the data: {shares[0]:.1%} of {len(now):,} training steps go to "
        f"the next number, at most {shares[1]:.1%} in {_NUMBERINGS} random numberings; what is held out is numbered "
        "along with the rest, so compare with `item_id_order: shuffled(SEED)`"
    )
