"""One figure on one data set, and the trials and records that it is drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmrec_bench.plan import Plan, PreparedData, Trial
from llmrec_bench.protocol import Protocol
from llmrec_bench.store import Record, Store
from llmrec_bench.suite_figures import SuiteFigure
from llmrec_bench.tables.reading_notes import reading_notes


@dataclass(frozen=True)
class Scene:
    """Everything a figure is made from."""

    plan: Plan
    store: Store
    figure: SuiteFigure
    dataset: str
    """Label."""
    trials: tuple[Trial, ...]
    """Those the figure shows, planned on this data set."""
    records: dict[str, Record]
    """By trial id, of all trials."""

    @property
    def prepared(self) -> PreparedData:
        """The data set, split."""
        return self.plan.prepared[self.dataset]

    @property
    def protocol(self) -> Protocol:
        """How the data set is tested."""
        return self.plan.suite.protocol_on(self.dataset)

    @property
    def labels(self) -> list[str]:
        """Of the methods, in the figure's order."""
        return [label for label in self.figure.methods if self.of(label)]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those planned."""
        return tuple(dict.fromkeys(trial.seed for trial in self.trials))

    @property
    def finished(self) -> list[Trial]:
        """The trials with numbers."""
        found = [(trial, self.records.get(trial.id)) for trial in self.trials]
        return [trial for trial, record in found if record is not None and record.status == "finished"]

    @property
    def simulated(self) -> bool:
        """The data are made, not observed."""
        return self.prepared.dataset.simulated

    def of(self, label: str) -> list[Trial]:
        """The trials of one method."""
        return [trial for trial in self.trials if trial.method.label == label]

    def simulates(self, label: str) -> bool:
        """A simulated language model wrote some of what the method's numbers rest on."""
        return any(t.id in self.records and self.records[t.id].simulated_models for t in self.of(label))

    def at_seed(self, seed: int) -> "Scene":
        """With the trials of one seed only."""
        return replace(self, trials=tuple(trial for trial in self.trials if trial.seed == seed))

    def notes(self, own: Sequence[str], columns: set[str], spread: bool = True) -> tuple[str, ...]:
        """A figure's own notes, then what a table of the same trials says below its columns; `spread` where numbers
        have one over seeds."""
        finished = [self.records[trial.id] for trial in self.finished]
        trials = list(self.trials)
        told = reading_notes(self.plan, self.dataset, columns, trials, finished, self.records, self.seeds, spread)
        return (*own, *told)
