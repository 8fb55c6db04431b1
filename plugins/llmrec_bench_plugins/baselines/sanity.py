"""Methods that know nothing, to test what stands around them: each must score what theory says."""

from typing import ClassVar, Literal

import numpy as np

from llmrec_bench import Method, Queries, Run, Scores, TrainingData


class Constant(Method):
    """Score every item 0: exactly chance, or the handling of ties is at fault."""

    name = "constant"
    version = "1"
    source = "sanity check"

    class Config(Method.Config):
        """No options."""

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Keep the number of items."""
        self._n_items = train.n_items

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C) of zeros."""
        shape = (len(queries), self._n_items) if queries.candidates is None else queries.candidates.shape
        return np.zeros(shape, dtype=np.float32)


class CandidateOrderEcho(Method):
    """Score candidates by their place in the list, first best: chance, or the list betrays its target.

    The whole catalogue has no order of its own; there, every item scores 0.
    """

    name = "candidate-order-echo"
    version = "1"
    source = "sanity check; SASRec.pytorch puts the target first, see its issue 43"
    expected_failures: ClassVar = {"candidate-order": "it scores places, to show whether a list betrays its target"}

    class Config(Method.Config):
        """No options."""

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Keep the number of items."""
        self._n_items = train.n_items

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): 0, -1, -2, ... in every row."""
        if queries.candidates is None:
            return np.zeros((len(queries), self._n_items), dtype=np.float32)
        places = -np.arange(queries.candidates.shape[1], dtype=np.float32)
        return np.tile(places, (len(queries), 1))


class ItemIdRule(Method):
    """Score items by their number alone: what a published numbering gives away.

    The item files of P5, POD and RDRec are numbered by first appearance along whole user sequences, test items
    included, so that `the next number` is often the answer; after shuffling the numbers the rule is at chance.
    """

    name = "item-id-rule"
    version = "1"
    source = "pull request 3 of the P5 repository"

    class Config(Method.Config):
        """Which number counts."""

        rule: Literal["max", "last", "nearest"] = "max"
        """`max`: the numbers after the largest one in the history, in order. `last`: those after the last item's.
        `nearest`: by distance to the largest one plus 1, on either side, which suits short candidate lists."""

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Keep the number of items."""
        self._n_items = train.n_items

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): minus the distance to the anchor plus 1; NaN up to the anchor (`nearest` scores both sides)
        and where the history is empty. Item codes are taken to follow the published numbers."""
        histories, lengths = queries.histories, queries.histories.lengths
        filled = np.flatnonzero(lengths)
        anchors = np.full(len(queries), np.nan, dtype=np.float32)
        if self.config.rule == "last":
            anchors[filled] = histories.items[histories.offsets[1:][filled] - 1]
        elif len(filled):
            anchors[filled] = np.maximum.reduceat(histories.items, histories.offsets[:-1][filled])
        items = np.arange(self._n_items)[None] if queries.candidates is None else queries.candidates
        ahead = items - (anchors[:, None] + 1)  # (B, C)
        scores: Scores = -np.abs(ahead).astype(np.float32)
        if self.config.rule != "nearest":
            scores[ahead < 0] = np.nan
        return scores
