"""Rankings and explanations -> numbers and the tables that keep what they came from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.data.dataset import Dataset
from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.data.training import Queries
from llmrec_bench.metrics.explained_pairs import ExplainedPairs
from llmrec_bench.metrics.metric import PairTextMetric, PerUserMetric, RankingMetric, TextMetric, mean_of_counted
from llmrec_bench.metrics.rankings import Rankings

Values = npt.NDArray[np.float64]

PROMPT_PARTS = 4


def measure(
    rankings: Rankings, metrics: Mapping[str, type[RankingMetric]], cutoffs: Sequence[int]
) -> tuple[dict[str, float | None], dict[str, Values]]:
    """Means by `NDCG@10` (None where undefined), and float64 (B,) values of the metrics that have them per user."""
    means: dict[str, float | None] = {}
    per_user: dict[str, Values] = {}
    for name, kind in metrics.items():
        metric = kind()
        for k in cutoffs:
            means[f"{name}@{k}"] = _defined(metric.overall(rankings, k))
            if isinstance(metric, PerUserMetric):
                per_user[f"{name}@{k}"] = metric.per_query(rankings, k)
    return means, per_user


def measure_texts(
    explanations: pd.DataFrame | None, metrics: Mapping[str, type[TextMetric]], users: pd.Index
) -> tuple[dict[str, float | None], dict[str, Values]]:
    """Means by `BLEU-4` (None where undefined, as all are of a method that writes no explanations), and of the metrics
    that have a value for each pair, float64 (B,) means over the pairs of each of the `users` (tokens, in query order),
    NaN without any. `explanations` are as stored.

    A pair of a user who asks for no ranking counts in the mean alone.
    """
    means: dict[str, float | None] = dict.fromkeys(metrics)
    per_user = {name: np.full(len(users), np.nan) for name, kind in metrics.items() if issubclass(kind, PairTextMetric)}
    if explanations is None:
        return means, per_user
    pairs = ExplainedPairs(*(explanations[column].tolist() for column in ("text", "reference", "feature")))
    rows = users.get_indexer(pd.Index(explanations["user"]))
    for name, kind in metrics.items():
        metric = kind()
        if isinstance(metric, PairTextMetric):
            values = metric.per_pair(pairs)  # once, for texts are slow to compare
            per_user[name] = _user_means(values, rows, len(users))
            means[name] = _defined(mean_of_counted(values))
        else:
            means[name] = _defined(metric.overall(pairs))
    return means, per_user


def _user_means(values: Values, rows: npt.NDArray[np.intp], n_users: int) -> Values:
    """float64 (B,): the mean of each row's values, NaN where it has none; a row of -1 belongs to nobody."""
    counted = (rows >= 0) & ~np.isnan(values)
    counts = np.bincount(rows[counted], minlength=n_users)
    sums = np.bincount(rows[counted], weights=values[counted], minlength=n_users)
    return np.divide(sums, counts, out=np.full(n_users, np.nan), where=counts > 0)


def _defined(mean: float) -> float | None:
    return None if math.isnan(mean) else mean


def tie_bounds(
    rankings: Rankings, metrics: Mapping[str, type[RankingMetric]], cutoffs: Sequence[int]
) -> dict[str, tuple[float, float]]:
    """The lowest and the highest mean of each metric, by `NDCG@10`, with every target last and first among its equals;
    without metrics that do not look at targets."""
    ranks, alone = rankings.ranks, np.ones_like(rankings.ranks.tied)
    first, last = (
        measure(replace(rankings, ranks=replace(ranks, above=above, tied=alone)), metrics, cutoffs)[0]
        for above in (ranks.above, ranks.above + ranks.tied - 1)
    )
    found = {}
    for name, value in first.items():
        other = last[name]
        if value is not None and other is not None and value != other:
            found[name] = (min(value, other), max(value, other))
    return found


def accuracy_by_place(places: npt.NDArray[np.int64], rankings: Rankings, column: str, values: Values) -> str | None:
    """How a metric, by query in `values`, moves with the target's place in the prompt, in four parts of the prompt.

    `places` are int64 (P,), as the entries of `rankings.ranks`, from 0, -1 for a target that was not shown. None where
    none was shown.
    """
    if not (places >= 0).any():
        return None
    told = []
    for part in np.array_split(np.arange(places.max() + 1), PROMPT_PARTS):
        here = np.isin(places, part)
        if here.any():
            mean = np.nanmean(values[rankings.ranks.queries[here]])
            told.append(f"{mean:.4f} at {part[0] + 1} to {part[-1] + 1} ({here.sum():,})")
    return f"{column} by the target's place in the first prompt: {', '.join(told)}"


def target_places(places: npt.NDArray[np.int64], queries: Queries, targets: Sequences) -> npt.NDArray[np.int64]:
    """int64 (P,): the place of each target, from those of the candidates (B, C); targets as `Ranks` has them."""
    own = []
    for query in range(len(queries)):
        for target in np.unique(targets[query]):
            columns = [target] if queries.candidates is None else np.flatnonzero(queries.candidates[query] == target)
            own.append(max((int(places[query, column]) for column in columns), default=-1))
    return np.array(own, dtype=np.int64)


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
