"""Table -> terminal, markdown, LaTeX, CSV or JSON."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Literal

from rich.console import Console, Group, RenderableType

from llmrec_bench.sheet import Sheet
from llmrec_bench.tables.changes import STARS
from llmrec_bench.tables.table import NEAR_CHANCE, Against, Cell, Change, ComparedCell, Mark, Table

Format = Literal["terminal", "markdown", "latex", "csv", "json"]
FORMATS: tuple[Format, ...] = ("terminal", "markdown", "latex", "csv", "json")

_CHANCE = "chance"
_SETTINGS = "settings"
_NO_NUMBER = {"failed": "failed", "missing": "not run", "unmeasured": "not measured", "published": "-"}
_BESIDE = ("published", "published_std", "difference")
"""What a `ComparedCell` adds to a cell."""
_CHANGE = tuple(field.name for field in fields(Change))


def render_tables(tables: Sequence[Table], form: Format, width: int | None = None) -> str:
    """The tables as one text. `width` is that of the terminal, else rich's own measure."""
    match form:
        case "terminal":
            console = Console(width=width, file=io.StringIO(), record=True)
            console.print(terminal_view(tables))
            return console.export_text()
        case "markdown":
            return "\n".join(sheet_of(table).markdown() for table in tables)
        case "latex":
            return "% needs \\usepackage{booktabs}\n" + "\n".join(sheet_of(table).latex() for table in tables)
        case "csv":
            return _csv(tables)
        case "json":
            return json.dumps([asdict(table) for table in tables], indent=1) + "\n"


def terminal_view(tables: Sequence[Table]) -> RenderableType:
    """What rich prints: each table with its notes below."""
    return Group(*map(sheet_of, tables))


def sheet_of(table: Table) -> Sheet:
    """The last row is the chance level, except where the table is sliced."""
    columns = list(_columns(table))
    rows = [*(_named(row.method, row.simulated) for row in table.rows), *([] if table.sizes else [_CHANCE])]
    body = [[name, *(column.texts[i] for column in columns)] for i, name in enumerate(rows)]
    marks = {(i, place): mark for place, column in enumerate(columns, 1) for i, mark in column.marks.items()}
    return Sheet(
        heading=_heading(table),
        headers=["method", *(column.header for column in columns)],
        body=body,
        notes=table.notes,
        left=(_SETTINGS,),
        last_apart=table.sizes is None,
        marks=marks,
    )


@dataclass(frozen=True)
class _Column:
    header: str
    texts: list[str]
    marks: Mapping[int, Mark] = field(default_factory=dict)


def _columns(table: Table) -> Iterator[_Column]:
    """All but the first; the last text of each is that of the chance level."""
    if any(
        row.settings not in ("default", "published") for row in table.rows
    ):  # else a note says so and saves the column
        yield _Column(_SETTINGS, [*(row.settings for row in table.rows), ""])
    for i, (header, level) in enumerate(zip(table.columns, table.chance, strict=True)):
        cells = [row.cells[i] for row in table.rows]
        compared = _compared(cells)
        decimals = decimals_of([*(cell.mean for cell in cells), *(cell.published for cell in compared)])
        shown = "n/a" if level is None else f"{level:,.{decimals}f}"
        marks = {row: mark for (row, column), mark in table.marks.items() if column == i}
        size = "" if table.sizes is None else f" ({table.sizes[i]:,} users)"
        texts = [*(cell_text(cell, len(table.seeds), decimals) for cell in cells), shown]
        yield _Column(header + size, texts, marks)
        if table.against is not None:
            changes = [
                "-" if cell.status == "published" else _change(row.method, cell.change, table.against, decimals)
                for row, cell in zip(table.rows, cells, strict=True)
            ]
            yield _Column(f"{header} change", [*changes, ""])
        if compared:
            yield _Column(f"{header} published", [*(_published(cell, decimals) for cell in compared), ""])
            yield _Column(f"{header} difference", [*(_difference(cell, decimals) for cell in compared), ""])


def _heading(table: Table) -> str:
    title = f"{' '.join(table.title.split()) or table.name}: {table.dataset}"
    return f"{title} (simulated data)" if table.simulated else title


def _compared(cells: Sequence[Cell]) -> list[ComparedCell]:
    """All of a column that published numbers stand beside, none of another."""
    return [cell for cell in cells if isinstance(cell, ComparedCell)]


def _named(method: str, simulated: bool) -> str:
    return f"{method} (simulated)" if simulated else method


def _change(method: str, change: Change | None, against: Against, decimals: int) -> str:
    """`+4.2 % **`; by the amount where the baseline has 0."""
    if method == against.baseline:
        return "baseline"
    if change is None or change.mean is None:
        return "n/a"
    amount = f"{change.mean:+,.{decimals}f}" if change.relative is None else f"{change.relative:+,.1%}"
    stars = "*" * sum(change.p_corrected < level for level in STARS) if change.p_corrected is not None else ""
    return f"{amount} {stars}".rstrip()


def decimals_of(means: Sequence[float | None]) -> int:
    """Four for a column of shares or bits, two for one that holds counts."""
    return 2 if any(abs(mean) >= 10 for mean in means if mean is not None) else 4


def cell_text(cell: Cell, seeds: int, decimals: int) -> str:
    """The cell of a table over so many seeds."""
    if cell.mean is None:
        return _NO_NUMBER.get(cell.status, "n/a")
    spread = "" if cell.std is None else f" ±{cell.std:,.{decimals}f}"
    share = f" ({len(cell.values)}/{seeds} seeds)" if cell.status == "partial" else ""
    mark = f" {NEAR_CHANCE}" if cell.near_chance else ""
    return f"{cell.mean:,.{decimals}f}{spread}{mark}{share}"


def _published(cell: ComparedCell, decimals: int) -> str:
    if cell.published is None:
        return "-"
    spread = "" if cell.published_std is None else f" ±{cell.published_std:,.{decimals}f}"
    return f"{cell.published:,.{decimals}f}{spread}"


def _difference(cell: ComparedCell, decimals: int) -> str:
    return "-" if cell.difference is None else f"{cell.difference:+,.{decimals}f}"


def _csv(tables: Sequence[Table]) -> str:
    """One row a cell: every number by name, as a machine wants it. Columns for published numbers are there where a
    table has any."""
    compares = any(_compared(row.cells) for table in tables for row in table.rows)
    changes = any(table.against is not None for table in tables)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["table", "dataset", "simulated", "method", "settings", "metric", "mean", "std", "seeds", "seeds_planned",
         "status", "chance", "near_chance", "protocol_hash", "data_fingerprint",
         *(_BESIDE if compares else ()),
         *(("baseline", "test", "correction", "family", *(f"change_{name}" for name in _CHANGE)) if changes else ())]
    )  # fmt: skip
    for table in tables:
        for row in table.rows:
            simulated = table.simulated or row.simulated
            for column, cell, level in zip(table.columns, row.cells, table.chance, strict=True):
                beside = [getattr(cell, name, None) for name in _BESIDE] if compares else []
                if changes:
                    against = table.against
                    beside += [None] * 4 if against is None else list(vars(against).values())
                    beside += [getattr(cell.change, name, None) for name in _CHANGE]
                writer.writerow(
                    [table.name, table.dataset, simulated, row.method, row.settings, column, cell.mean, cell.std,
                     len(cell.values), len(table.seeds), cell.status, level, cell.near_chance, table.protocol_hash,
                     table.fingerprint, *beside]
                )  # fmt: skip
    return out.getvalue()


def p_text(p: float | None) -> str:
    """Four decimals of a p-value."""
    if p is None:
        return "n/a"
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"
