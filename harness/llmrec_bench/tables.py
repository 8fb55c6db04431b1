"""Records -> Table: the same numbers for every output, with what a reader must know to read them."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from llmrec_bench.errors import BenchError
from llmrec_bench.llm.meter import Spending
from llmrec_bench.plan import Plan, Trial
from llmrec_bench.published import Published
from llmrec_bench.store import Record
from llmrec_bench.suite import SuiteTable

NEAR_CHANCE = "≈"
"""Stands behind a number that a random order of the candidates might have got."""

CellStatus = Literal["complete", "partial", "failed", "missing", "unmeasured", "undefined"]


@dataclass(frozen=True)
class Cell:
    """One number over seeds, or the reason why there is none."""

    status: CellStatus
    """`complete`: every seed; `partial`: some seeds failed or are missing, the mean is over the others;
    `failed`, `missing`: no seed; `unmeasured`: run before the suite asked for this metric; `undefined`: the metric has
    no value here."""
    mean: float | None
    std: float | None
    """Sample standard deviation over seeds (n - 1); None with fewer than two."""
    values: dict[int, float]
    """By seed."""
    near_chance: bool
    """The mean is below the chance level, or above it by less than two standard errors over users; False where the
    metric has no such level or the records do not tell."""


@dataclass(frozen=True)
class ComparedCell(Cell):
    """A cell of a column that the table's file of published numbers has."""

    published: float | None
    """In the unit of ours; None where the file has no such row."""
    published_std: float | None
    difference: float | None
    """Ours minus the published mean."""


@dataclass(frozen=True)
class Row:
    """One method."""

    method: str
    settings: str
    """Where its options come from: `default`, the name of the method's own settings, `own` for others that the suite
    gives, or `tuned` with the number of fits."""
    cells: tuple[Cell, ...]
    trials: dict[int, str]
    """Ids by seed, of what was planned."""
    simulated: bool = False
    """A simulated language model wrote some of what its numbers rest on."""


@dataclass(frozen=True)
class Table:
    """One data set's results, ready to be shown."""

    name: str
    title: str
    dataset: str
    simulated: bool
    columns: tuple[str, ...]
    """Metrics, as `NDCG@10`."""
    rows: tuple[Row, ...]
    chance: tuple[float | None, ...]
    """Mean over seeds of what a random order of the candidates gets, by column; None where there is no such level."""
    seeds: tuple[int, ...]
    protocol_hash: str
    fingerprint: str
    notes: tuple[str, ...]


def build_tables(plan: Plan, records: dict[str, Record]) -> list[Table]:
    """Every table of the suite, one for each data set it shows; `records` are by trial id.

    Tables of which the plan has no trial are left out.

    Raises `BenchError` where records of one table differ in protocol, data or candidates.
    """
    return [
        _build(plan, table, dataset, records)
        for table in plan.suite.tables
        for dataset in table.datasets
        if any(trial.dataset.label == dataset and trial.method.label in table.methods for trial in plan.trials)
    ]


def refuse_mixed(records: Sequence[Record]) -> None:
    """Raises `BenchError` where numbers were not made under one protocol, on the same data and candidates."""
    for what, keys in (
        ("protocols", {r.protocol.hash for r in records}),
        ("data sets", {r.dataset.fingerprint for r in records}),
    ):
        if len(keys) > 1:
            raise BenchError(f"one table cannot hold numbers of different {what} ({', '.join(sorted(keys))})")
    for seed in {r.seed for r in records}:
        drawn = {str(r.protocol.candidates_hash) for r in records if r.seed == seed}
        if len(drawn) > 1:
            raise BenchError(
                f"one table cannot hold numbers of different candidate sets (seed {seed}: {', '.join(sorted(drawn))})"
            )


def _build(plan: Plan, table: SuiteTable, dataset: str, records: dict[str, Record]) -> Table:
    trials = [t for t in plan.trials if t.dataset.label == dataset and t.method.label in table.methods]
    finished = [records[t.id] for t in trials if t.id in records and records[t.id].status == "finished"]
    refuse_mixed(finished)
    seeds = tuple(dict.fromkeys(t.seed for t in trials))
    labels = [label for label in table.methods if any(t.method.label == label for t in trials)]
    rows = [_row(label, [t for t in trials if t.method.label == label], table.metrics, records) for label in labels]
    notes = list(reading_notes(plan, dataset, set(table.metrics), trials, finished, records, seeds))
    if any(cell.near_chance for row in rows for cell in row.cells):
        notes.append(f"{NEAR_CHANCE}: below chance, or above it by less than two standard errors over users.")
    if table.published is not None:
        rows = [_beside(row, dataset, table.metrics, table.published) for row in rows]
        notes += table.published.notes(dataset, labels, table.metrics, plan.suite.protocol)
    return Table(
        name=table.name,
        title=table.title,
        dataset=dataset,
        simulated=any(t.dataset.source.simulated for t in trials),
        columns=table.metrics,
        rows=tuple(rows),
        chance=tuple(_chance(column, finished) for column in table.metrics),
        seeds=seeds,
        protocol_hash=plan.suite.protocol.hash,
        fingerprint=plan.prepared[dataset].dataset.fingerprint,
        notes=tuple(notes),
    )


def _row(label: str, trials: list[Trial], columns: Sequence[str], records: dict[str, Record]) -> Row:
    settings, search = trials[0].method.settings, trials[0].search
    if search is not None:
        settings += f", {search.tuning.fits} fits"
    cells = tuple(_cell(trials, column, records) for column in columns)
    simulated = any(t.id in records and records[t.id].simulated_models for t in trials)
    return Row(label, settings, cells, {trial.seed: trial.id for trial in trials}, simulated)


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


def _cell(trials: list[Trial], column: str, records: dict[str, Record]) -> Cell:
    mine = {t.seed: records[t.id] for t in trials if t.id in records}
    finished = {seed: r for seed, r in mine.items() if r.status == "finished" and column in r.metrics}
    if not finished:
        states = {r.status for r in mine.values()}
        status: CellStatus = "failed" if "failed" in states else "unmeasured" if states else "missing"
        return Cell(status, None, None, {}, False)
    values = {seed: value for seed, r in finished.items() if (value := r.metrics[column]) is not None}
    if len(values) < len(finished):
        return Cell("undefined", None, None, values, False)
    mean = statistics.fmean(values.values())
    return Cell(
        "complete" if len(finished) == len(trials) else "partial",
        mean,
        statistics.stdev(values.values()) if len(values) > 1 else None,
        values,
        _is_near_chance(mean, column, list(finished.values())),
    )


def _is_near_chance(mean: float, column: str, records: list[Record]) -> bool:
    levels = [level for r in records if (level := r.chance.get(column)) is not None]
    errors = [r.standard_errors[column] for r in records if column in r.standard_errors]
    if len(levels) < len(records) or len(errors) < len(records):
        return False
    # The seeds share their users, so that the error of their mean is no smaller than that of one.
    return mean <= statistics.fmean(levels) + 2 * statistics.fmean(errors)


def _chance(column: str, finished: list[Record]) -> float | None:
    by_seed = {r.seed: value for r in finished if (value := r.chance.get(column)) is not None}
    return statistics.fmean(by_seed.values()) if by_seed else None


def reading_notes(
    plan: Plan,
    dataset: str,
    columns: set[str],
    trials: list[Trial],
    finished: list[Record],
    records: dict[str, Record],
    seeds: tuple[int, ...],
    spread: bool = True,
) -> Iterator[str]:
    """What a reader must know of these trials and their records: data, protocol, seeds, settings, language models, and
    what failed or is missing of the metrics `columns`. Without `spread`, what ± means is left out."""
    protocol, data = plan.suite.protocol, plan.prepared[dataset].dataset
    source = trials[0].dataset.source
    if data.simulated:
        yield f"SIMULATED: the interactions of '{source.name}' are made by a program, not observed."
    parts = plan.prepared[dataset].split
    untrained = int((parts.train.item_counts(data.n_items) == 0).sum())
    queries = next((r.dataset.queries for r in finished), None)  # a candidate file may ask for fewer than the split
    yield (
        f"Data {data.fingerprint}: {source.name}, {data.n_users:,} users, {data.n_items:,} items, "
        f"{len(data.sequences.items):,} interactions"
        + ("" if queries is None else f"; {queries:,} queries")
        + (f"; {untrained:,} items have no training interaction." if untrained else ".")
    )
    yield f"Protocol {protocol.hash}: {protocol.describe()}."
    if not spread:
        pass
    elif len(seeds) > 1:
        named = ", ".join(map(str, seeds)) if len(seeds) <= 10 else f"{seeds[0]} to {seeds[-1]} ({len(seeds)} in all)"
        yield (
            f"Mean ± standard deviation over seeds {named}: the spread of repeated runs, not a test between methods."
        )
    else:
        yield f"One seed ({seeds[0]}): no spread is known."
    if all(t.method.settings == "default" for t in trials):
        yield "Settings: every method with its defaults."
    yield from _tuning_notes(trials, records)
    yield from _language_model_notes(finished)
    yield from _remarks(finished)
    for trial in trials:
        record = records.get(trial.id)
        if record is None or record.failure is None:
            continue
        if record.status == "failed" or not columns <= record.metrics.keys():
            reason = record.failure.message.strip().splitlines()
            yield (
                f"Failed: {trial.method.label} seed {trial.seed}, {record.failure.kind}: "
                f"{reason[0] if reason else 'no message'} (trial {trial.id})"
            )
    missing = sum(1 for t in trials if t.id not in records)
    if missing:
        yield f"Not run yet: {missing} of {len(trials)} trials."
    unmeasured = sum(1 for r in finished if not columns <= r.metrics.keys())
    if unmeasured:
        yield f"Not measured yet: metrics of {unmeasured} of {len(trials)} trials; bench run adds them without a fit."


def _tuning_notes(trials: list[Trial], records: dict[str, Record]) -> Iterator[str]:
    """For each tuned method: what its search cost, what it chose, and what that gained on the validation queries."""
    told = set()
    for trial in trials:
        record = records.get(trial.id)
        tuning = None if record is None else record.tuning
        if trial.search is None or tuning is None or tuning.search in told:
            continue
        told.add(tuning.search)
        failed = f" ({tuning.failed_fits} failed)" if tuning.failed_fits else ""
        chosen = ", ".join(f"{option}={_plain(value)}" for option, value in tuning.options.items())
        untuned = "n/a" if tuning.untuned_value is None else f"{tuning.untuned_value:.4f}"
        yield (
            f"Tuned: {trial.method.label}, {tuning.fits} fits{failed}, {tuning.fit_seconds:,.0f} s in all; validation "
            f"{tuning.metric} {tuning.value:.4f} with {chosen or 'the untuned options'}, {untuned} untuned."
        )


def _language_model_notes(finished: Sequence[Record]) -> Iterator[str]:
    """For each language model: which methods rest on its answers, how many of these were replayed, what to bear in
    mind."""
    spent: dict[tuple[str, str], list[tuple[str, Spending]]] = {}
    for record in finished:
        for spending in record.all_spending():
            spent.setdefault((spending.provider, spending.model), []).append((record.method.label, spending))
    for (provider, model), uses in sorted(spent.items()):
        labels = ", ".join(dict.fromkeys(label for label, _ in uses))
        last = uses[-1][1]
        if last.simulated:
            yield f"SIMULATED: the language model behind {labels} is a program ({provider} {model}), not a model."
        else:
            recorded = sum(s.recorded_calls for _, s in uses)
            share = f"{recorded / max(1, sum(s.calls for _, s in uses)):.0%} of its answers from a cassette"
            yield f"Language model behind {labels}: {provider} {model}, {share}."
        failed = sum(s.failed_calls for _, s in uses)
        if failed:
            yield f"{provider} {model}: {failed:,} requests came to no answer."
        if last.caution:
            yield f"{provider} {model}: {last.caution}."


def _remarks(finished: Sequence[Record]) -> Iterator[str]:
    """What these methods and the stages behind them have to say of themselves, each once, and how far their numbers
    could move where an order was left open."""
    behind: dict[tuple[str, str], list[str]] = {}
    for record in finished:
        for stage in record.stages:
            for remark in stage.remarks:
                behind.setdefault((stage.key, f"{stage.stage}: {remark}"), []).append(record.method.label)
    for (_, remark), labels in behind.items():
        yield f"Behind {', '.join(dict.fromkeys(labels))}: {remark}."
    said: dict[tuple[str, str], list[str]] = {}
    for record in finished:
        bounds = ", ".join(f"{name} {low:.4f} to {high:.4f}" for name, (low, high) in record.bounds.items())
        for remark in (*record.remarks, *([f"its ties leave open {bounds}"] if bounds else [])):
            simulated = "SIMULATED: " if record.simulated_models else ""
            said.setdefault((f"{simulated}{record.method.label}", remark), []).append(str(record.seed))
    for (label, remark), seeds in said.items():
        yield f"{label} (seed {', '.join(seeds)}): {remark}."


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
