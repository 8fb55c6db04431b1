"""ARP, APLT and ACLT by hand."""

import numpy as np
import pytest

from llmrec_bench.metrics.popularity import ACLT, APLT, ARP, long_tail
from llmrec_bench.metrics.rankings import Popularity

from .metric_inputs import plain


@pytest.mark.parametrize(
    ("counts", "tail"),
    [
        ([4, 2, 1, 1, 0], [False, False, False, True, False]),  # 4 + 2 < 6.4, so the head takes item 2 as well
        ([5, 3, 2], [False, False, True]),  # exactly 80 % ends the head
        ([1, 1, 1, 1, 1], [False, False, False, False, True]),  # equal counts: the smaller codes are the head
        ([1, 8, 1], [True, False, True]),
        ([0, 0], [False, False]),
    ],
)
def test_the_tail_starts_after_four_fifths_of_the_interactions(counts: list[int], tail: list[bool]) -> None:
    assert long_tail(Popularity(np.array(counts), n_users=9)).tolist() == tail


def test_hand_worked() -> None:
    rankings = plain([[0, 3, 1], [4], [3]], [[0], [0], [0]])  # item 3 is the tail, item 4 never trained on
    assert ARP().per_query(rankings, 2) == pytest.approx([(4 + 1) / 2, 0, 1])
    assert APLT().per_query(rankings, 2) == pytest.approx([1 / 2, 0, 1])
    assert ACLT().per_query(rankings, 2) == pytest.approx([1, 0, 1])
    assert ARP().overall(rankings, 3) == pytest.approx((7 / 3 + 0 + 1) / 3)


def test_an_empty_list_has_no_mean_but_a_count() -> None:
    rankings = plain([[], [3]], [[0], [0]])
    assert np.isnan(ARP().per_query(rankings, 2)[0])
    assert np.isnan(APLT().per_query(rankings, 2)[0])
    assert ACLT().per_query(rankings, 2)[0] == 0
    assert APLT().overall(rankings, 2) == 1
    assert ACLT().overall(rankings, 2) == 0.5
