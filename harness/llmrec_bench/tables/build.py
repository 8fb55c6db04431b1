"""Records -> every table of a suite."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from llmrec_bench.plan import Plan, Trial
from llmrec_bench.protocol import Protocol
from llmrec_bench.published import Published
from llmrec_bench.stats import TESTS, SeedTest
from llmrec_bench.store import Record, Store
from llmrec_bench.suite_tables import SuiteTable
from llmrec_bench.tables.cells import cell_over_seeds
from llmrec_bench.tables.changes import change_of, correct
from llmrec_bench.tables.measured import Measured, Values
from llmrec_bench.tables.mixed import mixtures, refuse_mixed
from llmrec_bench.tables.reading_notes import reading_notes
from llmrec_bench.tables.slices import Group, slice_queries
from llmrec_bench.tables.table import NEAR_CHANCE, Against, Cell, Change, ComparedCell, Row, Table


def build_tables(
    plan: Plan, records: Mapping[str, Record], store: Store | None = None, allow_mixed: bool = False
) -> list[Table]:
    """Every table of the suite, one for each data set it shows; `records` are by trial id.

    `store` holds the values per user behind the records; tables that are sliced or have a baseline need it. Tables of
    which the plan has no trial are left out.

    Raises `BenchError` where records of one table differ in protocol, data or candidates, unless `allow_mixed`: then
    notes say which rows do, and nothing is compared; and for stored files that cannot be read.
    """
    tables: list[Table] = []
    for entry in plan.suite.tables:
        scenes = [_Scene(plan, entry, dataset, records, store, allow_mixed) for dataset in entry.datasets]
        family = sum(scene.tests for scene in scenes)
        tables += correct([scene.table(family) for scene in scenes if scene.trials])
    return tables


@dataclass(frozen=True)
class _Column:
    metric: str
    group: Group | None = None

    @property
    def label(self) -> str:
        return self.metric if self.group is None else f"{self.metric} {self.group.label}"


@dataclass(frozen=True)
class _Scene:
    """One table on one data set, and what it is made from."""

    plan: Plan
    entry: SuiteTable
    dataset: str
    records: Mapping[str, Record]
    store: Store | None
    allow_mixed: bool

    @property
    def protocol(self) -> Protocol:
        return self.plan.suite.protocol_on(self.dataset)

    @cached_property
    def trials(self) -> list[Trial]:
        return [t for label in self.entry.methods for t in self.of(label)]

    def of(self, label: str) -> list[Trial]:
        return [t for t in self.plan.trials if t.dataset.label == self.dataset and t.method.label == label]

    @cached_property
    def columns(self) -> list[_Column]:
        if self.entry.slice is None:
            return [_Column(metric) for metric in self.entry.metrics]
        groups = slice_queries(self.plan.prepared[self.dataset], self.entry.slice)
        return [_Column(metric, group) for metric in self.entry.metrics for group in groups]

    @cached_property
    def measured(self) -> Measured:
        if self.store is None:
            raise ValueError("a table that is sliced or has a baseline needs the store of its records")
        return Measured(self.plan, self.dataset, self.records, self.store)

    @cached_property
    def finished(self) -> list[Record]:
        return self._finished(self.trials)

    @cached_property
    def compared(self) -> list[Record]:
        """With those of a baseline that the table does not show."""
        hidden = [] if self.entry.baseline in self.entry.methods else self.of(self.entry.baseline or "")
        return [*self.finished, *self._finished(hidden)]

    @cached_property
    def mixtures(self) -> list[str]:
        return list(mixtures(self.compared))

    def _finished(self, trials: Sequence[Trial]) -> list[Record]:
        there = [self.records[t.id] for t in trials if t.id in self.records]
        return [record for record in there if record.status == "finished"]

    @cached_property
    def labels_here(self) -> set[str]:
        """Of the methods that the suite runs on this data set."""
        return {m.label for m in self.plan.suite.methods if self.dataset in m.datasets}

    @property
    def tests(self) -> int:
        """How many tests the suite asks for here, whatever was chosen this time."""
        if self.entry.baseline not in self.labels_here:
            return 0
        rows = self.labels_here.intersection(self.entry.methods) - {self.entry.baseline}
        return len(rows) * sum(map(self._is_tested, self.columns))

    def against(self, family: int) -> Against | None:
        baseline = self.entry.baseline
        if baseline is None or baseline not in self.labels_here or self.mixtures:
            return None
        return Against(baseline, self.entry.test, self.entry.correction, family)

    def _is_tested(self, column: _Column) -> bool:
        measure = self.plan.suite.measures[column.metric.partition("@")[0]]
        return isinstance(TESTS[self.entry.test], SeedTest) or measure.has_user_values

    def table(self, family: int) -> Table:
        """With p-values as they are; `family` is the number of tests of all the entry's data sets."""
        if not self.allow_mixed:
            refuse_mixed(self.compared)
        labels = [label for label in self.entry.methods if self.of(label)]
        seeds = tuple(dict.fromkeys(t.seed for t in self.trials))
        rows = [self._row(label) for label in labels]
        notes = [f"MIXED: {mixture}." for mixture in self.mixtures]
        if self.entry.baseline is not None and self.entry.baseline not in self.labels_here:
            notes.append(f"No change against {self.entry.baseline}: it does not run on this data set.")
        for group in dict.fromkeys(c.group for c in self.columns if c.group is not None):
            notes.append(f"{group.label}: {group.says}.")
        notes += reading_notes(
            self.plan, self.dataset, set(self.entry.metrics), self.trials, self.finished, self.records, seeds
        )
        if any(cell.near_chance for row in rows for cell in row.cells):
            notes.append(f"{NEAR_CHANCE}: below chance, or above it by less than two standard errors over users.")
        if self.entry.published is not None and self.entry.slice is None:
            alone = [label for label in self.entry.published_only if self._has_published(label)]
            rows += [_published_row(label, len(self.columns)) for label in alone]
            rows = [_beside(row, self.dataset, self.entry.metrics, self.entry.published) for row in rows]
            shown = [*labels, *alone]
            notes += self.entry.published.notes(self.dataset, shown, self.entry.metrics, self.protocol)
            notes += [
                f"{label}: published only, {' '.join(self.entry.published_only[label].split())}." for label in alone
            ]
        sliced = self.entry.slice is not None
        measures = [self.plan.suite.measures[c.metric.partition("@")[0]] for c in self.columns]
        return Table(
            name=self.entry.name,
            title=self.entry.title,
            dataset=self.dataset,
            simulated=any(t.dataset.source.simulated for t in self.trials),
            columns=tuple(column.label for column in self.columns),
            rows=tuple(rows),
            chance=tuple(None if sliced else _chance(column.metric, self.finished) for column in self.columns),
            seeds=seeds,
            protocol_hash=self.protocol.hash,
            fingerprint=self.plan.prepared[self.dataset].dataset.fingerprint,
            notes=tuple(notes),
            directions=tuple(measure.direction for measure in measures),
            against=self.against(family),
            sizes=tuple(0 if c.group is None else len(c.group.rows) for c in self.columns) if sliced else None,
        )

    def _has_published(self, label: str) -> bool:
        published = self.entry.published
        return published is not None and any(published.number(self.dataset, label, m) for m in self.entry.metrics)

    def _row(self, label: str) -> Row:
        trials = self.of(label)
        settings, search = trials[0].method.settings, trials[0].search
        if search is not None:
            settings += f", {search.tuning.fits} fits"
        compares = self.entry.baseline is not None and label != self.entry.baseline and not self.mixtures
        needed = self.entry.metrics if compares or self.entry.slice is not None else ()
        values = self.measured.read(trials, needed) if needed else {}
        cells = [self._cell(trials, column, values) for column in self.columns]
        if compares:
            cells = [
                replace(cell, change=self._change(column, values))
                for cell, column in zip(cells, self.columns, strict=True)
            ]
        simulated = any(t.id in self.records and self.records[t.id].simulated_models for t in trials)
        return Row(label, settings, tuple(cells), {trial.seed: trial.id for trial in trials}, simulated)

    def _cell(self, trials: Sequence[Trial], column: _Column, values: Mapping[str, Mapping[int, Values]]) -> Cell:
        if column.group is not None:
            rows = column.group.rows
            return cell_over_seeds(trials, self.records, {s: _mean(v[rows]) for s, v in values[column.metric].items()})
        there = {t.seed: self.records[t.id] for t in trials if t.id in self.records}
        measured = {s: r for s, r in there.items() if r.status == "finished" and column.metric in r.metrics}
        cell = cell_over_seeds(trials, self.records, {s: r.metrics[column.metric] for s, r in measured.items()})
        if cell.mean is None:
            return cell
        return replace(cell, near_chance=_is_near_chance(cell.mean, column.metric, list(measured.values())))

    def _change(self, column: _Column, values: Mapping[str, Mapping[int, Values]]) -> Change | None:
        ours, theirs = values[column.metric], self._of_baseline[column.metric]
        if column.group is not None:
            ours, theirs = ({s: v[column.group.rows] for s, v in one.items()} for one in (ours, theirs))
        return change_of(ours, theirs, self.entry.test)

    @cached_property
    def _of_baseline(self) -> dict[str, dict[int, Values]]:
        return self.measured.read(self.of(self.entry.baseline or ""), self.entry.metrics)


def _mean(values: Values) -> float:
    """Over the users that have a value; NaN without one."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")


def _published_row(label: str, columns: int) -> Row:
    """Without a number of ours."""
    return Row(label, "published", (Cell("published", None, None, {}, False),) * columns, {})


def _beside(row: Row, dataset: str, columns: Sequence[str], published: Published) -> Row:
    """The row with what was published for it, in the columns that the file has."""
    cells: list[Cell] = []
    for column, cell in zip(columns, row.cells, strict=True):
        if column not in published.metrics:
            cells.append(cell)
            continue
        number = published.number(dataset, row.method, column)
        mean, std = (None, None) if number is None else (number.mean, number.std)
        difference = None if cell.mean is None or mean is None else cell.mean - mean
        cells.append(ComparedCell(**vars(cell), published=mean, published_std=std, difference=difference))
    return replace(row, cells=tuple(cells))


def _is_near_chance(mean: float, column: str, records: list[Record]) -> bool:
    levels = [level for r in records if (level := r.chance.get(column)) is not None]
    errors = [r.standard_errors[column] for r in records if column in r.standard_errors]
    if len(levels) < len(records) or len(errors) < len(records):
        return False
    # The seeds share their users, so that the error of their mean is no smaller than that of one.
    return mean <= statistics.fmean(levels) + 2 * statistics.fmean(errors)


def _chance(column: str, finished: Sequence[Record]) -> float | None:
    by_seed = {r.seed: value for r in finished if (value := r.chance.get(column)) is not None}
    return statistics.fmean(by_seed.values()) if by_seed else None
