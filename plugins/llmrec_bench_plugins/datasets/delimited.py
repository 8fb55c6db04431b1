"""Delimited text (csv, tsv, blank-separated) as Arrow columns: only the wanted ones, typed while reading."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.columns import require
from llmrec_bench_plugins.datasets.first_mistake import Kind, first_mistake
from llmrec_bench_plugins.datasets.opening import damaged, open_arrow, text_lines


@dataclass(frozen=True)
class Dialect:
    """How a line is cut into fields."""

    delimiter: str
    quoted: bool
    """Whether fields may stand in double quotes, and then hold delimiters and line ends."""


COMMAS = Dialect(",", quoted=True)
TABS = Dialect("\t", quoted=False)
BLANKS = Dialect(" ", quoted=False)
WHOLE_LINES = Dialect("\x01", quoted=False)
"""One field a line: no text file holds this control character."""

_ARROW_TYPES: dict[Kind, Any] = {
    # A dictionary, so that 10 million ids cost 4 bytes each while reading.
    "id": pa.dictionary(pa.int32(), pa.string()),
    "number": pa.float64(),
    "text": pa.string(),
}
_BLOCK_BYTES = 16 << 20  # no line may be longer


def header(path: Path, dialect: Dialect) -> list[str]:
    """The column names in the first line. Raises `BenchError` for an empty file."""
    for fields in _records(path, dialect):
        if fields:
            return list(fields)
    raise BenchError(f"{path}: the file is empty")


def read_delimited(
    path: Path, dialect: Dialect, columns: Mapping[str, Kind], names: Sequence[str] | None = None
) -> Any:
    """The wanted columns of a file as a pyarrow Table: `id` as dictionary-coded strings, `number` as float64, all
    finite, `text` as strings. `names` are the column names of a file without a header line.

    Raises `BenchError` for a missing, empty or damaged file, a missing column, and the first malformed line, empty
    id or non-number, by line.
    """
    found = header(path, dialect)
    if names is None:
        for column in columns:
            require(path, column, found)
    try:
        table = arrow_csv.read_csv(
            open_arrow(path),
            read_options=arrow_csv.ReadOptions(block_size=_BLOCK_BYTES, column_names=names),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char='"' if dialect.quoted else False,
                newlines_in_values=dialect.quoted,
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(columns),
                column_types={column: _ARROW_TYPES[kind] for column, kind in columns.items()},
            ),
        )
    except OSError as error:
        raise damaged(path, error) from error
    except pa.ArrowInvalid as error:
        raise _mistake(path, dialect, columns, names, str(error)) from error
    if not len(table):
        raise BenchError(f"{path}: there is no line {'below the header' if names is None else 'of data'}")
    for column, kind in columns.items():
        if not _is_sound(table[column], kind):
            raise _mistake(path, dialect, columns, names, f"column '{column}' holds no usable {kind}")
    return table


def _records(path: Path, dialect: Dialect) -> Any:
    """A `csv.reader` over the file."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE
    return csv.reader(text_lines(path), delimiter=dialect.delimiter, quoting=quoting)


def _is_sound(column: Any, kind: Kind) -> bool:
    if kind == "number":
        return column.null_count == 0 and bool(pc.all(pc.is_finite(column)).as_py())
    if kind == "id":
        return column.null_count == 0 and not any(
            pc.any(pc.equal(chunk.dictionary, "")).as_py() for chunk in column.chunks
        )
    return True


def _mistake(
    path: Path, dialect: Dialect, columns: Mapping[str, Kind], names: Sequence[str] | None, otherwise: str
) -> BenchError:
    """Names the line; reads the file again, slowly, which is done only once something is known to be wrong."""
    found = first_mistake(_records(path, dialect), columns, names)
    return BenchError(f"{path}: {found or 'cannot be read as a table: ' + otherwise.splitlines()[0]}")
