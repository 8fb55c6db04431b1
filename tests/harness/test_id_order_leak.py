"""A rule that only reads item numbers scores on published ids what the reference says, and nothing once shuffled."""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench.data.training import Queries
from llmrec_bench.evaluate import rank
from llmrec_bench.metrics.rankings import Popularity
from llmrec_bench.protocol import Protocol

SHARED = Path(os.environ.get("LLMREC_BENCH_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
REFERENCE = SHARED.parent / "reference" / "derived" / "id_order_leak_rule.csv"
NAMES = {"p5-beauty": "Beauty", "p5-sports": "Sports"}


def read(folder: str) -> Sequences:
    path = SHARED / folder / "sequential.txt.gz"
    if not path.exists():
        pytest.skip(f"{folder} is not under LLMREC_BENCH_DATA")
    with gzip.open(path, "rt") as file:
        rows = [np.array(line.split()[1:], dtype=np.int32) - 1 for line in file]
    return Sequences(np.cumsum([0, *map(len, rows)]), np.concatenate(rows))


def measure(sequences: Sequences, start: str) -> dict[str, float]:
    """HR and NDCG of recommending the numbers that follow the largest (or the last) number of the history."""
    parts = split(sequences, LeaveOneOut())
    n_items = int(sequences.items.max()) + 1
    numbers = np.arange(n_items, dtype=np.float32)

    def score(queries: Queries) -> npt.NDArray[np.float32]:
        histories = queries.histories
        if start == "last_id":
            known = histories.items[histories.offsets[1:] - 1]
        else:
            known = np.maximum.reduceat(histories.items, histories.offsets[:-1])
        return np.where(numbers > known[:, None], -numbers, np.nan).astype(np.float32)

    popularity = Popularity(np.zeros(n_items, dtype=np.int64), len(sequences))
    protocol = Protocol(cutoffs=(1, 5, 10))
    ranks = rank(score, parts.test, parts.test_targets, protocol, popularity, 0, "item-id rule").ranks
    assert set(ranks.tied) == {1}
    place = ranks.above + 1.0
    found = {f"HR@{k}": (place <= k).mean() for k in (1, 5, 10)}
    return found | {f"NDCG@{k}": ((place <= k) / np.log2(place + 1)).mean() for k in (5, 10)}


@pytest.mark.data
@pytest.mark.parametrize("start", ["max_id", "last_id"])
@pytest.mark.parametrize("folder", NAMES)
def test_the_rule_scores_what_the_reference_says(folder: str, start: str) -> None:
    found = measure(read(folder), start)
    if not REFERENCE.exists():
        pytest.skip("the reference values are not beside LLMREC_BENCH_DATA")
    with REFERENCE.open() as file:
        expected = {
            row["metric"]: float(row["mean"])
            for row in csv.DictReader(file)
            if row["table"] == "leak" and row["dataset"] == NAMES[folder]
            if row["method"] == f"rule[{start}+j, seen items skipped]"
        }
    assert len(expected) == 5
    assert {metric: round(float(value), 4) for metric, value in found.items()} == expected


@pytest.mark.data
@pytest.mark.parametrize("folder", NAMES)
def test_the_rule_scores_nothing_after_shuffling(folder: str) -> None:
    sequences = read(folder)
    numbers = np.random.default_rng(0).permutation(int(sequences.items.max()) + 1).astype(np.int32)
    assert measure(Sequences(sequences.offsets, numbers[sequences.items]), "max_id")["HR@1"] < 0.0003
