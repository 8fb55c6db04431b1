"""Our backbones through their public `fit`, with the clocks read at the end of every epoch."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
import pandas as pd

from llmrec_bench import Method, Queries, Run, Scores, TrainingData, load_catalog

Validate = Callable[[Callable[[Queries], Scores], str], float]


@dataclass
class Course:
    """Seconds since the start, of this process's CPU (all threads) and of the wall, at the end of each epoch."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def timed_fit(
    model: str, options: dict[str, object], training: TrainingData, seed: int, validate: Validate
) -> tuple[Method, Course]:
    """The fitted method and its course; between two ends of epochs lies one epoch and, if asked for, validation."""
    kind = load_catalog().methods[model]
    method = kind(kind.Config.model_validate(options))
    course = Course()
    begun = time.process_time(), time.perf_counter()

    def log(line: str) -> None:
        if line.startswith("epoch"):
            course.cpu.append(time.process_time() - begun[0])
            course.wall.append(time.perf_counter() - begun[1])

    nobody = pd.Index([])
    run = Run(seed, np.random.default_rng(seed), "cpu", validate, log, nothing_to_lend, nothing_to_lend, nobody)
    method.fit(training, run)
    return method, course


def nothing_to_lend(wanted: object) -> NoReturn:
    """For methods without stages and language models."""
    raise AssertionError(f"a plain backbone asked for {wanted}")


def never_validate(score: Callable[[Queries], Scores], metric: str) -> float:
    """For fits without early stopping."""
    raise AssertionError("a fit without early stopping has nothing to validate")
