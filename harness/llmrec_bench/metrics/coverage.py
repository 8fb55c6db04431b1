"""How evenly the catalogue is shown, and how much of what was asked for came back."""

import numpy as np
import numpy.typing as npt

from llmrec_bench.metrics.metric import OverallMetric, PerUserMetric
from llmrec_bench.metrics.places import Floats
from llmrec_bench.metrics.rankings import Rankings


def shown_counts(rankings: Rankings, k: int) -> npt.NDArray[np.int64]:
    """int64 (I,): how many lists, cut at k, hold each item."""
    shown = rankings.shown(k)
    return np.bincount(shown.ravel() + 1, minlength=len(rankings.popularity.counts) + 1)[1:]  # PAD falls on 0


class Gini(OverallMetric):
    """Gini index of how often items are shown: 0 when all equally often, 1 when always the same one."""

    name = "Gini"
    direction = "lower"
    bounds = (0.0, 1.0)
    formula = "sum_j (2j - N - 1) v_j / ((N - 1) sum_j v_j), v_1 <= ... <= v_N: lists that hold each item"
    source = "Shani and Gunawardana, Evaluating recommendation systems, 2011; 1 - Elliot's Gini"

    def overall(self, rankings: Rankings, k: int) -> float:
        """The index over the N items that are trained on or shown; NaN if nothing is shown or N is 1."""
        counts = shown_counts(rankings, k)
        counts = np.sort(counts[(counts > 0) | (rankings.popularity.counts > 0)])
        n, total = len(counts), counts.sum()
        if n < 2 or total == 0:
            return float("nan")
        return float((2 * np.arange(1, n + 1) - n - 1) @ counts / ((n - 1) * total))


class Entropy(OverallMetric):
    """Shannon entropy of the shown items, in bits, each list weighing the same."""

    name = "Entropy"
    direction = "higher"
    bounds = (0.0, float("inf"))
    formula = "mean over non-empty L_u of sum_{i in L_u} -log2(v_i / sum_j v_j) / |L_u|"
    source = "Shani and Gunawardana, 2011; Elliot SEntropy, which lets an empty list weigh 0"

    def overall(self, rankings: Rankings, k: int) -> float:
        """Bits; the entropy of the shares v_i / sum v where all lists are equally long; NaN if nothing is shown."""
        counts = shown_counts(rankings, k)
        bits: Floats = np.zeros(len(counts) + 1)  # the last entry belongs to PAD
        np.log2(counts.sum() / np.maximum(counts, 1), out=bits[:-1], where=counts > 0)
        lengths = np.minimum(rankings.list_lengths, k)
        filled = lengths > 0
        if not filled.any():
            return float("nan")
        return float((bits[rankings.shown(k)].sum(axis=1)[filled] / lengths[filled]).mean())


class ItemCoverage(OverallMetric):
    """Share of the catalogue that is shown to anyone."""

    name = "ItemCoverage"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "|union of L_u| / I"
    source = "Herlocker et al., Evaluating collaborative filtering recommender systems, TOIS 2004; Elliot's / I"

    def overall(self, rankings: Rankings, k: int) -> float:
        """The share; NaN for an empty catalogue."""
        counts = shown_counts(rankings, k)
        return float((counts > 0).mean()) if len(counts) else float("nan")


class UserCoverage(OverallMetric):
    """Share of the queries that got at least one item."""

    name = "UserCoverage"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "queries with |L_u| > 0 / B"
    source = "Elliot UserCoverage / B"

    def overall(self, rankings: Rankings, k: int) -> float:
        """The share; NaN without queries."""
        lengths = np.minimum(rankings.list_lengths, k)
        return float((lengths > 0).mean()) if len(lengths) else float("nan")


class InvalidRate(PerUserMetric):
    """Share of the places asked for that the method left unfilled: no answer, or one that is no candidate."""

    name = "InvalidRate"
    direction = "lower"
    bounds = (0.0, 1.0)
    formula = "1 - |L_u| / min(k, candidates offered to u)"
    source = "this project"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,), NaN where nothing was offered."""
        places = np.minimum(rankings.offered, k)
        filled = np.minimum(rankings.list_lengths, k)
        share = np.full(len(places), np.nan)
        np.divide(filled, places, out=share, where=places > 0)
        return np.asarray(1.0 - share)
