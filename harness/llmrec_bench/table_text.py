"""Table -> terminal, markdown, LaTeX, CSV or JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from rich.console import Console, Group, RenderableType

from llmrec_bench.sheet import Sheet
from llmrec_bench.tables import NEAR_CHANCE, Cell, ComparedCell, Table

Format = Literal["terminal", "markdown", "latex", "csv", "json"]
FORMATS: tuple[Format, ...] = ("terminal", "markdown", "latex", "csv", "json")

_CHANCE = "chance"
_SETTINGS = "settings"
_BESIDE = ("published", "published_std", "difference")
"""What a `ComparedCell` adds to a cell."""


def render_tables(tables: Sequence[Table], form: Format, width: int | None = None) -> str:
    """The tables as one text. `width` is that of the terminal, else rich's own measure."""
    match form:
        case "terminal":
            console = Console(width=width, file=io.StringIO(), record=True)
            console.print(terminal_view(tables))
            return console.export_text()
        case "markdown":
            return "\n".join(_sheet(table).markdown() for table in tables)
        case "latex":
            return "% needs \\usepackage{booktabs}\n" + "\n".join(_sheet(table).latex() for table in tables)
        case "csv":
            return _csv(tables)
        case "json":
            return json.dumps([asdict(table) for table in tables], indent=1) + "\n"


def terminal_view(tables: Sequence[Table]) -> RenderableType:
    """What rich prints: each table with its notes below."""
    return Group(*map(_sheet, tables))


def _sheet(table: Table) -> Sheet:
    """The last row is the chance level."""
    return Sheet(_heading(table), _headers(table), _body(table), table.notes, left=(_SETTINGS,), last_apart=True)


def _heading(table: Table) -> str:
    title = f"{' '.join(table.title.split()) or table.name}: {table.dataset}"
    return f"{title} (simulated data)" if table.simulated else title


def _shows_settings(table: Table) -> bool:
    """Where every method stands at its defaults, a note says so and saves the column."""
    return any(row.settings != "default" for row in table.rows)


def _headers(table: Table) -> list[str]:
    columns = []
    for i, column in enumerate(table.columns):
        columns.append(column)
        if _compared([row.cells[i] for row in table.rows]):
            columns += [f"{column} published", f"{column} difference"]
    return ["method", *([_SETTINGS] if _shows_settings(table) else []), *columns]


def _compared(cells: Sequence[Cell]) -> list[ComparedCell]:
    """All of a column that published numbers stand beside, none of another."""
    return [cell for cell in cells if isinstance(cell, ComparedCell)]


def _body(table: Table) -> list[list[str]]:
    """The method and its cells as text, row by row; the last row is the chance level."""
    columns = [[f"{row.method} (simulated)" if row.simulated else row.method for row in table.rows] + [_CHANCE]]
    if _shows_settings(table):
        columns.append([row.settings for row in table.rows] + [""])
    for i, level in enumerate(table.chance):
        cells = [row.cells[i] for row in table.rows]
        compared = _compared(cells)
        decimals = decimals_of([*(cell.mean for cell in cells), *(cell.published for cell in compared)])
        shown = "n/a" if level is None else f"{level:,.{decimals}f}"
        columns.append([*(cell_text(cell, len(table.seeds), decimals) for cell in cells), shown])
        if compared:
            columns.append([*(_published(cell, decimals) for cell in compared), ""])
            columns.append([*(_difference(cell, decimals) for cell in compared), ""])
    return [list(row) for row in zip(*columns, strict=True)]


def decimals_of(means: Sequence[float | None]) -> int:
    """Four for a column of shares or bits, two for one that holds counts."""
    return 2 if any(abs(mean) >= 10 for mean in means if mean is not None) else 4


def cell_text(cell: Cell, seeds: int, decimals: int) -> str:
    """The cell of a table over so many seeds."""
    if cell.mean is None:
        return {"failed": "failed", "missing": "not run", "unmeasured": "not measured"}.get(cell.status, "n/a")
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
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["table", "dataset", "simulated", "method", "settings", "metric", "mean", "std", "seeds", "seeds_planned",
         "status", "chance", "near_chance", "protocol_hash", "data_fingerprint",
         *(_BESIDE if compares else ())]
    )  # fmt: skip
    for table in tables:
        for row in table.rows:
            simulated = table.simulated or row.simulated
            for column, cell, level in zip(table.columns, row.cells, table.chance, strict=True):
                beside = [getattr(cell, name, None) for name in _BESIDE] if compares else []
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
