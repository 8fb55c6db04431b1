"""The data of one trial: training rows for the method, queries with their candidates, and the targets it never sees."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.candidates import offer
from llmrec_bench.data.dataset import Dataset
from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.splits import Split, SplitRule
from llmrec_bench.data.training import Queries, TrainingData
from llmrec_bench.errors import BenchError
from llmrec_bench.metrics.rankings import Popularity
from llmrec_bench.plan import PreparedData, Trial, prepare
from llmrec_bench.store import Store


@dataclass(frozen=True)
class TrialData:
    """Everything one trial works on."""

    dataset: Dataset
    training: TrainingData
    """All that `Method.fit` sees."""
    popularity: Popularity
    test: Queries
    test_targets: Sequences
    """Held by the harness; no method receives them."""
    candidates_hash: str
    """Of the draw for this seed; `full` for the whole catalogue."""
    test_reviews: pd.DataFrame | None = None
    """The reviews that are held out, with the columns of those for training: of test interactions or, where reviews
    are split as released, their test share. Held by the harness; None where the data set has none."""


@dataclass(frozen=True)
class _Shared:
    """What all trials on one data set have in common."""

    prepared: PreparedData
    rule: SplitRule
    """By which it is split."""
    popularity: Popularity


class Loader:
    """Loads the data of one trial after another; trials of one data set follow each other, so one is kept."""

    def __init__(self) -> None:
        self._shared: _Shared | None = None

    def load(self, trial: Trial, store: Store) -> TrialData:
        """Prepare the data, and draw the candidates or read those that an earlier trial drew.

        Raises `BenchError` where the data are no longer those that were planned.
        """
        wanted = (trial.fingerprint, trial.protocol.split)
        if self._shared is None or (self._shared.prepared.dataset.fingerprint, self._shared.rule) != wanted:
            self._shared = _load_shared(trial)
        shared = self._shared
        dataset, parts, reviews = shared.prepared.dataset, shared.prepared.split, shared.prepared.reviews
        test = offer(dataset, parts, trial.protocol, "test", trial.seed, store.candidates)
        validation = offer(dataset, parts, trial.protocol, "validation", trial.seed, store.candidates)
        return TrialData(
            dataset=dataset,
            training=shared.prepared.training(validation.queries, validation.targets),
            popularity=shared.popularity,
            test=test.queries,
            test_targets=test.targets,
            candidates_hash=test.hash,
            test_reviews=None if reviews is None else reviews.test,
        )


def _load_shared(trial: Trial) -> _Shared:
    prepared = prepare(trial.dataset, trial.protocol)
    dataset, parts = prepared.dataset, prepared.split
    if dataset.fingerprint != trial.fingerprint:
        raise BenchError(
            f"data set '{trial.dataset.label}' changed while the suite ran: fingerprint {trial.fingerprint} "
            f"when planned, {dataset.fingerprint} now; run the suite again"
        )
    for array in _arrays(parts):
        array.flags.writeable = False  # the next trial reads the same arrays
    return _Shared(
        prepared,
        trial.protocol.split,
        popularity=Popularity(parts.train.item_counts(dataset.n_items), int(np.count_nonzero(parts.train.lengths))),
    )


def _arrays(parts: Split) -> Iterator[npt.NDArray[np.generic]]:
    """Every array of a split that a method may get hold of."""
    for queries in (parts.validation, parts.test):
        yield from (a for a in (queries.users, queries.cut_times) if a is not None)
    for sequences in (parts.train, parts.validation.histories, parts.validation_targets, parts.test.histories):
        columns = (sequences.offsets, sequences.items, sequences.times, sequences.ratings)
        yield from (column for column in columns if column is not None)
