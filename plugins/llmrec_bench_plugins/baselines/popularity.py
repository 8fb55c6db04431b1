"""Popularity: the smallest method, and the example to copy."""

import numpy as np
import numpy.typing as npt

from llmrec_bench import Method, Queries, Run, Scores, TrainingData


class Popularity(Method):
    """Score every item by how many users have it in the training data, the same for everyone."""

    name = "popularity"
    version = "1"
    source = "folklore; a recommender that does not beat it has learnt nothing about its users"

    class Config(Method.Config):
        """No options."""

    config: Config
    counts: npt.NDArray[np.float32]

    def fit(self, train: TrainingData, run: Run) -> None:
        """Count. float32 (I,)."""
        self.counts = train.item_counts().astype(np.float32)

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): each candidate's count, for the whole catalogue where no candidates are given."""
        if queries.candidates is None:
            return np.tile(self.counts, (len(queries), 1))
        return self.counts[queries.candidates]
