"""JSON lines as Arrow columns: only the wanted fields, parsed without a Python object per line."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.columns import require
from llmrec_bench_plugins.datasets.first_mistake import Kind, clipped
from llmrec_bench_plugins.datasets.opening import damaged, first_lines, open_arrow, text_lines

_ARROW_TYPES: dict[Kind, Any] = {"id": pa.string(), "number": pa.float64(), "text": pa.string()}
_BLOCK_BYTES = 16 << 20  # no line may be longer


def first_object(path: Path) -> dict[str, Any]:
    """The first object, one line long. Raises `BenchError` where there is none."""
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except json.JSONDecodeError as error:
            raise BenchError(f"{path}: line {number}: broken JSON ({error.msg}: {clipped(line.strip())})") from error
        if isinstance(found, dict):
            return found
        raise BenchError(f"{path}: line {number}: {clipped(line.strip())} is no JSON object; give one object a line")
    raise BenchError(f"{path}: the file is empty")


def looks_like_json_lines(path: Path) -> dict[str, Any]:
    """The first object, empty where the first line is something else."""
    try:
        return first_object(path) if first_lines(path, 1) else {}
    except BenchError:
        return {}


def read_json_lines(path: Path, fields: Mapping[str, Kind]) -> Any:
    """The wanted fields as a pyarrow Table: `id` and `text` as strings, `number` as float64, all finite. A text may be
    null.

    Raises `BenchError` for a missing, empty or damaged file, for a field that the first object lacks (texts may be
    lacking), and for the first broken line, empty id or non-number, by line.
    """
    found = [*first_object(path)]
    for field, kind in fields.items():
        if kind != "text":
            require(path, field, found)
    try:
        table = arrow_json.read_json(
            open_arrow(path),
            read_options=arrow_json.ReadOptions(block_size=_BLOCK_BYTES),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=pa.schema([(field, _ARROW_TYPES[kind]) for field, kind in fields.items()]),
                # Fields like `style` and `image` change their type from line to line.
                unexpected_field_behavior="ignore",
            ),
        )
    except OSError as error:
        raise damaged(path, error) from error
    except pa.ArrowInvalid as error:
        raise _mistake(path, fields, str(error)) from error
    for field, kind in fields.items():
        if kind != "text" and table[field].null_count:
            raise _mistake(path, fields, f"'{field}' is missing somewhere")
        if kind == "id" and pc.any(pc.equal(table[field], "")).as_py():
            raise _mistake(path, fields, f"'{field}' is empty somewhere")
        if kind == "number" and not pc.all(pc.is_finite(table[field])).as_py():
            raise _mistake(path, fields, f"'{field}' is not finite somewhere")
    return table


def _mistake(path: Path, fields: Mapping[str, Kind], otherwise: str) -> BenchError:
    """Names the line; reads the file again, slowly, which is done only once something is known to be wrong."""
    for number, line in enumerate(text_lines(path), start=1):
        if line.strip() and (wrong := _wrong(line, fields)):
            return BenchError(f"{path}: line {number}: {wrong}")
    return BenchError(f"{path}: cannot be read as JSON lines: {otherwise.splitlines()[0]}")


def _wrong(line: str, fields: Mapping[str, Kind]) -> str | None:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        return f"broken JSON ({error.msg}: {clipped(line.strip())})"
    if not isinstance(found, dict):
        return f"{clipped(line.strip())} is no JSON object"
    for field, kind in fields.items():
        value = found.get(field)
        if kind == "number" and not _is_finite(value):
            return f"'{field}' is not a number ({clipped(value)})"
        if kind == "id" and not (isinstance(value, str) and value):
            return f"'{field}' is not an id ({clipped(value)}); write it as text"
        if kind == "text" and not isinstance(value, str | None):
            return f"'{field}' is not a text ({clipped(value)})"
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            return f"'{field}' has a broken character escape"
    return None


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
