"""When item numbers are said to follow the order of the data."""

import numpy as np
import pytest

from llmrec_bench.data.dataset import Preparation, load_dataset
from llmrec_bench_plugins.datasets.p5 import P5
from llmrec_bench_plugins.rdrec.number_order import number_order


def test_a_walk_by_number_is_measured(make_sequences):
    """Of 9 steps 6 go to the next number; a step from one user to the next user's first item is none."""
    rows = [[10, 11, 12, 40], [13, 14, 15, 41], [16, 17, 18, 50]]
    told = number_order(make_sequences([*rows, [19], []]), 100)
    assert told is not None
    assert "66.7% of 9 training steps go to the next number" in told
    assert "`item_id_order: shuffled(SEED)`" in told


@pytest.mark.parametrize("rows", [[], [[]], [[3], [4]], [[0, 0, 0]], [[1, 0]]])
def test_nothing_to_see(rows, make_sequences):
    assert number_order(make_sequences(rows), 5) is None


def test_random_numbers_are_not_remarked_on(make_sequences):
    rng = np.random.default_rng(0)
    told = [number_order(make_sequences(rng.integers(0, 50, (40, 8)).tolist()), 50) for _ in range(20)]
    assert told == [None] * 20


def test_a_file_numbered_by_first_appearance_and_the_same_shuffled(tmp_path):
    """Users of random items, which are numbered when they first appear."""
    rng = np.random.default_rng(1)
    names: dict[int, int] = {}
    lines = []
    for user in range(60):
        items = [names.setdefault(int(item), len(names) + 1) for item in rng.choice(400, size=7, replace=False)]
        lines.append(" ".join(map(str, [user + 1, *items])))
    (tmp_path / "sequential.txt").write_text("\n".join([*lines, ""]))
    source = P5(path=tmp_path / "sequential.txt")
    told = {
        order: number_order(dataset.sequences, dataset.n_items)
        for order in ("published", "shuffled(1)", "shuffled(2)")
        for dataset in [load_dataset("file", source, Preparation(item_id_order=order))]
    }
    assert told["published"] is not None
    assert told["shuffled(1)"] is told["shuffled(2)"] is None
