"""How far ties leave a number open, and how it moves with the target's place in a prompt."""

import math

import numpy as np
import pytest

from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.data.training import Queries
from llmrec_bench.execute.measure import accuracy_by_place, target_places, tie_bounds
from llmrec_bench.metrics.accuracy import HR, NDCG
from llmrec_bench.metrics.coverage import Gini
from llmrec_bench.metrics.rankings import UNRANKED, Popularity, Rankings, Ranks


def rankings(above: list[int], tied: list[int]) -> Rankings:
    n = len(above)
    ranks = Ranks(
        queries=np.arange(n),
        items=np.zeros(n, dtype=np.int32),
        above=np.array(above),
        tied=np.array(tied),
        gains=np.ones(n),
    )
    lists = np.tile(np.arange(4, dtype=np.int32), (n, 1))
    return Rankings(ranks, lists, np.full(n, 4), Popularity(np.ones(4, dtype=np.int64), 4))


def test_bounds_worked_by_hand() -> None:
    # Ranks: 1; 2 to 4; none.
    found = tie_bounds(rankings([0, 1, UNRANKED], [1, 3, 1]), {"HR": HR, "NDCG": NDCG, "Gini": Gini}, (1, 2, 4))
    assert found.keys() == {"HR@2", "NDCG@2", "NDCG@4"}  # a list does not change, and rank 1 to 1 is no span
    assert found["HR@2"] == (1 / 3, 2 / 3)
    assert found["NDCG@4"] == pytest.approx(((1 + 1 / math.log2(5)) / 3, (1 + 1 / math.log2(3)) / 3))


def test_no_ties_leave_nothing_open() -> None:
    assert tie_bounds(rankings([0, 2], [1, 1]), {"HR": HR}, (1, 4)) == {}


def test_the_place_of_a_target_is_that_of_its_column() -> None:
    candidates = np.array([[5, 3, 9], [3, 5, PAD], [7, 8, 9]], dtype=np.int32)
    queries = Queries(
        np.arange(3, dtype=np.int32), Sequences(np.zeros(4, dtype=np.int64), candidates[0][:0]), None, candidates
    )
    targets = Sequences(np.array([0, 1, 3, 4]), np.array([9, 5, 3, 4], dtype=np.int32))
    places = np.array([[2, 0, 1], [1, 0, -1], [0, 1, 2]])
    assert target_places(places, queries, targets).tolist() == [
        1,
        1,
        0,
        -1,
    ]  # several in ascending order, as in `Ranks`
    whole = Queries(queries.users[:1], Sequences(np.array([0, 0]), candidates[0][:0]), None, None)
    assert target_places(
        np.array([[-1, 4, 2]]), whole, Sequences(np.array([0, 1]), np.array([2], np.int32))
    ).tolist() == [2]


def test_accuracy_by_place_worked_by_hand() -> None:
    found = rankings([0] * 6, [1] * 6)
    values = np.array([1.0, 0.0, 1.0, 1.0, 0.5, 0.25])
    told = accuracy_by_place(np.array([0, 1, 7, 6, -1, 4]), found, "HR@1", values)
    assert told == (
        "HR@1 by the target's place in the first prompt: "
        "0.5000 at 1 to 2 (2), 0.2500 at 5 to 6 (1), 1.0000 at 7 to 8 (2)"
    )
    assert accuracy_by_place(np.full(6, -1), found, "HR@1", values) is None
