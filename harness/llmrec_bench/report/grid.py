"""A sheet of text -> what the page shows as a table: cells with their mark and what a pointer at them tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from llmrec_bench.sheet import Mark, Sheet
from llmrec_bench.table_text import decimals_of, sheet_of
from llmrec_bench.tables.table import Cell, Change, Table

ALWAYS_TOLD = ("SIMULATED", "MIXED:", "Failed:", "Not run", "Not measured")
"""How notes begin that no reader of a table may miss."""


@dataclass(frozen=True)
class GridCell:
    """One cell."""

    text: str
    mark: Mark | None = None
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
    return _grid(sheet, {}, links or {})


def grid_of_table(table: Table, links: dict[str, str]) -> Grid:
    """Cells of metrics tell their value at each seed, changes their interval and test; `links` are by method."""
    sheet = sheet_of(table)
    titles: dict[tuple[int, int], str] = {}
    for i, column in enumerate(table.columns):
        cells = [row.cells[i] for row in table.rows]
        decimals = decimals_of([cell.mean for cell in cells])
        for place, header in enumerate(sheet.headers):
            for row, cell in enumerate(cells):
                if header == column or (table.sizes and header.startswith(f"{column} (")):
                    titles[row, place] = _by_seed(cell, decimals)
                elif header == f"{column} change" and cell.change is not None:
                    titles[row, place] = _tested(cell.change, decimals)
    shown = zip(sheet.body, table.rows, strict=False)  # the last row of the sheet may be the chance level
    names = {text[0]: links[row.method] for text, row in shown if row.method in links}
    return _grid(sheet, titles, names)


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


def _tested(change: Change, decimals: int) -> str:
    if change.mean is None:
        return ""
    told = [f"difference {change.mean:+,.{decimals}f}"]
    if change.low is not None and change.high is not None:
        told.append(f"95 % interval {change.low:+,.{decimals}f} to {change.high:+,.{decimals}f}")
    if change.p_corrected is not None:
        told.append(f"p {change.p_corrected:.4f}, corrected")
    if change.effect_size is not None:
        told.append(f"d_z {change.effect_size:+.2f}")
    return "; ".join([*told, f"{change.users:,} users, {change.seeds} seeds"])


def _grid(sheet: Sheet, titles: Mapping[tuple[int, int], str], links: dict[str, str]) -> Grid:
    rows = [
        tuple(GridCell(text, sheet.marks.get((i, place)), titles.get((i, place), "")) for place, text in enumerate(row))
        for i, row in enumerate(sheet.body)
    ]
    columns = tuple(
        GridColumn(header, i == 0 or header in sheet.left, header in sheet.wide)
        for i, header in enumerate(sheet.headers)
    )
    apart = rows.pop() if sheet.last_apart and rows else None
    return Grid(sheet.heading, columns, tuple(rows), apart, tuple(sheet.notes), links)
