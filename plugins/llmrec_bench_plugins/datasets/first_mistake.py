"""Where a delimited file first goes wrong."""

import csv
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Kind = Literal["id", "number", "text"]
"""What a column holds: an id may not be empty, a number must be one, a text may be anything."""


def first_mistake(records: Any, columns: Mapping[str, Kind], names: Sequence[str] | None) -> str | None:
    """The first line (from 1) with a wrong number of fields, an empty id or a non-number, or None.

    `records` is a `csv.reader` over the whole file, header line included unless `names` are given.
    """
    header = list(names) if names is not None else None
    line = 1
    try:
        for fields in records:
            if fields and header is None:
                header = fields
            elif fields and header is not None:
                wrong = _wrong(dict(zip(header, fields, strict=False)), columns)
                if len(fields) != len(header):
                    wrong = f"{len(fields)} fields where {len(header)} are expected ({clipped(' '.join(fields))})"
                if wrong:
                    return f"line {line}: {wrong}"
            line = records.line_num + 1
    except csv.Error as error:
        return f"line {line}: {error}"
    return None


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def clipped(value: object) -> str:
    """A value as one short line for an error message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:56] + "...'"


def _wrong(record: Mapping[str, str], columns: Mapping[str, Kind]) -> str | None:
    for column, kind in columns.items():
        value = record.get(column, "")
        if kind == "id" and not value:
            return f"column '{column}' is empty"
        if kind == "number" and not is_number(value):
            return f"column '{column}' is not a number ({clipped(value)})"
    return None
