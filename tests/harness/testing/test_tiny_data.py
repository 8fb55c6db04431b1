"""The kit's own data and tools do what the checks count on."""

import multiprocessing
import os
import pickle
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench import PAD
from llmrec_bench.testing import TinyData, drawn_rankings, tiny_split
from llmrec_bench.testing.fresh_process import import_report, in_another_process
from llmrec_bench.testing.interruption import interrupted, lines_run, stops

sys.path.insert(0, str(Path(__file__).parent))

from broken_methods import Sound


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_swapped_targets_are_all_that_differs(seed: int) -> None:
    honest, swapped = tiny_split(TinyData(seed=seed)), tiny_split(TinyData(seed=seed, swapped=True))
    for name in ("train", "validation", "validation_targets", "test"):
        assert pickle.dumps(getattr(honest.split, name)) == pickle.dumps(getattr(swapped.split, name)), name
    assert honest.training.fingerprint == swapped.training.fingerprint
    targets, others = honest.split.test_targets.items, swapped.split.test_targets.items
    assert sorted(targets) == sorted(others)
    assert (targets != others).mean() > 0.5


def test_another_seed_has_other_interactions_with_the_same_items() -> None:
    """Whatever a stage builds otherwise of it, it has from the interactions."""
    first, second = tiny_split(), tiny_split(TinyData(seed=1))
    assert first.training.items.equals(second.training.items)
    assert first.training.fingerprint != second.training.fingerprint


def test_it_is_crooked() -> None:
    data = tiny_split()
    assert (data.dataset.n_users, data.dataset.n_items) == (40, 30)
    assert len(data.queries) == 38
    assert data.dataset.simulated
    assert (data.training.item_counts() == 0).sum() >= 4  # cold
    assert (data.training.sequences.lengths == 1).any()
    assert (data.training.items["title"] == "").sum() == 1
    assert data.queries.candidates is not None
    assert (data.queries.candidates == PAD).any()
    sequences = data.dataset.sequences
    assert sequences.times is not None
    assert (np.diff(sequences.times) == 0).any()
    assert len(sequences.pairs(30)) < len(sequences.items)  # somebody comes back to an item
    assert data.training.reviews is not None
    assert 0 < len(data.training.reviews) < len(data.training.sequences.items)  # some reviews are blank
    assert data.training.reviews["text"].str.len().min() > 1


def test_the_rankings_hold_together() -> None:
    rankings = drawn_rankings(3)
    placed = rankings.ranks.above < 8
    found = [item in row for item, row in zip(rankings.ranks.items, rankings.lists, strict=True)]
    assert placed.tolist() == found
    assert [rankings.lists[i, rankings.ranks.above[i]] for i in np.flatnonzero(placed)] == list(
        rankings.ranks.items[placed]
    )


class Steps:
    """Notes each of its lines."""

    def __init__(self) -> None:
        self.noted: list[int] = []

    def __call__(self) -> None:
        self.noted.append(1)
        self.noted.append(2)
        self.noted.extend(sorted([3]))
        self.noted.append(4)

    def swallow(self) -> Iterator[int]:
        try:
            self()
        except KeyboardInterrupt:
            yield 0


@pytest.mark.parametrize("line", [1, 2, 3, 4])
def test_a_stop_comes_before_its_line(line: int) -> None:
    steps = Steps()
    assert lines_run(Steps(), Steps) == 4
    assert interrupted(steps, Steps, line)
    assert steps.noted == [1, 2, 3, 4][: line - 1]


def test_a_short_call_is_stopped_at_each_line_and_a_long_one_at_a_few() -> None:
    assert [stops(lines) for lines in (0, 1, 3)] == [[], [1], [1, 2, 3]]
    assert stops(15) == list(range(1, 16))
    assert stops(101) == [1, 26, 51, 76, 101]


def test_a_stop_that_is_never_reached_or_is_swallowed_is_told() -> None:
    assert not interrupted(Steps(), Steps, 5)
    assert not interrupted(lambda: list(Steps().swallow()), Steps, 6)


def test_ctrl_c_of_a_person_is_not_taken_for_a_stop() -> None:
    def person() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(person, Steps, 100)


def test_another_process_is_another_one() -> None:
    assert in_another_process(_process) != _process()
    assert in_another_process(_name, Sound) == "sound"


def test_a_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    hung = in_another_process(os.getpid)
    with monkeypatch.context() as patched:
        patched.setattr("llmrec_bench.testing.fresh_process._SECONDS", 1)
        with pytest.raises(TimeoutError, match="came to no end within 1 seconds"):
            in_another_process(time.sleep, 600)
    for child in multiprocessing.active_children():
        if child.pid == hung:
            child.join(10)
    assert hung not in {child.pid for child in multiprocessing.active_children()}
    assert in_another_process(os.getpid) != hung


def _process() -> int:
    return os.getpid()


def _name(kind: type[Sound]) -> str:
    return kind.name


def test_a_module_that_cannot_be_imported_elsewhere_says_why() -> None:
    assert import_report("no_such_module").fault == "ModuleNotFoundError: No module named 'no_such_module'"
