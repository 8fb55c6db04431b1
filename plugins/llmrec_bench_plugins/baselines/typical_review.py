"""The most typical review of an item, as an explanation for everyone: what written explanations have to beat."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from llmrec_bench import Run, TrainingData
from llmrec_bench_plugins.baselines.popularity import Popularity

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class TypicalReview(Popularity):
    """Score as `popularity` does, and explain an item with the training review that is nearest to all of its reviews.

    Nearest by the cosine of TF-IDF vectors to their mean; of equally near ones the first, by user and then time. An
    item that nobody reviewed in training gets the most typical review of all.
    """

    name = "typical-review"
    version = "1"
    source = "folklore; an explanation that does not beat it has learnt nothing about its users"

    class Config(Popularity.Config):
        """Options of the explanation."""

        words: int | None = Field(default=None, ge=1)
        """Only the first so many words of a review are written; null: all."""

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Count, and choose a review for each item."""
        super().fit(train, run)
        self._typical: dict[int, str] | None = None
        if train.reviews is not None and len(train.reviews):
            texts = [" ".join(text.split()[: self.config.words]) for text in train.reviews["text"]]
            vectors = _vectors(train.reviews["text"])
            best = _nearest(vectors, train.reviews["item"].to_numpy(dtype=np.int64), train.n_items)
            overall = _nearest(vectors, np.zeros(len(texts), dtype=np.int64), 1)[0]
            self._typical = {item: texts[overall if row < 0 else row] for item, row in enumerate(best.tolist())}

    def explain(self, users: npt.NDArray[np.int32], items: npt.NDArray[np.int32]) -> Sequence[str] | None:
        """The item's review, the same for every user; None where the data have no training review."""
        return None if self._typical is None else [self._typical[item] for item in items.tolist()]


def _vectors(texts: pd.Series) -> "csr_array":
    """float64 CSR (N, V), rows of length 1, or 0 where a text has no word."""
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        return sparse.csr_array(TfidfVectorizer(token_pattern=r"\w+").fit_transform(texts))
    except ValueError:  # an empty vocabulary
        return sparse.csr_array((len(texts), 1))


def _nearest(vectors: "csr_array", groups: npt.NDArray[np.int64], n_groups: int) -> npt.NDArray[np.int64]:
    """int64 (n_groups,): the row of each group that is nearest to the group's mean, the first of equals; -1 for an
    empty group."""
    from scipy import sparse

    rows = np.arange(len(groups))
    # Cosines to the mean and to the sum order rows alike, within a group.
    sums = sparse.csr_array((np.ones(len(groups)), (groups, rows)), shape=(n_groups, len(groups))) @ vectors
    nearness = np.asarray(vectors.multiply(sums[groups]).sum(axis=1)).ravel().round(12)
    order = np.lexsort((rows, -nearness, groups))
    found = np.full(n_groups, -1, dtype=np.int64)
    firsts = np.searchsorted(groups[order], np.arange(n_groups))
    there = np.isin(np.arange(n_groups), groups)
    found[there] = order[firsts[there]]
    return found
