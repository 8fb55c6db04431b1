"""RecBole's own pipeline: its Config, SequentialDataset, data loaders and Trainer, one process for one measurement.

    python with_recbole.py REQUEST    # JSON; prints JSON as the last line

`task` is `pass`: CPU and wall seconds of `Trainer._train_epoch`; or `converge`: `Trainer.fit` to its own early stopping
(or `minutes`), then the best epoch's scores for every user's validation and test query in the file `scores`.
Needs recbole and torch alone.
"""

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
request = json.loads(sys.argv[1])
del sys.argv[1:]  # RecBole's Config reads the command line

import numpy as np  # noqa: E402
import torch  # noqa: E402
from recbole import __version__  # noqa: E402
from recbole.config import Config  # noqa: E402
from recbole.data import create_dataset, data_preparation  # noqa: E402
from recbole.utils import get_model, get_trainer, init_seed  # noqa: E402

NAMES = {"sasrec": "SASRec", "gru4rec": "GRU4Rec", "srgnn": "SRGNN"}


class OutOfTime(Exception):
    """The minutes given are over."""


def prepare() -> tuple[Any, Any, Any, Any, Any]:
    """Dataset, its three loaders, and a trainer for a fresh model; everything not asked for is RecBole's default."""
    folder = Path(request["folder"])
    options = {
        "data_path": str(folder),
        "checkpoint_dir": str(folder / "saved"),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
        "train_neg_sample_args": None,  # cross-entropy needs no negatives
        "topk": 10,
        "metrics": ["NDCG"],
        "valid_metric": "NDCG@10",
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
        "seed": request["seed"],
        **request["options"],
    }
    config = Config(model=NAMES[request["model"]], dataset="movielens", config_dict=options)
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    train, valid, test = data_preparation(config, dataset)
    model = get_model(config["model"])(config, train.dataset)
    return dataset, train, valid, test, get_trainer(config["MODEL_TYPE"], config["model"])(config, model)


def measure_passes() -> dict[str, Any]:
    """Seconds of each pass over the training positions."""
    _, train, _, _, trainer = prepare()
    cpu, wall = [], []
    for number in range(request["passes"]):
        begun, begun_wall = time.process_time(), time.perf_counter()
        trainer._train_epoch(train, number)
        cpu.append(time.process_time() - begun)
        wall.append(time.perf_counter() - begun_wall)
    return {"cpu": cpu, "wall": wall, "positions": len(train.dataset)}


def converge() -> dict[str, Any]:
    """CPU and wall seconds at the end of every epoch, its own evaluation included, and which epoch was best."""
    dataset, train, valid, test, trainer = prepare()
    cpu, wall, values = [], [], []
    begun, begun_wall = time.process_time(), time.perf_counter()

    def note(epoch: int, value: float) -> None:
        cpu.append(time.process_time() - begun)
        wall.append(time.perf_counter() - begun_wall)
        values.append(value)
        print(f"RecBole {request['model']} epoch {epoch + 1}: {value:.4f}, {wall[-1]:.0f} s", file=sys.stderr)
        if wall[-1] > 60 * request["minutes"]:
            raise OutOfTime

    converged = True
    try:
        trainer.fit(train, valid, verbose=False, callback_fn=note)
    except OutOfTime:
        converged = False
    trainer.model.load_state_dict(torch.load(trainer.saved_model_file, weights_only=False)["state_dict"])
    np.savez(
        request["scores"], validation=scores(trainer.model, dataset, valid), test=scores(trainer.model, dataset, test)
    )
    return {"cpu": cpu, "wall": wall, "values": values, "best": int(np.argmax(values)), "converged": converged}


def scores(model: Any, dataset: Any, loader: Any) -> np.ndarray:
    """float32 (users, items) in the order of the tokens, which are codes from 0."""
    model.eval()
    by_item = np.argsort(dataset.field2id_token["item_id"][1:].astype(np.int64)) + 1  # id 0 is padding
    users = dataset.field2id_token["user_id"]
    rows = np.full((len(users) - 1, len(by_item)), np.nan, dtype=np.float32)
    with torch.no_grad():
        for batch in loader:
            own = users[batch[0]["user_id"].numpy()].astype(np.int64)
            rows[own] = model.full_sort_predict(batch[0]).numpy()[:, by_item]
    return rows


torch.set_num_threads(request["threads"])
os.chdir(request["folder"])  # RecBole writes logs where it stands
outcome = {"pass": measure_passes, "converge": converge}[request["task"]]()
print(json.dumps({"version": f"recbole {__version__}", "torch": torch.__version__, **outcome}))
