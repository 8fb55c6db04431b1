"""How little known the items are that users are shown, alone and weighted by relevance."""

import numpy as np

from llmrec_bench.metrics.metric import PerUserMetric
from llmrec_bench.metrics.places import Floats, discounts, expected_weights, query_sums, running_sums
from llmrec_bench.metrics.rankings import Popularity, Rankings

_VARGAS = "Vargas and Castells, Rank and relevance in novelty and diversity metrics, RecSys 2011"


def free_discovery(popularity: Popularity) -> Floats:
    """float64 (I,): -log2(c_i / T) bits; the largest of them for items never trained on, NaN without any training."""
    counts = popularity.counts
    if not counts.any():
        return np.full(len(counts), np.nan)
    trained = np.where(counts > 0, counts, counts[counts > 0].min())
    return np.asarray(-np.log2(trained / counts.sum()))


def popularity_complement(popularity: Popularity) -> Floats:
    """float64 (I,): 1 - c_i / N_U, which is 1 for items never trained on."""
    return 1.0 - popularity.counts / max(popularity.n_users, 1)


class EFD(PerUserMetric):
    """Expected free discovery: bits of novelty of the hits, discounted by rank."""

    name = "EFD"
    direction = "higher"
    bounds = (0.0, float("inf"))
    formula = "sum_{r<=|L_u|} h_r d(r) n_r / sum_{r<=|L_u|} d(r), n_i = -log2(c_i / T); 0 for an empty list"
    source = f"{_VARGAS}; exactly Elliot's EFD"
    has_chance_level = True

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): bits, NaN where nothing is relevant."""
        return _novelty_of_hits(rankings, k, free_discovery(rankings.popularity))


class EPC(PerUserMetric):
    """Expected popularity complement: novelty of the hits as the share of users who lack them."""

    name = "EPC"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "sum_{r<=|L_u|} h_r d(r) (1 - c_r / N_U) / sum_{r<=|L_u|} d(r); 0 for an empty list"
    source = f"{_VARGAS}; exactly Elliot's EPC"
    has_chance_level = True

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,), NaN where nothing is relevant."""
        return _novelty_of_hits(rankings, k, popularity_complement(rankings.popularity))


class EFDFree(PerUserMetric):
    """Expected free discovery of the list itself, relevant or not. A random ranker does well."""

    name = "EFD_free"
    direction = "higher"
    bounds = (0.0, float("inf"))
    formula = "sum_{r<=|L_u|} d(r) n_r / sum_{r<=|L_u|} d(r), n_i = -log2(c_i / T)"
    source = f"{_VARGAS}, without relevance"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,): bits, NaN for an empty list."""
        return _novelty_of_lists(rankings, k, free_discovery(rankings.popularity))


class EPCFree(PerUserMetric):
    """Expected popularity complement of the list itself, relevant or not. A random ranker does well."""

    name = "EPC_free"
    direction = "higher"
    bounds = (0.0, 1.0)
    formula = "sum_{r<=|L_u|} d(r) (1 - c_r / N_U) / sum_{r<=|L_u|} d(r)"
    source = f"{_VARGAS}, without relevance"

    def per_query(self, rankings: Rankings, k: int) -> Floats:
        """float64 (B,), NaN for an empty list."""
        return _novelty_of_lists(rankings, k, popularity_complement(rankings.popularity))


def _discount_mass(rankings: Rankings, k: int) -> Floats:
    """float64 (B,): the sum of d(r) over the places that the list fills, not over all k."""
    return running_sums(discounts(k))[np.minimum(rankings.list_lengths, k)]


def _novelty_of_hits(rankings: Rankings, k: int, novelty: Floats) -> Floats:
    ranks = rankings.ranks
    found = query_sums(rankings, novelty[ranks.items] * expected_weights(ranks, discounts(k)))
    mass = _discount_mass(rankings, k)
    values = np.divide(found, mass, out=np.zeros_like(found), where=mass > 0)
    return np.where(rankings.relevant_counts > 0, values, np.nan)


def _novelty_of_lists(rankings: Rankings, k: int, novelty: Floats) -> Floats:
    shown = rankings.shown(k)
    total = np.append(novelty, 0.0)[shown] @ discounts(shown.shape[1])  # PAD is -1 and meets the 0 at the end
    mass = _discount_mass(rankings, k)
    return np.divide(total, mass, out=np.full_like(total, np.nan), where=mass > 0)
