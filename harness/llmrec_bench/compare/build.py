"""Two stored runs -> their comparison."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from llmrec_bench.compare.changes import Pairs, condition_changes, costs, is_mixed, method_changes, provenance_changes
from llmrec_bench.compare.comparison import Flips, MetricDifference, RunComparison
from llmrec_bench.compare.flips import HITS, Histories, find_flips
from llmrec_bench.compare.stored_run import Key, StoredRun
from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.matching import match
from llmrec_bench.plugins import Catalog
from llmrec_bench.stats import SIGNIFICANT, compare, corrected
from llmrec_bench.store import Record

Tables = Mapping[int, pd.DataFrame]
"""By seed, the values of single users."""


def compare_runs(
    first: StoredRun,
    second: StoredRun,
    catalog: Catalog,
    metrics: Sequence[str] = (),
    users: int = 5,
    allow_mixed: bool = False,
) -> RunComparison:
    """Match two runs by data set, method and seed, and test what differs.

    `metrics` are those to show, all that both have if left out; `users` is how many of those found by one run only are
    shown each way. The tests are one family: every method on every data set of both with every metric that both
    measured for single users, shown or not.
    Raises `BenchError` where nothing matches, a metric is in neither, and, unless `allow_mixed`, where numbers are of
    different protocols, data or candidates.
    """
    keys = [key for key in first.records if key in second.records]
    if not keys:
        raise BenchError(
            f"{first.path} and {second.path} have no method in common ({_labels(first)}; {_labels(second)})"
        )
    comparing = _Comparing(first, second, keys, Histories(catalog))
    if comparing.mixed and not allow_mixed:
        changes = condition_changes(comparing.pairs)
        told = next((f"{c.what} {c.first} in A, {c.second} in B" for c in changes), "")
        raise BenchError(
            f"{' '.join(comparing.mixed[0])}: not comparable, {told}; --allow-mixed shows such numbers without a test"
        )
    known = comparing.metrics
    for metric in metrics:
        if metric not in known:
            raise BenchError(f"--metric {metric}: not measured for single users in both runs{suggest(metric, known)}")
    family = sum(len(comparing.metrics_on(key[0])) for key in keys if key not in comparing.mixed)
    shown = [metric for metric in known if metric in metrics or not metrics]
    differences: list[MetricDifference] = []
    flips: list[Flips] = []
    for key in keys:
        tables = comparing.tables(key)
        differences += comparing.differences(key, shown, tables)
        flips += comparing.flips(key, users, tables)
    tested = [row for row in differences if (row.dataset, row.method) not in comparing.mixed]
    p = corrected(np.array([math.nan if row.p is None else row.p for row in tested]), family).tolist()
    by_row = {(r.dataset, r.method, r.metric): _number(value) for r, value in zip(tested, p, strict=True)}
    rows = [replace(r, p_corrected=by_row.get((r.dataset, r.method, r.metric))) for r in differences]
    only = [tuple(_alone(run, other)) for run, other in ((first, second), (second, first))]
    return RunComparison(
        first=str(first.path),
        second=str(second.path),
        differences=tuple(rows),
        family=family,
        flips=tuple(flips),
        methods=tuple(method_changes(comparing.pairs)),
        conditions=tuple(condition_changes(comparing.pairs)),
        provenance=tuple(provenance_changes(comparing.pairs)),
        costs=tuple(costs(comparing.pairs)),
        only_first=only[0],
        only_second=only[1],
        notes=tuple(_notes(comparing, rows, flips, family)),
    )


class _Comparing:
    """Both runs, with what matches."""

    def __init__(self, first: StoredRun, second: StoredRun, keys: Sequence[Key], histories: Histories) -> None:
        self.runs = (first, second)
        self.histories = histories
        finished = {key: (first.finished(key), second.finished(key)) for key in keys}
        self.seeds = {key: [seed for seed in ours if seed in theirs] for key, (ours, theirs) in finished.items()}
        self.pairs: Pairs = {
            key: [(finished[key][0][seed], finished[key][1][seed]) for seed in seeds]
            for key, seeds in self.seeds.items()
            if seeds
        }
        self.mixed = [key for key, pairs in self.pairs.items() if any(is_mixed(*pair) for pair in pairs)]
        self._common = {key: _common_metrics(self.tables(key)) for key in self.pairs}
        self.metrics = list(dict.fromkeys(metric for common in self._common.values() for metric in common))
        """Those with values for single users that both runs have of some method."""

    def metrics_on(self, dataset: str) -> list[str]:
        """Those of the data set, which may have cut-offs of its own; all where nothing of it is finished."""
        here = {metric for key, common in self._common.items() if key[0] == dataset for metric in common}
        return [metric for metric in self.metrics if metric in here or not here]

    def tables(self, key: Key) -> tuple[Tables, Tables]:
        """What both runs have of the users, at the seeds they share; read anew, for all methods may be too much."""
        first, second = self.runs
        return first.user_tables(key, self.seeds[key]), second.user_tables(key, self.seeds[key])

    def simulated(self, key: Key) -> bool:
        """Whether anything behind a method's numbers is made up."""
        records = [r for run in self.runs for r in run.records[key].values()]
        return any(r.dataset.simulated or r.simulated_models for r in records)

    def differences(
        self, key: Key, metrics: Sequence[str], tables: tuple[Tables, Tables]
    ) -> Iterator[MetricDifference]:
        """One for each metric that both runs have of some method on the data set."""
        seeds = tuple(self.seeds[key])
        for metric in (m for m in self.metrics_on(key[0]) if m in metrics):
            empty = MetricDifference(*key, metric, self.simulated(key), "unfinished", seeds)
            if not seeds:
                yield empty
            elif metric not in self._common[key]:
                yield replace(empty, status="unmeasured")
            elif key in self.mixed:
                yield self._side_by_side(empty, key)
            else:
                yield _tested(empty, tables)

    def _side_by_side(self, row: MetricDifference, key: Key) -> MetricDifference:
        """Means of users who may be others: no test."""
        sides = list(zip(*self.pairs[key], strict=True))
        means = [_mean([record.metrics[row.metric] for record in side]) for side in sides]
        gap = None if means[0] is None or means[1] is None else means[1] - means[0]
        return replace(row, status="mixed", first=means[0], second=means[1], mean=gap)

    def flips(self, key: Key, shown: int, tables: tuple[Tables, Tables]) -> Iterator[Flips]:
        """Of a method whose hit rate can be compared, at the largest cut-off that both have; else none."""
        common = [metric.partition("@") for metric in self._common.get(key, ())]
        cutoffs = [int(k) for name, _, k in common if name == HITS]
        if key not in self.mixed and cutoffs:
            metric, record = f"{HITS}@{max(cutoffs)}", self.pairs[key][0][0]
            yield find_flips(*tables, record, metric, self.simulated(key), shown, self.histories)


def _common_metrics(tables: tuple[Tables, Tables]) -> list[str]:
    first, *others = [table.columns for side in tables for table in side.values()]
    return [metric for metric in first if all(metric in other for other in others)]


def _tested(row: MetricDifference, tables: tuple[Tables, Tables]) -> MetricDifference:
    sides = [{seed: table[row.metric] for seed, table in side.items()} for side in tables]
    _, before, after = match(*sides)
    found = compare(after, before)
    was, now = before.mean(axis=0), after.mean(axis=0)
    counted = ~np.isnan(now - was)
    return replace(
        row,
        status="tested" if found.users else "undefined",
        first=float(was[counted].mean()) if found.users else None,
        second=float(now[counted].mean()) if found.users else None,
        mean=_number(found.mean),
        low=_number(found.low),
        high=_number(found.high),
        p=_number(found.p),
        effect_size=_number(found.effect_size),
        users=found.users,
        left_out=found.left_out,
    )


def _labels(run: StoredRun) -> str:
    datasets, methods = (", ".join(dict.fromkeys(labels)) for labels in zip(*run.records, strict=True))
    return f"{run.store.folder.name}: {methods} on {datasets}"


def _alone(run: StoredRun, other: StoredRun) -> Iterator[str]:
    """What only one run has finished: methods, and seeds of methods that both have."""
    for (dataset, label), records in run.records.items():
        name, there = f"{dataset} {label}", other.records.get((dataset, label))
        if there is None:
            yield name
            continue
        finished = other.finished((dataset, label))
        for seed, record in records.items():
            if record.status == "finished" and seed not in finished:
                yield f"{name} seed {seed}" + (f" (failed: {_reason(there[seed])})" if seed in there else "")


def _reason(record: Record) -> str:
    told = record.failure.message.strip().splitlines() if record.failure is not None else []
    return told[0] if told else "no message"


def _notes(
    comparing: _Comparing, rows: Sequence[MetricDifference], flips: Sequence[Flips], family: int
) -> Iterator[str]:
    yield (
        "B minus A, mean over users. A user's value is the average over the seeds that both runs have finished; the "
        "95 % interval is over users, and p that of the two-sided t-test paired by user, corrected by Holm over the "
        f"{family:,} tests of all methods, data sets and metrics that both have, shown or not. * marks a corrected p "
        f"below {SIGNIFICANT}. d_z is the mean divided by the standard deviation of the users' differences."
    )
    if flips:
        yield (
            "Found: a user's hit rate, averaged over these seeds, is above one half; missed: below it. For one seed "
            "without ties that is whether the target is in the list. Who stands at one half counts as neither."
        )
    elif comparing.pairs:
        yield f"No user is followed from run to run: {HITS} was not measured in both."
    if comparing.mixed:
        named = "; ".join(" ".join(key) for key in comparing.mixed)
        yield f"NOT COMPARABLE, and not tested, for protocol, data or candidates are others: {named}."
    left_out = max((row.left_out for row in rows), default=0)
    if left_out:
        yield f"Users without a value in one of the two are left out, up to {left_out:,} of a metric."
    if any(row.simulated for row in rows):
        yield "SIMULATED: marked numbers rest on made data or on the answers of a program, not of a model."
    for name, run in zip("AB", comparing.runs, strict=True):
        failed = [r for records in run.records.values() for r in records.values() if r.status == "failed"]
        if failed:
            named = "; ".join(f"{r.dataset.label} {r.method.label} seed {r.seed}" for r in failed)
            yield f"Failed in {name}: {named}."
        if run.superseded:
            named = ", ".join(sorted({f"{r.dataset.label} {r.method.label}" for r in run.superseded}))
            yield f"{name} holds earlier trials of the same data set, method and seed; the latest count ({named})."
    yield from comparing.histories.complaints


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
