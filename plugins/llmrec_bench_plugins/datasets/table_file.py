"""Tables in csv, tsv or Parquet files, by the name of the file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.columns import require
from llmrec_bench_plugins.datasets.delimited import COMMAS, TABS, Dialect, header, read_delimited
from llmrec_bench_plugins.datasets.first_mistake import Kind
from llmrec_bench_plugins.datasets.opening import damaged

_DIALECTS = {".csv": COMMAS, ".tsv": TABS}
_PARQUET = (".parquet", ".pq")
TABLE_SUFFIXES = (*_DIALECTS, *_PARQUET)


def table_suffix(path: Path) -> str:
    """`.csv` of `ratings.csv` and of `ratings.csv.gz`."""
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def column_names(path: Path, delimiter: str | None = None) -> list[str]:
    """The names of all columns; raises as `read_table_file`."""
    if table_suffix(path) in _PARQUET:
        try:
            return list(parquet.read_schema(path).names)
        except (pa.ArrowInvalid, OSError) as error:
            raise damaged(path, error) from error
    return header(path, _dialect(path, delimiter))


def read_table_file(path: Path, columns: Mapping[str, Kind], delimiter: str | None = None) -> Any:
    """The wanted columns as a pyarrow Table; see `read_delimited`. In a Parquet file ids may be integers and times
    may be dates (which become seconds). A `delimiter` makes any other name a quoted delimited file.

    Raises `BenchError` for an unknown ending, a missing, empty or damaged file, a missing column, and the first empty
    id or non-number, by line or row.
    """
    if table_suffix(path) not in _PARQUET:
        return read_delimited(path, _dialect(path, delimiter), columns)
    found = column_names(path)
    for column in columns:
        require(path, column, found)
    try:
        # Repeated strings are read by their numbers, which is several times faster.
        texts = [c for c, kind in columns.items() if kind == "id" and _is_text(parquet.read_schema(path).field(c).type)]
        table = parquet.read_table(path, columns=list(columns), read_dictionary=texts)
    except (pa.ArrowInvalid, OSError) as error:
        raise damaged(path, error) from error
    if not len(table):
        raise BenchError(f"{path}: the table has no rows")
    return pa.table({column: _typed(path, column, table[column], kind) for column, kind in columns.items()})


def _dialect(path: Path, delimiter: str | None) -> Dialect:
    usual = _DIALECTS.get(table_suffix(path))
    if delimiter is not None:
        return Dialect(delimiter, quoted=usual is None or usual.quoted)
    if usual is None:
        known = ", ".join(TABLE_SUFFIXES)
        raise BenchError(f"{path}: the file name ends in none of {known}; set `delimiter`")
    return usual


def _typed(path: Path, column: str, values: Any, kind: Kind) -> Any:
    """A Parquet column as the kind asks, checked."""
    if kind != "id" and pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    is_text = _is_text(values.type)
    is_date = pa.types.is_timestamp(values.type) or pa.types.is_date(values.type)
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if kind == "text" and (is_text or is_number):
        return values.cast(pa.large_string())
    if kind == "id" and (is_text or pa.types.is_integer(values.type)):
        bad = pc.fill_null(pc.equal(values, ""), True) if is_text else pc.is_null(values)
    elif kind == "number" and (is_date or is_number):
        if is_date:
            microseconds = values.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
            values = pc.divide(microseconds.cast(pa.float64()), 1e6)
        values = values.cast(pa.float64())
        bad = pc.invert(pc.fill_null(pc.is_finite(values), False))
    else:
        wanted = {"id": "integers or text", "number": "numbers", "text": "text"}[kind]
        raise BenchError(f"{path}: column '{column}' holds {values.type} values; {wanted} are wanted")
    if (row := pc.index(bad, True).as_py()) >= 0:
        what = "is empty" if kind == "id" else f"is not a number ({values[row].as_py()})"
        raise BenchError(f"{path}: row {row + 1}: column '{column}' {what}")
    return values


def _is_text(arrow_type: Any) -> bool:
    """Whether a column holds strings, dictionary-coded or not."""
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    return bool(pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type))
