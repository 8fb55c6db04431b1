"""Finding columns by name."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from llmrec_bench import BenchError


def require(path: Path, column: str, found: Sequence[str]) -> str:
    """`column`, which is among the columns found in the file.

    Raises `BenchError` where it is missing (naming the close match and the columns) or there twice.
    """
    if found.count(column) == 1:
        return column
    if column in found:
        raise BenchError(f"{path}: column '{column}' is there {found.count(column)} times; rename all but one")
    close = difflib.get_close_matches(column, found, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    raise BenchError(f"{path}: no column '{column}'{hint} (columns: {', '.join(found)})")


def choose(path: Path, given: str | None, usual: Iterable[str], found: Sequence[str]) -> str | None:
    """The column to read: the one given, which must be there, else the first usual one that is there, else None."""
    if given is not None:
        return require(path, given, found)
    return next((column for column in usual if column in found), None)
