"""ranx: arrays to Qrels and Run, then evaluate."""

from importlib.metadata import version
from typing import Any

from ranx import Qrels, Run
from ranx import evaluate as ranx_evaluate
from timing import measure

NAMES = {"HR": "hit_rate", "NDCG": "ndcg", "MRR": "mrr"}


def make(arrays: dict[str, Any], k: int, names: list[str]) -> tuple[Qrels, Run, int, list[str]]:
    """Judgements and lists, with scores that fall by rank."""
    relevant: dict[str, dict[str, int]] = {}
    for user, item in zip(arrays["relevant_users"].tolist(), arrays["relevant_items"].tolist(), strict=True):
        relevant.setdefault(str(user), {})[str(item)] = 1
    scores = [float(k - rank) for rank in range(k)]
    rows = enumerate(arrays["lists"].tolist())
    lists = {str(user): dict(zip(map(str, items), scores, strict=True)) for user, items in rows}
    return Qrels.from_dict(relevant), Run.from_dict(lists), k, names


def evaluate(made: tuple[Qrels, Run, int, list[str]]) -> dict[str, float]:
    """Values by name."""
    qrels, run, k, names = made
    values = ranx_evaluate(qrels, run, [f"{NAMES[name]}@{k}" for name in names])
    return {name: values[f"{NAMES[name]}@{k}"] for name in names}


measure(version("ranx"), set(NAMES), make, evaluate)
