"""Small `Rankings` by hand, and a slow reference of every accuracy metric for one plain list."""

from collections.abc import Sequence

import numpy as np

from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.metrics import register_metrics
from llmrec_bench.metrics.lists import rank_lists
from llmrec_bench.metrics.metric import RankingMetric
from llmrec_bench.metrics.rankings import UNRANKED, Popularity, Rankings, Ranks

RANKING_METRICS = [metric for metric in register_metrics() if issubclass(metric, RankingMetric)]


def rows(*items: Sequence[int]) -> Sequences:
    """Sequences of the given rows."""
    return Sequences(
        offsets=np.concatenate(([0], np.cumsum([len(row) for row in items]))).astype(np.int64),
        items=np.array([item for row in items for item in row], dtype=np.int32),
    )


def padded(*lists: Sequence[int], width: int) -> np.ndarray:
    """int32 (B, width), PAD after each list's end."""
    table = np.full((len(lists), width), PAD, dtype=np.int32)
    for row, items in enumerate(lists):
        table[row, : len(items)] = items
    return table


def plain(
    lists: Sequence[Sequence[int]],
    relevant: Sequence[Sequence[int]],
    counts: Sequence[int] = (4, 2, 1, 1, 0),
    n_users: int = 8,
    gains: Sequence[float] | None = None,
    width: int = 5,
) -> Rankings:
    """Rankings of plain lists; by default 5 items with T = 8 training pairs of 8 users, item 4 never trained on."""
    return rank_lists(
        padded(*lists, width=width),
        rows(*relevant),
        Popularity(counts=np.array(counts), n_users=n_users),
        gains=None if gains is None else np.array(gains),
    )


def from_scores(
    scores: Sequence[Sequence[int | None]],
    relevant: Sequence[Sequence[int]],
    gains: Sequence[float],
    counts: Sequence[int],
    n_users: int,
) -> Rankings:
    """Rankings of integer scores with ties; None is a candidate the method did not score. Columns are items."""
    queries, items, above, tied, lists = [], [], [], [], []
    for query, (row, wanted) in enumerate(zip(scores, relevant, strict=True)):
        ranked = [item for item, score in enumerate(row) if score is not None]
        lists.append(sorted(ranked, key=lambda item: -row[item]))  # type: ignore[operator]
        for item in wanted:
            queries.append(query)
            items.append(item)
            same = [other for other in ranked if row[other] == row[item]]
            better = [other for other in ranked if row[item] is not None and row[other] > row[item]]  # type: ignore[operator]
            above.append(UNRANKED if row[item] is None else len(better))
            tied.append(1 if row[item] is None else len(same))
    return Rankings(
        ranks=Ranks(
            queries=np.array(queries, dtype=np.int64),
            items=np.array(items, dtype=np.int32),
            above=np.array(above, dtype=np.int64),
            tied=np.array(tied, dtype=np.int64),
            gains=np.array(gains, dtype=np.float64),
        ),
        lists=padded(*lists, width=len(counts)),
        offered=np.full(len(scores), len(counts)),
        popularity=Popularity(counts=np.array(counts), n_users=n_users),
    )


def measure(
    name: str, shown: Sequence[int], gains: dict[int, float], k: int, counts: Sequence[int], n_users: int
) -> float:
    """One user's value of a metric, read off its formula rank by rank. `gains` holds the relevant items."""
    hits = [item in gains for item in shown[:k]]
    discount = [1 / np.log2(rank + 2) for rank in range(k)]
    found = range(len(hits))
    if name == "HR":
        return float(any(hits))
    if name == "Recall":
        return sum(hits) / len(gains)
    if name == "Precision":
        return sum(hits) / k
    if name == "MRR":
        return next((1 / (rank + 1) for rank in found if hits[rank]), 0.0)
    if name == "MAP":
        precisions = [sum(hits[: rank + 1]) / (rank + 1) for rank in found if hits[rank]]
        return sum(precisions) / min(k, len(gains))
    if name == "NDCG":
        best = sorted(gains.values(), reverse=True)[:k]
        ideal = sum(gain * weight for gain, weight in zip(best, discount, strict=False))
        return sum(gains.get(shown[rank], 0.0) * discount[rank] for rank in found) / ideal
    largest = -np.log2(min(count for count in counts if count) / sum(counts))
    novelty = {
        "EFD": [-np.log2(count / sum(counts)) if count else largest for count in counts],
        "EPC": [1 - count / n_users for count in counts],
    }[name]
    mass = sum(discount[: len(hits)])
    return sum(discount[rank] * novelty[shown[rank]] for rank in found if hits[rank]) / mass if hits else 0.0
