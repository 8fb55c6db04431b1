"""P5 as a method: it learns, asks as told, ranks the same however it is asked, and explains."""

import numpy as np
import pandas as pd
import pydantic
import pytest
import torch

from llmrec_bench import PAD, BenchError
from llmrec_bench_plugins.rdrec.p5 import P5

TINY = {"kind": "from-scratch", "width": 16, "layers": 1, "heads": 2, "feed_forward": 16}
ONCE = {"sequential": 1, "sequential_choice": 1, "sequential_yes_no": 1, "top_n": 1, "top_n_yes_no": 1}
SMALL = {"trunk": TINY, "epochs": 2, "batch_size": 16, "negatives": 3, "beams": 10, "ratio": ONCE}
ALONE = {"sequential_choice": 0, "sequential_yes_no": 0, "top_n": 0, "top_n_yes_no": 0}


def fitted(train, run, **config):
    method = P5(P5.Config(**SMALL | config))
    method.fit(train, run)
    return method


def asked_as(method, **config):
    """The fitted method with other options of asking."""
    method.config = P5.Config(**method.config.model_dump() | config)
    return method


def read(method, queries, task="sequential") -> list[str]:
    """What the encoder is given, as text."""
    tokens = method.asked(queries, task).tokens
    return method._writer.ids.tokenizer.batch_decode(tokens, skip_special_tokens=True)


@pytest.fixture(scope="module")
def rows():
    """Every sequence walks 0, 1, ..., 9, 0, ... from its own start."""
    return [[(start + step) % 10 for step in range(length)] for start in range(10) for length in (3, 5, 9)]


@pytest.fixture
def cycle(make_training, rows):
    return make_training(rows, n_items=10, targets=[(row[-1] + 1) % 10 for row in rows])


@pytest.mark.parametrize("wording", ["seen", "held_out"])
def test_it_learns_to_walk_a_cycle(cycle, rows, make_queries, make_run, wording):
    """The next item leads in at least 12 of 30 lists, where chance has 3, in a wording that it never saw too."""
    trunk = {**TINY, "width": 64, "heads": 4, "feed_forward": 64, "dropout": 0.0}
    options = {"trunk": trunk, "epochs": 12, "patience": None, "ratio": {**ALONE, "sequential": 10}, "write_seen": True}
    method = fitted(cycle, make_run(cycle), **options, asked_with=wording)
    best = method.score(make_queries(rows)).argmax(axis=1)
    assert np.sum(best == [(row[-1] + 1) % 10 for row in rows]) >= 12
