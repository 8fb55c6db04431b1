"""Histories as a matrix, and what methods share that score the whole catalogue from it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from llmrec_bench import Queries, Scores, Sequences

if TYPE_CHECKING:
    from scipy import sparse

VALUES_AT_ONCE = 1 << 24


def item_matrix(sequences: Sequences, n_items: int) -> "sparse.csr_array":
    """float32 CSR (R, I): 1 where the row has the item, however often."""
    from scipy import sparse

    ones = np.ones(len(sequences.items), dtype=np.float32)
    # A copy: scipy would sort and merge the rows inside the sequences' own arrays.
    matrix = sparse.csr_array((ones, sequences.items, sequences.offsets), shape=(len(sequences), n_items), copy=True)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def sum_over_history(queries: Queries, weights: Any) -> Scores:
    """float32 (B, C): for each candidate, the weights from the items of the history to it, summed in code order.

    `weights` is (I, I), sparse or dense, row = history item, column = candidate. A repeated item counts once. An empty
    history gives a row of NaN: nothing to go by.
    """
    n_items = weights.shape[0]

    def over_catalogue(block: Queries) -> Scores:
        product = item_matrix(block.histories, n_items) @ weights
        scores: Scores = product if isinstance(product, np.ndarray) else product.toarray()
        scores[block.histories.lengths == 0] = np.nan
        return scores

    return pick_candidates(queries, n_items, over_catalogue)


def pick_candidates(queries: Queries, n_items: int, over_catalogue: Callable[[Queries], Scores]) -> Scores:
    """float32 (B, C) from a function that scores the whole catalogue, float32 (b, I), for some of the queries at once.

    Only about 64 MB of catalogue scores exist at a time, however few the candidates; PAD gets any score.
    """
    if queries.candidates is None:
        return over_catalogue(queries)
    scores = np.empty(queries.candidates.shape, dtype=np.float32)
    at_once = max(1, VALUES_AT_ONCE // n_items)
    for start in range(0, len(queries), at_once):
        block = queries.take(np.arange(start, min(start + at_once, len(queries))))
        codes = queries.candidates[start : start + at_once].astype(np.int64)
        scores[start : start + at_once] = np.take_along_axis(over_catalogue(block), codes, axis=1)
    return scores
