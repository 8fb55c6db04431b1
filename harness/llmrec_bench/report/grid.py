"""A sheet of text -> what the page shows as a table: cells with their emphasis and what a pointer at them tells."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from llmrec_bench.sheet import Sheet
from llmrec_bench.table_text import decimals_of, sheet_of
from llmrec_bench.tables import Cell, Table

ALWAYS_TOLD = ("SIMULATED", "Failed:", "Not run", "Not measured")
"""How notes begin that no reader of a table may miss."""

Emphasis = Literal["", "best", "second"]


@dataclass(frozen=True)
class GridCell:
    """One cell."""

    text: str
    emphasis: Emphasis = ""
    title: str = ""
    """More of it, for a pointer."""


@dataclass(frozen=True)
class GridColumn:
    """The head of a column."""

    header: str
    words: bool
    """Holds words, which stand on the left, and no numbers."""
    wide: bool
    """Holds whole sentences."""


@dataclass(frozen=True)
class Grid:
    """A table of the page."""

    heading: str
    columns: tuple[GridColumn, ...]
    rows: tuple[tuple[GridCell, ...], ...]
    apart: tuple[GridCell, ...] | None
    """The last row, where it is no row like the others and stays below them however they are sorted."""
    notes: tuple[str, ...]
    links: dict[str, str]
    """Where a first cell leads, by its text."""


def grid_of_sheet(sheet: Sheet, links: dict[str, str] | None = None) -> Grid:
    """The sheet's own texts."""
    return _grid(sheet, [[GridCell(text) for text in row] for row in sheet.body], links or {})


def grid_of_table(table: Table, links: dict[str, str]) -> Grid:
    """Cells of metrics tell their value at each seed; `links` are by method."""
    sheet = sheet_of(table)
    body = [[GridCell(text) for text in row] for row in sheet.body]
    for i, column in enumerate(table.columns):
        cells = [row.cells[i] for row in table.rows]
        decimals, place = decimals_of([cell.mean for cell in cells]), list(sheet.headers).index(column)
        for row, cell in zip(body, cells, strict=False):  # the last row of the sheet is the chance level
            row[place] = GridCell(row[place].text, title=_by_seed(cell, decimals))
    names = [row[0].text for row in body]
    by_name = {name: links[row.method] for name, row in zip(names, table.rows, strict=False) if row.method in links}
    return _grid(sheet, body, by_name)


def tell_notes_once(grids: Sequence[Grid]) -> list[Grid]:
    """Without the notes that stand below an earlier grid, which is named instead; what is simulated, failed or not run
    is told every time."""
    told: dict[str, str] = {}
    found = []
    for grid in grids:
        new = [note for note in grid.notes if note not in told or note.startswith(ALWAYS_TOLD)]
        where = list(dict.fromkeys(told[note] for note in grid.notes if note not in new))
        found.append(replace(grid, notes=(*new, *(f"Further notes: below '{heading}'." for heading in where))))
        for note in grid.notes:
            told.setdefault(note, grid.heading)
    return found


def _by_seed(cell: Cell, decimals: int) -> str:
    return "; ".join(f"seed {seed}: {value:,.{decimals}f}" for seed, value in cell.values.items())


def _grid(sheet: Sheet, body: Sequence[Sequence[GridCell]], links: dict[str, str]) -> Grid:
    rows = [tuple(row) for row in body]
    columns = tuple(
        GridColumn(header, i == 0 or header in sheet.left, header in sheet.wide)
        for i, header in enumerate(sheet.headers)
    )
    apart = rows.pop() if sheet.last_apart and rows else None
    return Grid(sheet.heading, columns, tuple(rows), apart, tuple(sheet.notes), links)
