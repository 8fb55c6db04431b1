"""Table -> terminal, markdown, LaTeX, CSV or JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text
from tabulate import tabulate

from llmrec_bench.tables import Cell, Table

Format = Literal["terminal", "markdown", "latex", "csv", "json"]
FORMATS: tuple[Format, ...] = ("terminal", "markdown", "latex", "csv", "json")

_CHANCE = "chance"


def render_tables(tables: Sequence[Table], form: Format, width: int | None = None) -> str:
    """The tables as one text. `width` is that of the terminal, else rich's own measure."""
    match form:
        case "terminal":
            console = Console(width=width, file=io.StringIO(), record=True)
            console.print(terminal_view(tables))
            return console.export_text()
        case "markdown":
            return "\n".join(_markdown(table) for table in tables)
        case "latex":
            return "\n".join(_latex(table) for table in tables)
        case "csv":
            return _csv(tables)
        case "json":
            return json.dumps([asdict(table) for table in tables], indent=1) + "\n"


def terminal_view(tables: Sequence[Table]) -> RenderableType:
    """What rich prints: each table with its notes below."""
    parts: list[RenderableType] = []
    for table in tables:
        grid = Grid(title=escape(_heading(table)), title_justify="left", title_style="bold")
        grid.add_column("method", no_wrap=True)
        for column in table.columns:
            grid.add_column(column, justify="right", overflow="fold")  # never cut a number off
        for i, row in enumerate(table.rows):
            cells = [_text(cell) for cell in row.cells]
            grid.add_row(escape(row.method), *map(escape, cells), end_section=i == len(table.rows) - 1)
        grid.add_row(_CHANCE, *map(_level, table.chance), style="dim")
        parts += [grid, Text("\n".join(table.notes) + "\n", style="dim")]
    return Group(*parts)


def _heading(table: Table) -> str:
    title = f"{table.title or table.name}: {table.dataset}"
    return f"{title} (simulated data)" if table.simulated else title


def _text(cell: Cell) -> str:
    if cell.mean is None:
        return {"failed": "failed", "missing": "not run"}.get(cell.status, "n/a")
    spread = "" if cell.std is None else f" ±{_number(cell.std, like=cell.mean)}"
    return f"{_number(cell.mean)}{spread}" + (f" ({len(cell.values)} seeds only)" if cell.status == "partial" else "")


def _number(value: float, like: float | None = None) -> str:
    """Four decimals for shares and bits, two for counts; a spread takes as many as its mean."""
    return f"{value:.4f}" if abs(value if like is None else like) < 10 else f"{value:,.2f}"


def _level(value: float | None) -> str:
    return "n/a" if value is None else _number(value)


def _body(table: Table) -> list[list[str]]:
    rows = [[row.method, *map(_text, row.cells)] for row in table.rows]
    return [*rows, [_CHANCE, *map(_level, table.chance)]]


def _markdown(table: Table) -> str:
    def plain(text: str) -> str:
        return text.replace("|", "\\|")

    body = [[plain(text) for text in row] for row in _body(table)]
    align = ("left", *["right"] * len(table.columns))
    grid = tabulate(body, headers=["method", *table.columns], tablefmt="pipe", disable_numparse=True, colalign=align)
    notes = "\n".join(f"- {note}" for note in table.notes)
    return f"**{plain(_heading(table))}**\n\n{grid}\n\n{notes}\n"


def _latex(table: Table) -> str:
    def plain(text: str) -> str:
        special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
        return "".join(special.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)

    body = [[plain(text) for text in row] for row in _body(table)]
    align = ("left", *["right"] * len(table.columns))
    headers = [plain(text) for text in ("method", *table.columns)]
    grid = tabulate(body, headers=headers, tablefmt="latex_raw", disable_numparse=True, colalign=align)
    lines = [line for line in grid.splitlines() if line != r"\hline"]
    # booktabs rules: above, below the header, above the chance level, below.
    lines[1:1] = [r"\toprule"]
    lines[3:3] = [r"\midrule"]
    lines[-2:-2] = [r"\midrule"]
    lines[-1:-1] = [r"\bottomrule"]
    notes = "\n".join(rf"\par\footnotesize {plain(note)}" for note in table.notes)
    caption = rf"\caption{{{plain(_heading(table))}}}"
    return "\n".join([r"\begin{table}", r"\centering", caption, *lines, notes, r"\end{table}", ""])


def _csv(tables: Sequence[Table]) -> str:
    """One row a cell: every number by name, as a machine wants it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["table", "dataset", "simulated", "method", "metric", "mean", "std", "seeds", "seeds_planned", "status",
         "chance", "protocol_hash", "data_fingerprint"]
    )  # fmt: skip
    for table in tables:
        for row in table.rows:
            for column, cell, level in zip(table.columns, row.cells, table.chance, strict=True):
                writer.writerow(
                    [table.name, table.dataset, table.simulated, row.method, column, cell.mean, cell.std,
                     len(cell.values), len(table.seeds), cell.status, level, table.protocol_hash, table.fingerprint]
                )  # fmt: skip
    return out.getvalue()
