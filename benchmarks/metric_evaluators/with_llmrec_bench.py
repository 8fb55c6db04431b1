"""Our metrics: arrays to `Rankings`, `Rankings` to values."""

from importlib.metadata import version
from typing import Any

import numpy as np
from timing import measure

from llmrec_bench.data.sequences import Sequences
from llmrec_bench.metrics import register_metrics
from llmrec_bench.metrics.lists import rank_lists
from llmrec_bench.metrics.rankings import Popularity, Rankings

METRICS = {metric.name: metric() for metric in register_metrics()}


def make(arrays: dict[str, Any], k: int, names: list[str]) -> tuple[Rankings, int, list[str]]:
    """Rankings, with popularity counted from the training pairs."""
    per_user = np.bincount(arrays["relevant_users"], minlength=len(arrays["lists"]))
    relevant = Sequences(np.concatenate(([0], np.cumsum(per_user))), arrays["relevant_items"])
    counts = np.bincount(arrays["train_items"], minlength=int(arrays["n_items"]))
    popularity = Popularity(counts=counts, n_users=int((np.bincount(arrays["train_users"]) > 0).sum()))
    return rank_lists(arrays["lists"], relevant, popularity), k, names


def evaluate(made: tuple[Rankings, int, list[str]]) -> dict[str, float]:
    """Values by name."""
    rankings, k, names = made
    return {name: METRICS[name].overall(rankings, k) for name in names}


measure(version("llmrec-bench"), set(METRICS), make, evaluate)
