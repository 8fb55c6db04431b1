"""What every evaluator's process does: read the arrays, time two steps, print JSON. Needs numpy alone."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def measure(
    version: str,
    known: set[str],
    make: Callable[[dict[str, Any], int, list[str]], Any],
    evaluate: Callable[[Any], dict[str, float]],
) -> None:
    """Time `make(arrays, k, names)` and `evaluate(what it made)` for every set whose metrics are all `known`.

    Two hundred users go first, untimed: imports on first use and compilation are not what is measured.
    """
    with np.load(sys.argv[1]) as file:
        arrays = dict(file)
    repeats, sets = int(sys.argv[2]), json.loads(sys.argv[3])
    results = {}
    for title, names in sets.items():
        if not set(names) <= known:
            continue
        k = arrays["lists"].shape[1]
        evaluate(make(first_users(arrays, 200), k, names))
        inputs, metrics, values = [], [], {}
        for _ in range(repeats):
            begun = time.process_time()
            made = make(arrays, k, names)
            between = time.process_time()
            values = evaluate(made)
            metrics.append(time.process_time() - between)
            inputs.append(between - begun)
        results[title] = {"inputs": inputs, "metrics": metrics, "values": {n: float(values[n]) for n in names}}
    print(json.dumps({"version": version, "sets": results}))


def first_users(arrays: dict[str, Any], n: int) -> dict[str, Any]:
    """The same arrays for the first n users."""
    relevant, train = arrays["relevant_users"] < n, arrays["train_users"] < n
    return {
        "lists": arrays["lists"][:n],
        "relevant_users": arrays["relevant_users"][relevant],
        "relevant_items": arrays["relevant_items"][relevant],
        "train_users": arrays["train_users"][train],
        "train_items": arrays["train_items"][train],
        "n_items": arrays["n_items"],
    }
