"""From lists and relevant items to ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench.data.sequences import PAD
from llmrec_bench.metrics import lists as lists_module
from llmrec_bench.metrics.lists import rank_lists, without_repeats
from llmrec_bench.metrics.popularity import ARP
from llmrec_bench.metrics.rankings import UNRANKED, Popularity

from .metric_inputs import padded, plain, rows


def test_hand_worked() -> None:
    rankings = plain([[3, 1], [], [0]], [[1, 2], [0], []])
    assert rankings.ranks.queries.tolist() == [0, 0, 1]
    assert rankings.ranks.items.tolist() == [1, 2, 0]
    assert rankings.ranks.above.tolist() == [1, UNRANKED, UNRANKED]
    assert rankings.ranks.tied.tolist() == [1, 1, 1]
    assert rankings.list_lengths.tolist() == [2, 0, 1]
    assert rankings.relevant_counts.tolist() == [2, 1, 0]
    assert rankings.offered.tolist() == [5, 5, 5]


def test_repeats_and_gaps_are_closed() -> None:
    given = np.array([[2, 2, 1, 2, 0], [PAD, 3, PAD, 3, 1], [0, 1, 2, 3, 4]], dtype=np.int32)
    assert without_repeats(given).tolist() == [[2, 1, 0, PAD, PAD], [3, 1, PAD, PAD, PAD], [0, 1, 2, 3, 4]]


def test_a_repeated_relevant_item_counts_once_with_its_largest_gain() -> None:
    rankings = plain([[0]], [[3, 0, 3]], gains=[1.0, 2.0, 5.0])
    assert rankings.ranks.items.tolist() == [0, 3]
    assert rankings.ranks.gains.tolist() == [2.0, 5.0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(-1, 5), min_size=4, max_size=4), min_size=1, max_size=5), st.data())
def test_ranks_are_places_in_the_cleaned_list(given: list[list[int]], data: st.DataObject) -> None:
    relevant = [sorted(data.draw(st.sets(st.integers(0, 5), max_size=3))) for _ in given]
    popularity = Popularity(np.ones(6, np.int64), 1)
    rankings = rank_lists(np.array(given, dtype=np.int32), rows(*relevant), popularity)
    entries = iter(zip(rankings.ranks.queries, rankings.ranks.items, rankings.ranks.above, strict=True))
    for query, row in enumerate(given):
        cleaned = list(dict.fromkeys(item for item in row if item != PAD))
        assert rankings.lists[query].tolist() == cleaned + [PAD] * (4 - len(cleaned))
        for item in relevant[query]:
            place = cleaned.index(item) if item in cleaned else UNRANKED
            assert next(entries) == (query, item, place)
    assert next(entries, None) is None


def test_comparing_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    lists = without_repeats(rng.integers(0, 30, (50, 8)).astype(np.int32))
    relevant = rows(*(rng.choice(30, size=3, replace=False) for _ in range(50)))
    popularity = Popularity(np.ones(30, np.int64), 1)
    whole = rank_lists(lists, relevant, popularity)
    monkeypatch.setattr(lists_module, "_BLOCK_ENTRIES", 40)
    assert np.array_equal(rank_lists(lists, relevant, popularity).ranks.above, whole.ranks.above)


@pytest.mark.parametrize(
    ("lists", "relevant", "gains", "message"),
    [
        ([[9]], [[0]], None, r"lists hold codes 9\.\.9; the catalogue has 0\.\.4"),
        ([[-2]], [[0]], None, "lists hold codes -2"),
        ([[0]], [[-1]], None, "relevant items hold codes -1"),
        ([[0]], [[0], [1]], None, "1 lists, but relevant items of 2 queries"),
        ([[0]], [[0]], [1.0, 2.0], "2 gains for 1 relevant items"),
        ([[0]], [[0]], [0.0], "above 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    lists: list[list[int]], relevant: list[list[int]], gains: list[float] | None, message: str
) -> None:
    popularity = Popularity(np.ones(5, np.int64), 1)
    given = None if gains is None else np.array(gains)
    with pytest.raises(ValueError, match=message):
        rank_lists(padded(*lists, width=1), rows(*relevant), popularity, gains=given)


def test_lists_stored_too_short_for_the_cut_off_are_refused() -> None:
    rankings = plain([[0, 1]], [[0]], width=2)
    assert ARP().overall(rankings, 2) == 3.0
    with pytest.raises(ValueError, match="lists of 2 items cannot be cut at 3"):
        ARP().overall(rankings, 3)
