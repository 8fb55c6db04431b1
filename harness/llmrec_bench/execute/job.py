"""What a worker process is handed: a trial and what it takes to run it."""

from dataclasses import dataclass
from typing import Any

from llmrec_bench.metrics.metric import Metric
from llmrec_bench.plan import Trial
from llmrec_bench.store import Store


@dataclass(frozen=True)
class Job:
    """A trial and everything a worker process needs to run it."""

    trial: Trial
    store: Store
    suite: str
    plugin: str
    """Name of the plugin that offers the method."""
    metrics: dict[str, type[Metric]]
    """To measure, by name."""
    known_metrics: dict[str, type[Metric]]
    """Every metric of the catalog: what `Run.validate` may be asked for."""
    device: str
    provenance: dict[str, Any]
    measure_again: bool
    """The trial is finished and only lacks metrics: measure the lists it left."""
