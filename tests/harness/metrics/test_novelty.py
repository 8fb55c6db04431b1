"""EFD, EPC and their free forms by hand: c = 4, 2, 1, 1, 0 with T = 8 and 8 users, so novelty is in whole bits."""

from math import log2

import numpy as np
import pytest

from llmrec_bench.metrics.novelty import EFD, EPC, EFDFree, EPCFree, free_discovery, popularity_complement

from .metric_inputs import plain

D2 = 1 / log2(3)


def test_novelty_of_items() -> None:
    popularity = plain([[0]], [[0]]).popularity
    assert free_discovery(popularity) == pytest.approx([1, 2, 3, 3, 3])  # item 4 takes the largest
    assert popularity_complement(popularity) == pytest.approx([4 / 8, 6 / 8, 7 / 8, 7 / 8, 1])


def test_hits_are_weighed_by_the_discount_of_the_filled_places() -> None:
    rankings = plain([[0, 1], [2], [3, 4, 0]], [[1], [2], [3, 4]])
    assert EFD().per_query(rankings, 2) == pytest.approx([2 * D2 / (1 + D2), 3, (3 + 3 * D2) / (1 + D2)])
    assert EPC().per_query(rankings, 2) == pytest.approx([0.75 * D2 / (1 + D2), 7 / 8, (7 / 8 + D2) / (1 + D2)])


def test_free_forms_read_the_list_alone() -> None:
    rankings = plain([[0, 1], [2]], [[], [4]])
    assert EFDFree().per_query(rankings, 2) == pytest.approx([(1 + 2 * D2) / (1 + D2), 3])
    assert EPCFree().per_query(rankings, 2) == pytest.approx([(0.5 + 0.75 * D2) / (1 + D2), 7 / 8])


def test_an_empty_list_scores_zero_for_hits_and_has_no_novelty_of_its_own() -> None:
    rankings = plain([[], [0], [0]], [[0], [], [0]])
    for metric in (EFD(), EPC()):
        values = metric.per_query(rankings, 2)
        assert values[0] == 0
        assert np.isnan(values[1])
    for free in (EFDFree(), EPCFree()):
        assert np.isnan(free.per_query(rankings, 2)[0])
        assert free.overall(rankings, 2) == free.per_query(rankings, 2)[1]


def test_gains_do_not_enter() -> None:
    graded, binary = (plain([[0, 1]], [[0, 1]], gains=gains) for gains in ([7.0, 1.0], [1.0, 1.0]))
    assert EFD().overall(graded, 2) == EFD().overall(binary, 2)


def test_without_training_data_efd_is_undefined() -> None:
    rankings = plain([[0]], [[0]], counts=[0, 0], n_users=0)
    assert np.isnan(EFD().overall(rankings, 1))
    assert np.isnan(EFDFree().overall(rankings, 1))
    assert EPC().overall(rankings, 1) == 1.0
