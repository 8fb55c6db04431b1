"""The data of one trial: training rows for the method, queries with their candidates, and the targets it never sees."""

from dataclasses import dataclass

import numpy as np

from llmrec_bench.candidates import offer
from llmrec_bench.data.dataset import Dataset, fingerprint
from llmrec_bench.data.sequences import Sequences
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


class Loader:
    """Loads the data of one trial after another; trials of one data set follow each other, so one is kept."""

    def __init__(self) -> None:
        self._fingerprint = ""
        self._prepared: PreparedData | None = None

    def load(self, trial: Trial, store: Store) -> TrialData:
        """Prepare the data, and draw the candidates or read those that an earlier trial drew.

        Raises `BenchError` where the data are no longer those that were planned.
        """
        prepared = self._prepared
        if prepared is None or self._fingerprint != trial.fingerprint:
            prepared = prepare(trial.dataset, trial.protocol)
            if prepared.dataset.fingerprint != trial.fingerprint:
                raise BenchError(
                    f"data set '{trial.dataset.label}' changed while the suite ran: fingerprint {trial.fingerprint} "
                    f"when planned, {prepared.dataset.fingerprint} now; run the suite again"
                )
            self._prepared, self._fingerprint = prepared, trial.fingerprint
        dataset, parts = prepared.dataset, prepared.split
        test = offer(dataset, parts, trial.protocol, "test", trial.seed, store.candidates)
        validation = offer(dataset, parts, trial.protocol, "validation", trial.seed, store.candidates)
        training = TrainingData(
            sequences=parts.train,
            items=dataset.items,
            validation=validation.queries,
            validation_targets=validation.targets,
            fingerprint=fingerprint(parts.train, [dataset.items[c] for c in sorted(dataset.items.columns)]),
        )
        return TrialData(
            dataset=dataset,
            training=training,
            popularity=Popularity(training.item_counts(), int(np.count_nonzero(parts.train.lengths))),
            test=test.queries,
            test_targets=test.targets,
            candidates_hash=test.hash,
        )
