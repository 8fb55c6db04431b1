"""The random state that a whole process shares."""

import pickle
import random
import sys
from collections.abc import Callable

import numpy as np


def random_state_fault(call: Callable[[], object]) -> str | None:
    """Whose state a call moves, in words; None where it leaves all as they were."""
    stir()
    before = global_random_states()
    call()
    owners = moved(before, global_random_states())
    return f"draws from, or seeds, the global state of {', '.join(owners)}" if owners else None


def stir() -> None:
    """Draw from each: a plugin that had seeded them would else be found to leave them as they were."""
    random.random()
    np.random.random()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.rand(1)


def global_random_states() -> dict[str, bytes]:
    """The state by owner: `random`, `numpy.random`, and `torch` where it is loaded."""
    states = {
        "random": pickle.dumps(random.getstate()),
        "numpy.random": pickle.dumps(np.random.get_state()),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
    return states


def moved(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """The owners whose state is another one; what was loaded in between has none to compare."""
    return [owner for owner, state in before.items() if after[owner] != state]
