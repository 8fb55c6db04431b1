"""Tests over runs: against scipy, worked by hand, and the published ones of RDRec."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from llmrec_bench.published import read_published
from llmrec_bench.stats import runs_interval_unpaired, runs_t_test, runs_t_test_unpaired

RDREC = Path(__file__).parents[3] / "results" / "published" / "rdrec_repo_10runs.csv"
NAN = float("nan")


def test_two_runs_each_by_hand():
    first, second = np.array([3.0, 5.0]), np.array([1.0, 2.0])
    # Pooled variance (2 + 0.5) / 2 = 1.25; t = 2.5 / sqrt(1.25 (1/2 + 1/2)) = sqrt(5) with two degrees of freedom,
    # where P(|T| > t) = 1 - t / sqrt(t² + 2).
    assert runs_t_test_unpaired(first, second) == pytest.approx(1 - math.sqrt(5 / 7))
    low, high = runs_interval_unpaired(first, second)
    assert (low + high) / 2 == pytest.approx(2.5)
    assert (high - low) / 2 == pytest.approx(4.3026527 * math.sqrt(1.25))
    # Paired: differences 2 and 3, t = 2.5 / 0.5 with one degree of freedom, where P(|T| > t) = 1 - 2 atan(t) / pi.
    assert runs_t_test(first, second) == pytest.approx(1 - 2 * math.atan(5) / math.pi)


def test_samples_of_unlike_size():
    first, second = np.array([0.1, 0.4, 0.2, 0.3, 0.35]), np.array([0.3, 0.5, 0.6])
    found = scipy_stats.ttest_ind(first, second)
    assert runs_t_test_unpaired(first, second) == pytest.approx(found.pvalue)
    assert runs_interval_unpaired(first, second, 0.9) == pytest.approx(tuple(found.confidence_interval(0.9)))


def test_equal_runs_and_constant_ones():
    same = np.array([0.1, 0.2, 0.4])
    shuffled = same[[2, 0, 1]]
    assert (runs_t_test(same, same), runs_t_test_unpaired(same, shuffled)) == (1.0, 1.0)
    level, higher = np.full(3, 0.1), np.full(3, 0.2)
    assert (runs_t_test_unpaired(level, level), runs_t_test_unpaired(level, higher)) == (1.0, 0.0)
    assert runs_t_test(same + 0.1, same) == 0.0


def test_rounding_is_no_difference():
    first, second = np.full(5, 0.1 + 0.2), np.full(5, 0.3)
    assert first[0] != second[0]
    assert (runs_t_test(first, second), runs_t_test_unpaired(first, second)) == (1.0, 1.0)


def test_too_few_runs():
    one, three = np.array([0.5]), np.array([0.1, 0.2, 0.3])
    assert np.isnan([runs_t_test(one, one), runs_t_test_unpaired(one, three), runs_t_test_unpaired(three, one)]).all()
    assert np.isnan([*runs_interval_unpaired(one, three), runs_t_test_unpaired(np.array([]), three)]).all()


RUNS = arrays(float, st.integers(2, 10), elements=st.floats(0, 1, width=16))


@given(RUNS, RUNS)
def test_the_unpaired_test_and_its_interval_agree(first, second):
    p, (low, high) = runs_t_test_unpaired(first, second), runs_interval_unpaired(first, second)
    assert 0 <= p <= 1
    assert runs_t_test_unpaired(second, first) == pytest.approx(p)
    assert runs_interval_unpaired(second, first) == pytest.approx((-high, -low))
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == (not low <= 0 <= high)


# RDRec


def reproduced() -> dict[tuple[str, str, str], tuple[float, float]]:
    """(task, data set, metric) -> the p that is printed and the one that the listed runs give."""
    numbers = read_published(RDREC)
    with RDREC.open(encoding="utf-8", newline="") as file:
        printed = [row for row in csv.DictReader(file) if row["pvalue"]]
    found = {}
    for row in printed:
        task = row["method"].removeprefix("RDRec(").removesuffix(")")
        ours, theirs = (
            numbers.number(row["dataset"], f"T5-small {method}", row["metric"])
            for method in (row["method"], f"POD({task}, rerun)")
        )
        p = runs_t_test_unpaired(np.array(ours.runs), np.array(theirs.runs))
        found[task, row["dataset"], row["metric"]] = float(row["pvalue"]), p
    return found


def test_published_p_values_of_rdrec():
    """24 of 27 to one unit of the second digit; the others are as results/published/README.md says."""
    found = reproduced()
    assert len(found) == 27
    others = {
        cell: (printed, float(f"{p:.1e}"))
        for cell, (printed, p) in found.items()
        if abs(p - printed) > 1.0001 * 10 ** (math.floor(math.log10(printed)) - 1)
    }
    assert others == {
        ("top-N", "Sports", "HR@10"): (1.1e-16, 1.1e-29),
        ("top-N", "Sports", "NDCG@5"): (2.8e-15, 6.8e-15),
        ("sequential", "Beauty", "NDCG@5"): (2.4e-3, 2.4e-2),
    }


def test_which_gains_of_rdrec_are_findings_changes_with_none_of_them():
    """A p that does not reproduce stays on its side of 0.05, the level that RDRec holds it against."""
    assert all((printed < 0.05) == (p < 0.05) for printed, p in reproduced().values())


def test_ten_runs_stand_behind_every_mean_of_rdrec():
    for number in read_published(RDREC).numbers.values():
        assert len(number.runs) == 10
        assert number.mean == pytest.approx(np.mean(number.runs), abs=6e-6)
        assert number.std == pytest.approx(np.std(number.runs, ddof=1), abs=6e-6)
