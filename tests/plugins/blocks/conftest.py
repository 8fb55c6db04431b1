"""RecBole's own modules, to compare ours with; its configuration, data and training classes stay out of it."""

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace

import pytest
import torch

NAMES = {
    "USER_ID_FIELD": "user",
    "ITEM_ID_FIELD": "item",
    "ITEM_LIST_LENGTH_FIELD": "length",
    "LIST_SUFFIX": "_list",
    "NEG_PREFIX": "neg_",
    "MAX_ITEM_LIST_LENGTH": 50,
    "loss_type": "CE",
    "device": "cpu",
}


@pytest.fixture
def recbole_model() -> Callable[..., torch.nn.Module]:
    """`recbole_model("GRU4Rec", n_items=9, ...)`: the module, with its weights drawn from a fixed seed."""
    models = "recbole.model.sequential_recommender"
    anomalies = torch.is_anomaly_enabled()
    pytest.importorskip(models, reason="recbole is not importable here", exc_type=ImportError)
    torch.autograd.set_detect_anomaly(anomalies)  # the import switches it on

    def build(name: str, n_items: int, **config: object) -> torch.nn.Module:
        dataset = SimpleNamespace(num=lambda field: n_items + 1)  # its item 0 is padding
        with torch.random.fork_rng():
            torch.manual_seed(5)
            model = getattr(import_module(models), name)(NAMES | config, dataset)
        return model.eval()

    return build
