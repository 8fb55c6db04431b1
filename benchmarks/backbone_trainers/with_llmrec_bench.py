"""Our backbones, one process for one measurement.

    python with_llmrec_bench.py REQUEST    # JSON; prints JSON as the last line

`task` is `pass`: CPU and wall seconds of each pass after a first one, which is not timed; or `converge`: a fit with
early stopping, with the seconds at the end of every epoch, validation included, and NDCG@10 of validation and test.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from movielens import MovieLens, load
from timed_fit import never_validate, timed_fit

from llmrec_bench import Queries, Scores


def measure_passes(data: MovieLens, request: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each pass over the training positions."""
    options = {**request["options"], "epochs": request["passes"] + 1, "patience": None}
    _, course = timed_fit(request["model"], options, data.training(), request["seed"], never_validate)
    positions = int(np.maximum(data.parts.train.lengths - 1, 0).sum())
    return {"positions": positions, "cpu": np.diff(course.cpu).tolist(), "wall": np.diff(course.wall).tolist()}


def converge(data: MovieLens, request: dict[str, Any]) -> dict[str, Any]:
    """The course of a fit with early stopping, and NDCG@10 of the weights kept."""
    values = []

    def validate(score: Callable[[Queries], Scores], metric: str) -> float:
        values.append(data.ndcg(score, "validation"))
        return values[-1]

    method, course = timed_fit(request["model"], request["options"], data.training(), request["seed"], validate)
    ndcg = {part: data.ndcg(method.score, part) for part in ("validation", "test")}
    return {"cpu": course.cpu, "wall": course.wall, "values": values, "best": int(np.argmax(values)), **ndcg}


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    outcome = {"pass": measure_passes, "converge": converge}[request["task"]](load(), request)
    print(json.dumps({"version": "llmrec_bench", "torch": torch.__version__, **outcome}))
