"""Corrections: against statsmodels, worked by hand, then what holds for any family."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmrec_bench.stats import CORRECTIONS, benjamini_hochberg, bonferroni, corrected, holm, uncorrected

from .golden_pairs import FOLDER

FAMILIES = json.loads((FOLDER / "corrections.json").read_text(encoding="utf-8"))["families"]
AT_STATSMODELS = {"bonferroni": "bonferroni", "holm": "holm", "benjamini-hochberg": "fdr_bh"}
NAN = float("nan")


@pytest.mark.parametrize("name", AT_STATSMODELS)
@pytest.mark.parametrize("family", FAMILIES)
def test_corrections_as_statsmodels_has_them(name, family):
    found = CORRECTIONS[name](np.array(FAMILIES[family]["pvalues"]))
    assert found == pytest.approx(FAMILIES[family][AT_STATSMODELS[name]], rel=1e-12, abs=0)


def test_every_correction_has_its_name():
    named = {"holm": holm, "bonferroni": bonferroni, "benjamini-hochberg": benjamini_hochberg, "none": uncorrected}
    assert named == CORRECTIONS


def test_holm_by_hand():
    # 0.01 x 3; 0.02 x 2, lifted to nothing; 0.04 x 1, which is not below the one before.
    assert holm(np.array([0.04, 0.01, 0.02])) == pytest.approx([0.04, 0.03, 0.04])


def test_bonferroni_by_hand():
    assert bonferroni(np.array([0.04, 0.01, 0.5])) == pytest.approx([0.12, 0.03, 1.0])


def test_benjamini_hochberg_by_hand():
    # 0.01 x 4/1; 0.03 x 4/2 and 0.04 x 4/3 come down to the latter; 0.5 x 4/4.
    assert benjamini_hochberg(np.array([0.04, 0.5, 0.01, 0.03])) == pytest.approx([0.16 / 3, 0.5, 0.04, 0.16 / 3])


def test_no_correction_is_a_copy():
    p = np.array([0.2, NAN])
    found = uncorrected(p)
    assert found == pytest.approx([0.2, NAN], nan_ok=True)
    assert found is not p


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("holm", [0.03, NAN, 0.04]),
        ("bonferroni", [0.03, NAN, 0.06]),
        ("benjamini-hochberg", [0.03, NAN, 0.03]),
        ("none", [0.01, NAN, 0.02]),
    ],
)
def test_a_test_without_a_p_counts_in_the_family(name, wanted):
    assert CORRECTIONS[name](np.array([0.01, NAN, 0.02])) == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize("correct", CORRECTIONS.values())
def test_a_family_without_members(correct):
    assert correct(np.array([])).tolist() == []


# For any family

FAMILY = arrays(float, st.integers(1, 20), elements=st.floats(0, 1))
CORRECT = st.sampled_from(list(CORRECTIONS.values()))


@given(CORRECT, FAMILY)
def test_a_correction_only_raises_and_keeps_the_order(correct, p):
    corrected = correct(p)
    assert (corrected >= p).all()
    assert (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(p, kind="stable")]) >= 0).all()


@given(CORRECT, FAMILY, st.randoms(use_true_random=False))
def test_the_order_of_a_family_does_not_matter(correct, p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    assert correct(p[order]).tolist() == correct(p)[order].tolist()


@given(CORRECT, FAMILY, st.data())
def test_a_test_that_gets_its_p_raises_no_other(correct, p, data):
    place = data.draw(st.integers(0, len(p) - 1))
    before = p.copy()
    before[place] = NAN
    others = np.arange(len(p)) != place
    assert (correct(p)[others] <= correct(before)[others] * (1 + 1e-12)).all()


@given(FAMILY)
def test_which_correction_is_the_strictest(p):
    assert (holm(p) <= bonferroni(p)).all()
    assert (benjamini_hochberg(p) <= holm(p) * (1 + 1e-12)).all()


@given(arrays(np.float64, st.integers(0, 8), elements=st.floats(0, 1) | st.just(NAN)), st.integers(0, 12))
def test_tests_of_a_family_that_are_not_there_count(p, family):
    whole = np.concatenate((p, np.full(max(0, family - len(p)), NAN)))
    for name, correct in CORRECTIONS.items():
        np.testing.assert_array_equal(corrected(p, family, name), correct(whole)[: len(p)])
    alone, among = corrected(p, 0), corrected(p, family)
    assert np.all((among >= alone) | np.isnan(alone))
