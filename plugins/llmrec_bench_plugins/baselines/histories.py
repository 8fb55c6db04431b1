"""Histories as a matrix, and the product with item-item weights that item-kNN and EASE share."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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
    histories = item_matrix(queries.histories, n_items)
    candidates = queries.candidates
    scores = np.empty((len(queries), n_items if candidates is None else candidates.shape[1]), dtype=np.float32)
    at_once = max(1, VALUES_AT_ONCE // n_items)
    for start in range(0, len(queries), at_once):
        rows = slice(start, start + at_once)
        product = histories[rows] @ weights
        full = product if isinstance(product, np.ndarray) else product.toarray()  # (rows, I)
        scores[rows] = full if candidates is None else pick(full, candidates[rows])
    scores[queries.histories.lengths == 0] = np.nan
    return scores


def pick(scores: Scores, candidates: npt.NDArray[np.int32]) -> Scores:
    """float32 (B, C): from scores of the whole catalogue (B, I), those of the candidates; PAD gives anything."""
    return np.take_along_axis(scores, candidates.astype(np.int64), axis=1)
