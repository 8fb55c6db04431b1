"""RecBole's Evaluator. Its usual input is a score matrix; here it is spared that and handed its hit matrix."""

import os
import warnings
from typing import Any

os.environ.setdefault("RAY_DISABLE_IMPORT_WARNING", "1")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402

if not hasattr(np, "float"):
    np.float = float  # type: ignore[attr-defined]  # the release uses the name that numpy 1.24 removed

import torch  # noqa: E402
from recbole import __version__  # noqa: E402
from recbole.evaluator import Evaluator  # noqa: E402
from recbole.evaluator.collector import DataStruct  # noqa: E402
from timing import measure  # noqa: E402

torch.set_num_threads(1)
NAMES = {"HR": "hit", "NDCG": "ndcg", "MRR": "mrr"}


def make(arrays: dict[str, Any], k: int, names: list[str]) -> tuple[Evaluator, DataStruct, int, list[str]]:
    """The evaluator, and its `rec.topk`: one row a user, hits by rank and the number of relevant items."""
    lists, users = arrays["lists"], arrays["relevant_users"]
    topk = np.zeros((len(lists), k + 1), dtype=np.int64)
    place = lists[users] == arrays["relevant_items"][:, None]
    row, rank = np.nonzero(place)
    topk[users[row], rank] = 1
    topk[:, k] = np.bincount(users, minlength=len(lists))
    data = DataStruct()
    data.set("rec.topk", torch.from_numpy(topk))
    config = {"metrics": [NAMES[name] for name in names], "topk": [k], "metric_decimal_place": 15}
    return Evaluator(config), data, k, names


def evaluate(made: tuple[Evaluator, DataStruct, int, list[str]]) -> dict[str, float]:
    """Values by name."""
    evaluator, data, k, names = made
    values = evaluator.evaluate(data)
    return {name: values[f"{NAMES[name]}@{k}"] for name in names}


measure(__version__, set(NAMES), make, evaluate)
