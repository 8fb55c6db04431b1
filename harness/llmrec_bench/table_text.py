"""Table -> terminal, markdown, LaTeX, CSV or JSON."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Literal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as Grid
from rich.text import Text
from tabulate import tabulate

from llmrec_bench.tables import NEAR_CHANCE, Cell, Table

Format = Literal["terminal", "markdown", "latex", "csv", "json"]
FORMATS: tuple[Format, ...] = ("terminal", "markdown", "latex", "csv", "json")

_CHANCE = "chance"
_SETTINGS = "settings"


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
            return "% needs \\usepackage{booktabs}\n" + "\n".join(_latex(table) for table in tables)
        case "csv":
            return _csv(tables)
        case "json":
            return json.dumps([asdict(table) for table in tables], indent=1) + "\n"


def terminal_view(tables: Sequence[Table]) -> RenderableType:
    """What rich prints: each table with its notes below."""
    return Group(*map(_TerminalTable, tables))


class _TerminalTable:
    """A table that spreads its columns over several grids where the terminal is narrow, as rich would cut them off."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(_heading(self._table), style="bold")
        yield from grids(_headers(self._table), _body(self._table), options.max_width, (_SETTINGS,), last_apart=True)
        yield Text("\n".join(self._table.notes) + "\n", style="dim")


_BORDERS = 3  # of a column: a line and two blanks
_NARROWEST_LABEL = 12


def grids(
    headers: list[str],
    body: list[list[str]],
    width: int,
    left: Sequence[str],
    label_width: int = _NARROWEST_LABEL,
    last_apart: bool = False,
) -> Iterator[Grid]:
    """Grids no wider than `width` (from 18 more than `label_width` on), each with the first column, as narrow as
    `label_width` if need be, and some of the others. Labels and headers may fold; a number stands whole, its spread on
    the next line if need be. The columns `left` are justified so; `last_apart` rules off the last row and dims it."""
    columns = [[header, *(row[i] for row in body)] for i, header in enumerate(headers)]
    natural = [max(map(len, column)) for column in columns]
    narrow = [max(len(word) for text in column for word in text.split() or [""]) for column in columns]
    room = width - 1 - _BORDERS - min(natural[0], label_width)
    narrow = [min(size, room - _BORDERS) for size in narrow]

    def taken(group: list[int], sizes: list[int]) -> int:
        return sum(sizes[i] + _BORDERS for i in group)

    groups: list[list[int]] = [[]]
    for i in range(1, len(headers)):
        if groups[-1] and taken([*groups[-1], i], narrow) > room:
            groups.append([])
        groups[-1].append(i)
    for group in groups:
        sizes = natural if taken(group, natural) <= room else narrow
        grid = Grid(highlight=False)
        grid.add_column(headers[0], width=min(natural[0], width - 1 - _BORDERS - taken(group, sizes)), overflow="fold")
        for i in group:
            justify: Literal["left", "right"] = "left" if headers[i] in left else "right"
            grid.add_column(headers[i], width=sizes[i], justify=justify, overflow="fold")
        for place, row in enumerate(body):
            grid.add_row(
                *(Text(row[i]) for i in [0, *group]),
                style="dim" if last_apart and place == len(body) - 1 else None,
                end_section=last_apart and place == len(body) - 2,
            )
        yield grid


def _heading(table: Table) -> str:
    title = f"{' '.join(table.title.split()) or table.name}: {table.dataset}"
    return f"{title} (simulated data)" if table.simulated else title


def _shows_settings(table: Table) -> bool:
    """Where every method stands at its defaults, a note says so and saves the column."""
    return any(row.settings != "default" for row in table.rows)


def _headers(table: Table) -> list[str]:
    return ["method", *([_SETTINGS] if _shows_settings(table) else []), *table.columns]


def _body(table: Table) -> list[list[str]]:
    """The method and its cells as text, row by row; the last row is the chance level."""
    columns = [[f"{row.method} (simulated)" if row.simulated else row.method for row in table.rows] + [_CHANCE]]
    if _shows_settings(table):
        columns.append([row.settings for row in table.rows] + [""])
    for i, level in enumerate(table.chance):
        cells = [row.cells[i] for row in table.rows]
        decimals = _decimals([cell.mean for cell in cells])
        shown = "n/a" if level is None else f"{level:,.{decimals}f}"
        columns.append([*(_text(cell, len(table.seeds), decimals) for cell in cells), shown])
    return [list(row) for row in zip(*columns, strict=True)]


def _decimals(means: Sequence[float | None]) -> int:
    """Four for a column of shares or bits, two for one that holds counts."""
    return 2 if any(abs(mean) >= 10 for mean in means if mean is not None) else 4


def _text(cell: Cell, seeds: int, decimals: int) -> str:
    """The cell of a table over so many seeds."""
    if cell.mean is None:
        return {"failed": "failed", "missing": "not run", "unmeasured": "not measured"}.get(cell.status, "n/a")
    spread = "" if cell.std is None else f" ±{cell.std:,.{decimals}f}"
    share = f" ({len(cell.values)}/{seeds} seeds)" if cell.status == "partial" else ""
    mark = f" {NEAR_CHANCE}" if cell.near_chance else ""
    return f"{cell.mean:,.{decimals}f}{spread}{mark}{share}"


def _align(table: Table) -> list[str]:
    texts = len(_headers(table)) - len(table.columns)
    return ["left"] * texts + ["right"] * len(table.columns)


def markdown_escape(text: str) -> str:
    """For a cell of a markdown table."""
    return text.replace("|", "\\|")


def _markdown(table: Table) -> str:
    body = [[markdown_escape(text) for text in row] for row in _body(table)]
    grid = tabulate(body, headers=_headers(table), tablefmt="pipe", disable_numparse=True, colalign=_align(table))
    notes = "\n".join(f"- {note}" for note in table.notes)
    return f"**{markdown_escape(_heading(table))}**\n\n{grid}\n\n{notes}\n"


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # at the start of a row it would belong to the line break before
    "±": r"$\pm$",
    NEAR_CHANCE: r"$\approx$",
}


def latex_escape(text: str) -> str:
    """Plain text for LaTeX."""
    return "".join(_LATEX.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)


def latex_grid(headers: list[str], body: list[list[str]], align: list[str], last_apart: bool = False) -> list[str]:
    """The lines of a tabular with booktabs rules: above, below the header, below; `last_apart` rules off the last
    row."""
    escaped = [[latex_escape(text) for text in row] for row in body]
    names = [latex_escape(text) for text in headers]
    grid = tabulate(escaped, headers=names, tablefmt="latex_raw", disable_numparse=True, colalign=align)
    lines = [line for line in grid.splitlines() if line != r"\hline"]
    lines[1:1] = [r"\toprule"]
    lines[3:3] = [r"\midrule"]
    if last_apart:
        lines[-2:-2] = [r"\midrule"]
    lines[-1:-1] = [r"\bottomrule"]
    return lines


def _latex(table: Table) -> str:
    lines = latex_grid(_headers(table), _body(table), _align(table), last_apart=True)  # the chance level
    notes = "\n".join(rf"\par\footnotesize {latex_escape(note)}" for note in table.notes)
    caption = rf"\caption{{{latex_escape(_heading(table))}}}"
    return "\n".join([r"\begin{table}", r"\centering", caption, *lines, notes, r"\end{table}", ""])


def _csv(tables: Sequence[Table]) -> str:
    """One row a cell: every number by name, as a machine wants it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["table", "dataset", "simulated", "method", "settings", "metric", "mean", "std", "seeds", "seeds_planned",
         "status", "chance", "near_chance", "protocol_hash", "data_fingerprint"]
    )  # fmt: skip
    for table in tables:
        for row in table.rows:
            simulated = table.simulated or row.simulated
            for column, cell, level in zip(table.columns, row.cells, table.chance, strict=True):
                writer.writerow(
                    [table.name, table.dataset, simulated, row.method, row.settings, column, cell.mean, cell.std,
                     len(cell.values), len(table.seeds), cell.status, level, cell.near_chance, table.protocol_hash,
                     table.fingerprint]
                )  # fmt: skip
    return out.getvalue()
