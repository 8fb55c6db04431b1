"""EASE: a linear autoencoder over items, in closed form."""

from typing import Annotated

import numpy as np
from pydantic import Field

from llmrec_bench import Method, Queries, Range, Run, Scores, TrainingData
from llmrec_bench_plugins.baselines.histories import item_matrix, sum_over_history


class EASE(Method):
    """Score items by the linear map with zero diagonal that best rebuilds the users' training items from each other."""

    name = "ease"
    version = "1"
    source = "Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019, Eq. 8"

    class Config(Method.Config):
        """Options of EASE."""

        regularisation: Annotated[float, Range(1.0, 5000.0, log=True)] = Field(100.0, gt=0)
        """lambda, added to the diagonal of the item-item Gram matrix: the larger, the smoother the map. MovieLens-100K,
        validation NDCG@10: 0.077 with 20, 0.086 with 100, 0.078 with 500; Amazon Beauty: 0.051 with 20,
        0.050 with 250."""

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Build float32 (I, I): B_ij = -P_ij / P_jj off the diagonal, P = (X'X + lambda 1)^-1, and 0 on it.

        The inverse is taken in float64, because the Gram matrix's eigenvalues span five orders of magnitude and more,
        which float32 does not carry through; the map itself is kept in float32. Time grows with I^3, memory with
        8 I^2 bytes: 12,000 items take 1.2 GB.
        """
        from scipy.linalg import lapack

        users = item_matrix(train.sequences, train.n_items).astype(np.float64)
        gram = (users.T @ users).toarray(order="F")
        gram[np.diag_indices_from(gram)] += self.config.regularisation
        factor, _ = lapack.dpotrf(gram, overwrite_a=True)
        inverse, _ = lapack.dpotri(factor, overwrite_c=True)  # (I, I), upper triangle
        diagonal = np.diag(inverse).copy()
        weights = np.triu(inverse, 1).astype(np.float32)
        weights += weights.T
        weights /= -diagonal.astype(np.float32)
        self.weights = weights

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): 0 for items that nobody has in training; NaN where the history is empty."""
        return sum_over_history(queries, self.weights)
