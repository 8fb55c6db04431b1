"""Rankings -> numbers and the tables that keep what they came from."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.data.dataset import Dataset
from llmrec_bench.data.sequences import PAD
from llmrec_bench.data.training import Queries
from llmrec_bench.metrics.metric import Metric, PerUserMetric
from llmrec_bench.metrics.rankings import Rankings


def measure(
    rankings: Rankings, metrics: dict[str, type[Metric]], cutoffs: Sequence[int]
) -> tuple[dict[str, float | None], dict[str, npt.NDArray[np.float64]]]:
    """Means by `NDCG@10` (None where undefined), and float64 (B,) values of the metrics that have them per user."""
    means: dict[str, float | None] = {}
    per_user: dict[str, npt.NDArray[np.float64]] = {}
    for name, kind in metrics.items():
        metric = kind()
        for k in cutoffs:
            mean = metric.overall(rankings, k)
            means[f"{name}@{k}"] = None if math.isnan(mean) else mean
            if isinstance(metric, PerUserMetric):
                per_user[f"{name}@{k}"] = metric.per_query(rankings, k)
    return means, per_user


def standard_errors(per_user: Mapping[str, npt.NDArray[np.float64]]) -> dict[str, float]:
    """Of the means over users, by name; without those of fewer than two users that count."""
    counted = {name: values[~np.isnan(values)] for name, values in per_user.items()}
    return {name: float(v.std(ddof=1) / np.sqrt(len(v))) for name, v in counted.items() if len(v) > 1}


def list_table(rankings: Rankings, queries: Queries, dataset: Dataset) -> pd.DataFrame:
    """One row a place: `user`, `rank` from 1, `item`, as tokens."""
    rows, places = np.nonzero(rankings.lists != PAD)
    return pd.DataFrame(
        {
            "user": dataset.users[queries.users[rows]].astype("str"),
            "rank": (places + 1).astype(np.int32),
            "item": dataset.items["token"].to_numpy()[rankings.lists[rows, places]],
        }
    )


def rank_table(rankings: Rankings, queries: Queries, dataset: Dataset) -> pd.DataFrame:
    """One row a relevant item: `user`, `item`, and the interval of its rank as in `Ranks`."""
    ranks = rankings.ranks
    return pd.DataFrame(
        {
            "user": dataset.users[queries.users[ranks.queries]].astype("str"),
            "item": dataset.items["token"].to_numpy()[ranks.items],
            "above": ranks.above,
            "tied": ranks.tied,
            "gain": ranks.gains,
        }
    )
