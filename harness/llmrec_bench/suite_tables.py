"""The tables a suite asks for: what stands under `tables:`, and the same with its labels resolved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from llmrec_bench.config import Config
from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.metrics.metric import Metric
from llmrec_bench.plugins import Catalog
from llmrec_bench.published import Published, read_published
from llmrec_bench.suite_mistakes import Mistakes
from llmrec_bench.suite_names import check_column, check_labels, known_labels, rows_of

Slice = Literal["activity", "popularity", "cold", "history", "shared-time"]
SLICES: tuple[Slice, ...] = get_args(Slice)
Test = Literal["t-test", "wilcoxon", "randomisation", "bootstrap", "runs-t-test", "runs-t-test-unpaired"]
TESTS: tuple[Test, ...] = get_args(Test)
Correction = Literal["holm", "bonferroni", "benjamini-hochberg", "none"]
CORRECTIONS: tuple[Correction, ...] = get_args(Correction)
_WHAT = {"baseline": "method"}


class TableEntry(Config):
    """One table: which numbers stand in it."""

    title: str = ""
    """Printed above the table."""
    metrics: Annotated[list[str], Field(min_length=1)]
    """Columns, as `NDCG@10`."""
    datasets: list[str] | None = None
    """Labels of the data sets to show; all of them if left out."""
    methods: list[str] | None = None
    """Labels of the methods to show; all of them if left out."""
    published: Path | None = None
    """A CSV of published numbers to stand beside ours, with the difference, where labels and metrics are the same. A
    relative path starts at the suite's folder."""
    published_only: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults
    """Rows that only these published numbers have, by label, each with why there are none of ours: `{RSL: no code or
    data}`."""
    baseline: str | None = None
    """Label of the method that every other row is held against: beside each number stands its change, with stars
    where a test finds one."""
    test: Test = "t-test"
    """What decides on stars. Over users, whose values are averaged over seeds: `t-test`, `wilcoxon`, `randomisation`
    and `bootstrap`, all paired. Over seeds: `runs-t-test`, paired, and `runs-t-test-unpaired` (RDRec's)."""
    correction: Correction = "holm"
    """For the number of tests of the whole table, on all its data sets: `holm` and `bonferroni` bound the chance of
    any false star, `benjamini-hochberg` the share of false ones, `none` nothing."""
    slice: Slice | None = None
    """Cuts every column by groups of users: `activity` (five, by training interactions), `popularity` (of the target:
    head, middle, tail), `cold` (whether anyone has the target in training), `history` (its length) or `shared-time`
    (whether the target has the time of the event before it)."""


@dataclass(frozen=True)
class SuiteTable:
    """A table to print, its labels resolved."""

    name: str
    title: str
    metrics: tuple[str, ...]
    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    published: Published | None = None
    published_only: Mapping[str, str] = field(default_factory=dict)
    """Why a row has published numbers and none of ours, by label."""
    baseline: str | None = None
    """Label of a method of the suite, which need not be one of the table's."""
    test: Test = "t-test"
    correction: Correction = "holm"
    slice: Slice | None = None


def resolve_tables(
    entries: Mapping[str, TableEntry],
    columns: Sequence[str],
    datasets: Sequence[str],
    methods: Sequence[str],
    published: Mapping[str, Published],
) -> Iterator[SuiteTable]:
    """The tables with all labels where an entry names none; without an entry, one with the given columns.

    `published` are the numbers the entries name, by table.
    """
    if not entries:
        yield SuiteTable("main", "", tuple(columns), tuple(datasets), tuple(methods))
    for name, entry in entries.items():
        shown = datasets if entry.datasets is None else entry.datasets
        rows = methods if entry.methods is None else [row for label in entry.methods for row in rows_of(label, methods)]
        yield SuiteTable(
            name=name,
            title=entry.title,
            metrics=tuple(entry.metrics),
            datasets=tuple(shown),
            methods=tuple(rows),
            published=published.get(name),
            published_only=entry.published_only,
            baseline=entry.baseline,
            test=entry.test,
            correction=entry.correction,
            slice=entry.slice,
        )


def ask_tables(
    tables: Sequence[SuiteTable],
    options: Mapping[str, Any],
    methods: Sequence[str],
    measures: Mapping[str, type[Metric]],
) -> tuple[SuiteTable, ...]:
    """The tables with what a reader asks for once, whatever the suite says: `options` by the names they have in a
    suite, None where it stands. `methods` are the rows of the suite, `measures` its metrics by name.

    Raises `BenchError` for what a suite could not say either.
    """
    given = {name: value for name, value in options.items() if value is not None}
    known = {"baseline": methods, "test": TESTS, "correction": CORRECTIONS, "slice": SLICES}
    for name, value in given.items():
        if value not in known.get(name, [value]):
            raise BenchError(f"--{name} {value}: there is no such {_WHAT.get(name, name)}{suggest(value, known[name])}")
    for name in given.keys() & {"test", "correction"}:
        if "baseline" not in given and not any(table.baseline for table in tables):
            raise BenchError(f"--{name} {given[name]}: nothing is compared; name a --baseline")
    if "published" in given:
        given["published"] = read_published(given["published"])
    for table in tables if "slice" in given else ():
        for column in table.metrics:
            if not _per_user(column, measures):
                raise BenchError(f"--slice {given['slice']}: table '{table.name}': {_no_user_value(column)}")
    return tuple(replace(table, **given) for table in tables)


def check_tables(sections: dict[str, Any], rows: Sequence[str], mistakes: Mistakes, catalog: Catalog) -> None:
    """Note what tables ask for that the suite does not have.

    `sections` are plain data, `rows` the labels of the methods, those that a grid made included.
    """
    tables = sections.get("tables")
    for name, entry in tables.items() if isinstance(tables, dict) else ():
        if not isinstance(entry, dict):
            continue
        columns = entry.get("metrics")
        for i, column in enumerate(columns if isinstance(columns, list) else []):
            if not isinstance(column, str):
                continue  # reported as a mistake of shape already
            where = ("tables", name, "metrics", i)
            check_column(column, where, sections, mistakes, catalog)
            known = column.partition("@")[0] in catalog.metrics
            if entry.get("slice") is not None and known and not _per_user(column, catalog.metrics):
                mistakes.add(where, f"tables.{name}: slice: {_no_user_value(column)}")
        check_labels(entry, ("tables", name), sections, rows, mistakes)
        _check_baseline(name, entry, known_labels(sections, rows)["methods"], rows, mistakes)


def check_published_only(
    tables: Any, published: Mapping[str, Published], methods: Sequence[str], mistakes: Mistakes
) -> None:
    """Note rows without numbers of ours that no file has, and those that the suite does have numbers for.

    `tables` are plain data; `published` is by table, `methods` are labels.
    """
    for name, entry in tables.items() if isinstance(tables, dict) else ():
        rows = entry.get("published_only") if isinstance(entry, dict) else None
        for label in rows if isinstance(rows, dict) else ():
            where = ("tables", name, "published_only", label)
            if entry.get("published") is None:
                mistakes.add(
                    where, f"tables.{name}: '{label}' is to show published numbers, and `published` has no file"
                )
            elif label in methods:
                mistakes.add(where, f"tables.{name}: '{label}' is a method of this suite, with numbers of its own")
            elif name in published and label.casefold() not in map(str.casefold, published[name].labels):
                known = published[name].labels
                mistakes.add(where, f"tables.{name}: {published[name].name} has no '{label}'{suggest(label, known)}")


def _check_baseline(
    name: str, entry: dict[str, Any], known: Sequence[str], rows: Sequence[str], mistakes: Mistakes
) -> None:
    baseline = entry.get("baseline")
    if baseline is None:
        for option, values in (("test", TESTS), ("correction", CORRECTIONS)):
            if entry.get(option) in values:
                message = f"tables.{name}: `{option}` says how rows are held against a `baseline`, and there is none"
                mistakes.add(("tables", name, option), message)
        return
    if not isinstance(baseline, str) or baseline in rows:
        return
    grid = rows_of(baseline, rows)
    where = ("tables", name, "baseline")
    if grid:
        mistakes.add(where, f"tables.{name}: baseline '{baseline}' is a grid; name one of its rows, as '{grid[0]}'")
    elif baseline not in known:  # a method that is wrong in itself has no row, and is there all the same
        mistakes.add(where, f"tables.{name}: there is no method '{baseline}'{suggest(baseline, known)}")


def _per_user(column: str, measures: Mapping[str, type[Metric]]) -> bool:
    return measures[column.partition("@")[0]].has_user_values


def _no_user_value(column: str) -> str:
    return f"'{column}' has no value for a single user, which groups of users need; leave it out"
