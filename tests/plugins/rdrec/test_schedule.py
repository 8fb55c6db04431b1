"""Batches by ratio, worked by hand, and passes that leave nobody out."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from llmrec_bench_plugins.rdrec.schedule import Passes, epoch_plan, pooled_plan, shares


def test_tasks_take_turns_by_their_ratio():
    """50 users in batches of 10: 5 batches of a, 3 turns of 2 batches; b goes along."""
    plan = list(epoch_plan({"a": 2, "b": 1}, {"a": 50, "b": 20}, 10, "alternating", "tasks"))
    assert plan == [{"a": 10}, {"a": 10}, {"b": 10}] * 3


def test_every_mixed_batch_is_shared_by_the_ratio():
    plan = list(epoch_plan({"a": 3, "b": 1}, {"a": 50, "b": 20}, 8, "mixed", "tasks"))
    assert plan == [{"a": 6, "b": 2}] * 10


def test_a_pool_is_gone_over_as_often_as_the_ratio_says():
    """2 x 10 of a and 3 x 4 of b, in batches of 6: five of 6 and one of 2, mixed at random."""
    plan = list(pooled_plan({"a": 2, "b": 3}, {"a": 10, "b": 4}, 6, np.random.default_rng(1)))
    assert [sum(counts.values()) for counts in plan] == [6, 6, 6, 6, 6, 2]
    assert sum(map(Counter, plan), Counter()) == {"a": 20, "b": 12}
    drawn = np.random.default_rng(2)
    firsts = Counter(next(pooled_plan({"a": 2, "b": 3}, {"a": 10, "b": 4}, 2, drawn)).get("b", 0) for _ in range(2000))
    # Two of 20 + 12 without repeats: no b with 20/32 x 19/31, two with 12/32 x 11/31.
    none, both = 380 / 992, 132 / 992
    expected = [2000 * none, 2000 * (1 - none - both), 2000 * both]
    assert chisquare([firsts[0], firsts[1], firsts[2]], expected).pvalue > 1e-3


@pytest.mark.parametrize(
    ("ratio", "size", "expected"),
    [
        ({"a": 1, "b": 1}, 64, {"a": 32, "b": 32}),
        ({"a": 1, "b": 1, "c": 1}, 64, {"a": 22, "b": 21, "c": 21}),
        ({"a": 1, "b": 3}, 6, {"a": 2, "b": 4}),  # 1.5 and 4.5
        ({"a": 9, "b": 1}, 2, {"a": 1, "b": 1}),  # at least one each
        ({"a": 5}, 7, {"a": 7}),
    ],
)
def test_shares_of_a_batch(ratio, size, expected):
    assert shares(ratio, size) == expected


@given(st.integers(1, 12), st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 99))
def test_passes_leave_nobody_out_and_take_nobody_twice(n, counts, seed):
    sources = np.arange(n, dtype=np.int64) * 10
    passes = Passes(sources, np.random.default_rng(seed))
    taken = np.concatenate([passes.take(count) for count in counts])
    assert len(taken) == sum(counts)
    for start in range(0, len(taken) - n + 1, n):
        assert sorted(taken[start : start + n]) == sources.tolist()
    assert max(Counter(taken.tolist()).values()) <= -(-len(taken) // n)


@pytest.mark.parametrize(
    ("batching", "size", "epoch_by", "expected"),
    [
        # 35 reviews in fours of 10; 100 of b in five turns of 20; 4 + 10 batches hold them all; 3 turns use them up.
        ("alternating", 10, "tasks", "ebb" * 5),
        ("alternating", 10, "examples", "ebb" * 4 + "eb"),
        ("alternating", 10, "explanation", "ebb" * 3),
        # 3 reviews and 6 of b in each batch.
        ("mixed", 9, "tasks", "m" * 17),
        ("mixed", 9, "examples", "m" * (4 + 12)),
        ("mixed", 9, "explanation", "m" * 11),
    ],
)
def test_what_an_epoch_is_counted_by(batching, size, epoch_by, expected):
    batches = {"e": {"explanation": 10}, "b": {"b": 10}, "m": {"explanation": 3, "b": 6}}
    plan = list(epoch_plan({"explanation": 1, "b": 2}, {"explanation": 35, "b": 100}, size, batching, epoch_by))
    assert plan == [batches[letter] for letter in expected]


def test_an_epoch_by_reviews_has_a_turn_even_where_they_fill_no_share():
    plan = list(epoch_plan({"explanation": 1, "b": 1}, {"explanation": 3, "b": 9}, 64, "mixed", "explanation"))
    assert plan == [{"explanation": 32, "b": 32}]
