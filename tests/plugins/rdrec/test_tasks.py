"""What is drawn for training: stretches, lists, wordings, each by its distribution."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from llmrec_bench.data.dataset import Preparation, load_dataset
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench_plugins.datasets.synthetic_shop import SyntheticShop
from llmrec_bench_plugins.rdrec.tasks import SequentialTask, TopNTask, items_outside, segment, sequential_prompts
from llmrec_bench_plugins.rdrec.templates import SEQUENTIAL, TOP_N


def items_in(text: str) -> list[int]:
    """Item codes, from a text that may end them with a sign."""
    return [int(word.strip(",.").removeprefix("item_")) - 1 for word in text.split() if word.startswith("item_")]


def test_stretches_of_three_items_have_the_stated_chances():
    """start 0 or 1, each a half; from 0 the end is 1 or 2, from 1 it is 2."""
    rng = np.random.default_rng(0)
    counts = Counter(segment(3, rng) for _ in range(4000))
    assert set(counts) == {(0, 1), (0, 2), (1, 2)}
    assert chisquare([counts[0, 1], counts[0, 2], counts[1, 2]], [1000, 1000, 2000]).pvalue > 1e-3


@given(st.integers(2, 60), st.integers(0, 2**32))
def test_a_stretch_lies_within(n, seed):
    start, end = segment(n, np.random.default_rng(seed))
    assert 0 <= start < end < n


def test_a_sequential_example_is_a_stretch_and_what_follows(make_training):
    train = make_training([list(range(30)), [5], []], n_items=30)
    task = SequentialTask(train, history_length=20)
    assert task.sources.tolist() == [0]
    rng = np.random.default_rng(1)
    for _ in range(200):
        [example] = task.draw(np.array([0]), rng)
        shown, target = items_in(example.source), int(example.target) - 1
        assert "user_1" in example.source
        assert 1 <= len(shown) <= 20
        assert shown == list(range(target - len(shown), target))


def test_the_validation_examples_are_bare_and_about_the_target(make_training):
    train = make_training([[0, 1, 2], [3, 4]], n_items=6, targets=[5, 0])
    assert [(e.source, e.target) for e in SequentialTask(train, 2).validation()] == [
        ("user_1 item_2 item_3", "6"),
        ("user_2 item_4 item_5", "1"),
    ]
    first, second = TopNTask(train, 2, seed=3), TopNTask(train, 2, seed=3)
    assert first.validation() == first.validation() == second.validation()
    for row, (example, target) in enumerate(zip(first.validation(), (5, 0), strict=True)):
        listed = items_in(example.source)
        assert len(set(listed)) == len(listed) == 3
        assert set(listed) & {*train.sequences[row].tolist(), target} == {target}


@given(st.sets(st.integers(0, 19)), st.integers(1, 25), st.integers(0, 2**32))
def test_items_outside_are_different_and_outside(own, count, seed):
    drawn = items_outside(np.array(sorted(own), dtype=np.int32), 20, count, np.random.default_rng(seed)).tolist()
    assert len(drawn) == min(count, 20 - len(own))
    assert len(set(drawn)) == len(drawn)
    assert not own & set(drawn)
    assert all(0 <= item < 20 for item in drawn)


def test_each_item_outside_is_as_likely():
    rng = np.random.default_rng(2)
    own = np.array([0, 3, 3, 4], dtype=np.int32)
    counts = Counter(item for _ in range(3000) for item in items_outside(own, 8, 2, rng).tolist())
    assert set(counts) == {1, 2, 5, 6, 7}
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_a_list_has_one_training_item_at_any_place(make_training):
    train = make_training([[2, 7, 4], []], n_items=12, targets=[9])
    task = TopNTask(train, negatives=3, seed=0)
    assert task.sources.tolist() == [0]
    rng = np.random.default_rng(4)
    places, positives, others = Counter(), Counter(), Counter()
    for example in (task.draw(np.array([0]), rng)[0] for _ in range(2000)):
        listed, positive = items_in(example.source), int(example.target) - 1
        assert set(listed) & {2, 7, 4} == {positive}
        assert len(set(listed)) == 4
        places[listed.index(positive)] += 1
        positives[positive] += 1
        others.update(set(listed) - {positive})
    assert chisquare(list(places.values())).pvalue > 1e-3
    assert len(places) == 4
    assert chisquare(list(positives.values())).pvalue > 1e-3
    assert set(others) == {0, 1, 3, 5, 6, 8, 9, 10, 11}  # the validation target is not known to be one


@pytest.mark.parametrize(("wording", "lines"), [(SEQUENTIAL, 8), (TOP_N, 5)])
def test_each_wording_is_as_likely_the_bare_one_included(wording, lines):
    rng = np.random.default_rng(5)
    counts = Counter(wording.drawn(0, [1], rng) for _ in range(3000))
    assert len(counts) == len(wording.lines) == lines
    assert "user_1 item_2" in counts
    assert chisquare(list(counts.values())).pvalue > 1e-3
    assert "CIKM 2023" in wording.file.source


def test_a_prompt_has_the_latest_items_under_the_code_plus_one(make_queries):
    queries = make_queries([[0, 1, 2], [8]], users=[4, 0])
    assert sequential_prompts(queries, 2) == ["user_5 item_2 item_3", "user_1 item_9"]


def test_shuffled_ids_are_other_numbers_of_the_same_items():
    source = SyntheticShop(users=100, items=200)
    numbers, tokens = {}, {}
    for order in ("published", "shuffled(1)"):
        dataset = load_dataset("shop", source, Preparation(item_id_order=order))
        prompts = sequential_prompts(split(dataset.sequences, LeaveOneOut()).test, 20)
        numbers[order] = [items_in(prompt) for prompt in prompts]
        tokens[order] = [dataset.items["token"].iloc[shown].tolist() for shown in numbers[order]]
    assert tokens["published"] == tokens["shuffled(1)"]
    assert all(ours != theirs for ours, theirs in zip(*numbers.values(), strict=True))
