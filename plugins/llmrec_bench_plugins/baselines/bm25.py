"""BM25: items whose titles share words with the titles of the history."""

from typing import Annotated

import numpy as np
from pydantic import Field

from llmrec_bench import BenchError, Method, Queries, Range, Run, Scores, Sequences, TrainingData
from llmrec_bench_plugins.baselines.histories import pick_candidates


class BM25(Method):
    """Score an item by how well its title answers the titles of the history, taken as one query of words.

    No interaction is learnt from. A word that stands in several titles of the history counts so many times.
    """

    name = "bm25"
    version = "1"
    source = (
        "Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, FnTIR 3(4), 2009; a retriever "
        "in LLMRank (Hou et al., ECIR 2024)"
    )

    class Config(Method.Config):
        """Options of BM25."""

        history_length: int = Field(50, ge=1, le=10_000)
        """How many of the latest items the query is made of."""
        saturation: Annotated[float, Range(0.5, 3.0)] = Field(1.2, ge=0)
        """k1: how much a word gains that a title repeats."""
        length_share: Annotated[float, Range(0.0, 1.0)] = Field(0.75, ge=0, le=1)
        """b: how far long titles are marked down, 0 not at all."""

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Weigh the words of all titles. Raises `BenchError` where no title holds a word."""
        from scipy import sparse
        from sklearn.feature_extraction.text import CountVectorizer

        try:
            counts = CountVectorizer(token_pattern=r"\w+").fit_transform(train.items["title"]).tocsr()
        except ValueError:  # an empty vocabulary
            raise BenchError("bm25: no title of the data set holds a word") from None
        self._counts = sparse.csr_array(counts, dtype=np.float32)  # (I, V)
        k1, b = self.config.saturation, self.config.length_share
        lengths = np.asarray(self._counts.sum(axis=1), dtype=np.float32)
        having = np.bincount(self._counts.indices, minlength=counts.shape[1])
        rarity = np.log1p((train.n_items - having + 0.5) / (having + 0.5)).astype(np.float32)  # (V,)
        weights = self._counts.tocoo()
        rows, words = weights.coords
        damping = np.float32(k1) * (np.float32(1 - b) + np.float32(b) * lengths / lengths.mean())  # (I,)
        values = rarity[words] * weights.data * np.float32(k1 + 1) / (weights.data + damping[rows])
        self._weights = sparse.csr_array((values, (words, rows)), shape=counts.shape[::-1])  # (V, I)

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): 0 where no word is shared; NaN where the history is empty."""
        return pick_candidates(queries, len(self._counts.indptr) - 1, self._score_catalogue)

    def _score_catalogue(self, queries: Queries) -> Scores:
        asked = _latest(queries.histories, self.config.history_length, self._counts.shape[0]) @ self._counts
        scores: Scores = (asked @ self._weights).toarray()
        scores[queries.histories.lengths == 0] = np.nan
        return scores


def _latest(histories: Sequences, length: int, n_items: int):  # type: ignore[no-untyped-def]
    """float32 CSR (B, I): how often each item stands among the latest of each row."""
    from scipy import sparse

    latest = histories.last(length)  # (B, length), PAD first
    rows, places = np.nonzero(latest >= 0)
    ones = np.ones(len(rows), dtype=np.float32)
    return sparse.csr_array((ones, (rows, latest[rows, places])), shape=(len(latest), n_items))
