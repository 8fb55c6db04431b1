"""Our SASRec's training and the plain modules of `sasrec_port`, in turn, over the same sequences.

    python training_step.py REQUEST    # JSON; prints JSON as the last line

The peer's batches and negatives are made beforehand, as its port makes them in another process; ours are timed with
the rest. Both see each user's latest `LENGTH` transitions once a pass.
"""

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from movielens import load
from sasrec_port import PlainSASRec, train_step
from timed_fit import never_validate, timed_fit
from torch import Tensor

from llmrec_bench import Queries, Sequences, TrainingData
from llmrec_bench.data.dataset import Preparation, load_dataset
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench_plugins.datasets.sequence_table import SequenceTable

LENGTH, WIDTH, BLOCKS, HEADS, DROPOUT, USERS = 200, 50, 2, 1, 0.2, 128
MOVIELENS_1M_ITEMS = 3416


def movielens_1m(users: int) -> tuple[Sequences, int] | None:
    """Training rows of users drawn at random, or None where the file is not under LLMREC_BENCH_DATA."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    path = Path(os.environ.get("LLMREC_BENCH_DATA", default)) / "ml-1m" / "sequences.tsv.gz"
    if not path.exists():
        return None
    dataset = load_dataset("ml-1m", SequenceTable(path=path), Preparation())
    training = split(dataset.sequences, LeaveOneOut()).train
    return latest(training.take(np.random.default_rng(1).permutation(len(training))), users), len(dataset.items)


def movielens_100k(users: int) -> tuple[Sequences, int]:
    """Training rows of the first users."""
    data = load()
    return latest(data.parts.train, users), len(data.items)


def full_rows(users: int) -> tuple[Sequences, int]:
    """Made-up users without any padding: nothing to be saved on short rows."""
    items = np.random.default_rng(1).integers(0, MOVIELENS_1M_ITEMS, users * (LENGTH + 1), dtype=np.int32)
    return Sequences(np.arange(users + 1) * (LENGTH + 1), items), MOVIELENS_1M_ITEMS


def latest(sequences: Sequences, users: int) -> Sequences:
    """The latest LENGTH + 1 items of the first users."""
    first = sequences.take(np.arange(min(users, len(sequences))))
    from_end = np.repeat(first.offsets[1:], first.lengths) - np.arange(len(first.items))
    return first.keep(from_end <= LENGTH + 1)


def plain_batches(sequences: Sequences, n_items: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Users in random order, 128 a batch: inputs, positives and negatives (128, 200), padded on the left."""
    rng = np.random.default_rng(2)
    padded = torch.from_numpy(sequences.last(LENGTH + 1).astype(np.int64) + 1)
    negatives = torch.from_numpy(rng.integers(1, n_items + 1, (len(sequences), LENGTH)))
    batches = np.array_split(rng.permutation(len(sequences)), range(USERS, len(sequences), USERS))
    return [(padded[rows, :-1], padded[rows, 1:], negatives[rows]) for rows in batches]


def time_passes(sequences: Sequences, n_items: int, repeats: int) -> dict[str, Any]:
    """CPU and wall seconds a step of 128 users, from passes of each in turn, after one of each that is not timed."""
    torch.manual_seed(1)
    model = PlainSASRec(n_items, LENGTH, WIDTH, BLOCKS, HEADS, DROPOUT)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, betas=(0.9, 0.98))
    batches = plain_batches(sequences, n_items)
    positions = int((sequences.lengths - 1).sum())
    options = {
        **{"width": WIDTH, "blocks": BLOCKS, "heads": HEADS, "dropout": DROPOUT, "history_length": LENGTH},
        **{"loss": "bce", "epochs": 2, "patience": None, "batch_size": math.ceil(positions / len(batches))},
    }
    nothing = Sequences(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32))
    training = TrainingData(
        sequences, pd.DataFrame(index=range(n_items)), Queries(nothing.items, nothing, None, None), nothing, ""
    )

    def plain() -> tuple[float, float]:
        begun = time.process_time(), time.perf_counter()
        for batch in batches:
            train_step(model, optimizer, *batch)
        return time.process_time() - begun[0], time.perf_counter() - begun[1]

    def ours() -> tuple[float, float]:
        _, course = timed_fit("sasrec", options, training, 1, never_validate)
        return course.cpu[1] - course.cpu[0], course.wall[1] - course.wall[0]

    plain()
    passes = [(plain(), ours()) for _ in range(repeats)]
    steps = {
        name: (np.array([timed[place] for timed in passes]) / len(batches)).tolist()
        for place, name in enumerate(("plain", "ours"))
    }
    return {**steps, "users": len(sequences), "positions": positions, "batches": len(batches)}


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    shapes = {"MovieLens-1M": movielens_1m, "MovieLens-100K": movielens_100k, "all rows full": full_rows}
    made = {name: make(request["users"]) for name, make in shapes.items()}
    print(json.dumps({name: data and time_passes(*data, request["repeats"]) for name, data in made.items()}))
