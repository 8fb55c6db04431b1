"""Recency without personalisation."""

import numpy as np
import numpy.typing as npt

from llmrec_bench import BenchError, Method, Queries, Run, Scores, TrainingData


class LastSeen(Method):
    """Score every item by the time of its latest training interaction."""

    name = "last-seen"
    version = "1"
    source = "folklore"

    class Config(Method.Config):
        days: int = 30
        """Items that rest longer than this are not scored."""

    config: Config
    scores: npt.NDArray[np.float32]

    def fit(self, train: TrainingData, run: Run) -> None:
        times = train.sequences.times
        if times is None:
            raise BenchError("last-seen needs a data set with times")
        latest = np.full(train.n_items, -np.inf)
        np.maximum.at(latest, train.sequences.items, times)
        days = (times.max() - latest) / 86_400
        self.scores = np.where(days <= self.config.days, -days, np.nan).astype(np.float32)

    def score(self, queries: Queries) -> Scores:
        if queries.candidates is None:
            return np.tile(self.scores, (len(queries), 1))
        return self.scores[queries.candidates]
