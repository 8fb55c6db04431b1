"""Elliot's metric classes, made and called as its Evaluator makes and calls them."""

from types import SimpleNamespace
from typing import Any

from elliot.evaluation.metrics import __version__, parse_metrics
from elliot.evaluation.relevance import Relevance
from timing import measure

NAMES = {"HR": "HR", "NDCG": "nDCG", "MRR": "MRR", "EFD": "EFD", "EPC": "EPC"}


def make(arrays: dict[str, Any], k: int, names: list[str]) -> tuple[dict[int, Any], SimpleNamespace, list[str]]:
    """Recommendations, test and training rows as dictionaries."""
    scores = [float(k - rank) for rank in range(k)]
    lists = {user: list(zip(row, scores, strict=True)) for user, row in enumerate(arrays["lists"].tolist())}
    data = SimpleNamespace(train_dict=nested(arrays["train_users"], arrays["train_items"]))
    data.num_users = len(data.train_dict)
    relevance = Relevance(nested(arrays["relevant_users"], arrays["relevant_items"]), 1)
    objects = SimpleNamespace(relevance=relevance, data=data, num_items=int(arrays["n_items"]), cutoff=k)
    return lists, objects, names


def nested(users: Any, items: Any) -> dict[int, dict[int, float]]:
    """{user: {item: 1.0}}"""
    rows: dict[int, dict[int, float]] = {}
    for user, item in zip(users.tolist(), items.tolist(), strict=True):
        rows.setdefault(user, {})[item] = 1.0
    return rows


def evaluate(made: tuple[dict[int, Any], SimpleNamespace, list[str]]) -> dict[str, float]:
    """Values by name."""
    lists, objects, names = made
    nothing = SimpleNamespace()
    metrics = [metric(lists, nothing, nothing, objects) for metric in parse_metrics([NAMES[name] for name in names])]
    values = {metric.name(): metric.eval() for metric in metrics}
    return {name: values[NAMES[name]] for name in names}


measure(__version__, set(NAMES), make, evaluate)
