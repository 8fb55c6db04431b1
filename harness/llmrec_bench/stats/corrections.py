"""Corrections of p-values for being members of one family.

All of them take NaN, a test without a p, as a member: it counts in T as if it were 1 and stays NaN, so that when it
gets a p, no other can rise.
"""

from collections.abc import Callable, Mapping

import numpy as np

from llmrec_bench.stats.differences import Values


def holm(p: Values) -> Values:
    """float64 (T,): the p-values of one family, corrected so that the chance of any false finding among them stays
    below the level they are held against, however they depend on each other (Holm 1979).

    In order of size the i-th, from 0, is multiplied by T - i; none comes out smaller than the one before, and none
    above 1.
    """
    order = np.argsort(p, kind="stable")  # NaN last
    corrected = np.empty(len(p), dtype=np.float64)
    steps = p[order] * np.arange(len(p), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected


def bonferroni(p: Values) -> Values:
    """float64 (T,): each p times T, at most 1 (Dunn 1961). It promises what `holm` does, and finds less."""
    return np.minimum(1.0, p * len(p))


def benjamini_hochberg(p: Values) -> Values:
    """float64 (T,): the p-values of one family, corrected so that of the findings below a level, no larger share than
    that level is false on average, where the tests are independent or depend positively (Benjamini and Hochberg 1995).

    In order of size the i-th, from 1, is multiplied by T / i; none comes out larger than the one after.
    """
    order = np.argsort(p, kind="stable")  # NaN last
    corrected = np.empty(len(p), dtype=np.float64)
    steps = np.nan_to_num(p[order], nan=1.0) * (len(p) / np.arange(1, len(p) + 1))
    corrected[order] = np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1])
    return np.where(np.isnan(p), np.nan, corrected)


def uncorrected(p: Values) -> Values:
    """float64 (T,): the p-values as they are, each a test of its own."""
    return p.copy()


CORRECTIONS: Mapping[str, Callable[[Values], Values]] = {
    "holm": holm,
    "bonferroni": bonferroni,
    "benjamini-hochberg": benjamini_hochberg,
    "none": uncorrected,
}
"""The corrections by the names that a suite may use."""

SIGNIFICANT = 0.05
"""A corrected p below it is a finding."""


def corrected(p: Values, family: int, correction: str = "holm") -> Values:
    """float64 (T,): the p-values corrected as part of a family of so many tests.

    Those of the family that are not among them count as tests without a p: showing less of a family must not make its
    members look better.
    """
    whole = np.full(max(family, len(p)), np.nan)
    whole[: len(p)] = p
    return CORRECTIONS[correction](whole)[: len(p)]
