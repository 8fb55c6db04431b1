"""Activity and popularity: worked by hand, then what holds for any numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrec_bench import BenchError
from llmrec_bench.figures.figure import Part
from llmrec_bench.figures.popularity import popularity_bins, shares
from llmrec_bench.tables.slices import activity_groups

ACTIVITY = "active: {kind: activity, metric: NDCG@2, groups: 2}"
POPULARITY = "popular: {kind: popularity, cutoff: 2, bins: 3}"

# Groups and bins


def test_five_groups_with_ties():
    lengths = np.array([2, 2, 2, 1, 1, 2])
    assert [group.tolist() for group in activity_groups(lengths, 5)] == [[3, 4], [0], [1], [2], [5]]
    assert [group.tolist() for group in activity_groups(np.array([3, 1, 2]), 5)] == [[1], [2], [0], [], []]


def test_the_bins_of_six_items():
    assert popularity_bins(np.array([5, 0, 2, 2, 1, 0]), 3).tolist() == [0, 2, 0, 1, 1, 2]
    assert shares(np.array([0, 0, 1, 2]), 3).tolist() == [0.5, 0.25, 0.25]
    assert np.isnan(shares(np.array([], dtype=int), 3)).all()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(2, 12))
def test_groups_part_the_users_from_the_least_active_on(lengths, groups):
    found = activity_groups(np.array(lengths), groups)
    assert len(found) == groups
    assert sorted(np.concatenate(found)) == list(range(len(lengths)))
    assert max(map(len, found)) - min(map(len, found)) <= 1
    order = np.concatenate(found)
    assert [(lengths[i], i) for i in order] == sorted((n, i) for i, n in enumerate(lengths))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(2, 12), st.data())
def test_shares_of_bins_sum_to_one(counts, bins, data):
    bin_of = popularity_bins(np.array(counts), bins)
    sizes = np.bincount(bin_of, minlength=bins)
    assert len(sizes) == bins
    assert sizes.max() - sizes.min() <= 1
    places = data.draw(st.lists(st.integers(0, len(counts) - 1), min_size=1))
    assert shares(bin_of[places], bins).sum() == pytest.approx(1)
    for number in range(bins - 1):
        later = np.array(counts)[bin_of == number + 1]
        assert not len(later) or np.array(counts)[bin_of == number].min() >= later.max()


# Figures


def test_activity_worked_by_hand(study):
    study = study(ACTIVITY)
    nan = float("nan")
    study.keep("plain", 1, values=(1.0, 0.0, 0.5, nan))
    study.keep("plain", 2, values=(0.0, 0.5, 0.5, 0.5))
    figure = study.figure()
    # Training lengths: a 3, b 2, c 1, d 2; so c and b are the less active ones.
    assert figure.parts == (Part("G1", 2, 1, 2), Part("G2", 2, 2, 3))
    first, second = figure.lines[0].cells
    assert first.values == {1: 0.25, 2: 0.5}
    assert (first.status, first.mean, first.std) == ("complete", 0.375, pytest.approx(0.1767767))
    assert second.values == {1: 1.0, 2: 0.25}  # d does not count with seed 1
    assert figure.notes[1] == "Training interactions: G1: 2 users with 1 to 2; G2: 2 users with 2 to 3."
    assert any(note.startswith("Data ") for note in figure.notes)
    assert f"Protocol {study.plan.suite.protocol.hash}: " in " ".join(figure.notes)
    assert "Not run yet: 4 of 6 trials." in figure.notes


def test_popularity_worked_by_hand(study):
    study = study(POPULARITY)
    study.keep("plain", 1, lists=("025", "024", "02", "024"))
    study.keep("plain", 2, lists=("04", "02", "02", "02"))
    figure = study.figure()
    # Training interactions: item 0 has 4, 1 has 2, 2 and 3 have 1 each, 4 and 5 none.
    assert figure.parts == (Part("B1", 2, 2, 4), Part("B2", 2, 1, 1), Part("B3", 2, 0, 0))
    assert figure.training == (0.75, 0.25, 0.0)
    assert [cell.values for cell in figure.lines[0].cells] == [
        {1: 0.5, 2: 0.5}, {1: 0.5, 2: 0.375}, {1: 0.0, 2: 0.125}
    ]  # fmt: skip
    assert figure.lines[0].cells[2].mean == 0.0625
    assert figure.notes[1].endswith("B2: 2 items with 1; B3: 2 items with 0.")


@pytest.mark.parametrize("asked", [ACTIVITY, POPULARITY])
def test_what_is_not_there_is_told(study, asked):
    study = study(asked)
    study.keep("reader", 2, simulated=True)
    study.fail("reader", 1)
    study.fail("plain", 1)
    figure = study.figure()
    assert [(line.method, line.cells[0].status, line.simulated) for line in figure.lines] == [
        ("plain", "failed", False),
        ("idle", "missing", False),
        ("reader", "partial", True),
    ]
    assert {f"Failed: {m} seed 1, ValueError: out of luck (trial {study.trial(m).id})" for m in ("plain", "reader")} < {
        *figure.notes
    }
    assert "SIMULATED: the language model behind reader is a program (clerk quill), not a model." in figure.notes


def test_a_metric_that_came_later_is_not_measured(study):
    study = study(ACTIVITY)
    study.keep("plain", 1, metrics={"HR@2": 0.5})
    assert study.figure().lines[0].cells[0].status == "unmeasured"


def test_empty_groups_have_no_number(study):
    study = study("active: {kind: activity, metric: NDCG@2, groups: 5}")
    study.keep("plain", 1)
    figure = study.figure()
    assert figure.parts[-1] == Part("G5", 0, None, None)
    assert figure.lines[0].cells[-1].status == "undefined"


def test_numbers_of_different_protocols_do_not_meet(study):
    study = study(ACTIVITY)
    study.keep("plain", 1)
    other = study.records[study.trial("plain").id].protocol.model_copy(update={"hash": "f" * 12})
    study.keep("plain", 2, protocol=other)
    with pytest.raises(BenchError, match="different protocols"):
        study.figures()


def test_a_figure_without_a_trial_is_left_out(study):
    assert study("active: {kind: activity, metric: NDCG@2, methods: [plain]}", only=["idle"]).figures() == []
