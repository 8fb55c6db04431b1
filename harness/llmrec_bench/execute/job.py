"""What a worker process is handed: a trial, one fit of a search or a stage, and what it takes to run it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmrec_bench.apart.method import interpreter_for
from llmrec_bench.artifacts import Artifacts
from llmrec_bench.llm.metered import Asking
from llmrec_bench.metrics.metric import Metric
from llmrec_bench.plan import PlannedStage, Search, Trial
from llmrec_bench.store import Store, TuningPart


@dataclass(frozen=True)
class FitOfSearch:
    """Which fit of which search a job is."""

    search: Search
    number: int
    options: dict[str, Any]
    """What the search proposed."""


@dataclass(frozen=True)
class Job:
    """A trial, or a fit of a search or a stage in the form of one, and everything a worker process needs to run it."""

    trial: Trial
    """With the options chosen, where the method is tuned."""
    store: Store
    suite: str
    plugin: str
    """Name of the plugin that offers the method."""
    metrics: dict[str, type[Metric]]
    """To measure, by name."""
    known_metrics: dict[str, type[Metric]]
    """Every metric of the catalog: what `Run.validate` and a search may be asked for."""
    artifacts: Artifacts
    asking: Asking
    device: str
    provenance: dict[str, Any]
    measure_again: bool = False
    """The trial is finished and only lacks metrics: measure the lists it left."""
    fit: FitOfSearch | None = None
    """Set where the job ends with the validation queries; the test is for trials only."""
    tuning: TuningPart | None = None
    """For the record of a tuned trial."""
    stages: tuple[PlannedStage, ...] = ()
    """What the method needs, children first."""
    stage: PlannedStage | None = None
    """Set where the job is to build it; the trial then says on which data."""

    @property
    def interpreter(self) -> Path | None:
        """Whose Python runs it; None for this one's."""
        return None if self.stage is not None else interpreter_for(self.trial.method.method)

    @property
    def label(self) -> str:
        """What a person reads."""
        if self.stage is not None:
            return self.stage.label
        return self.trial.label if self.fit is None else f"{self.fit.search.label} fit {self.fit.number + 1}"
