"""Amazon item metadata, one object a line, in the shapes of 2014, 2018 and 2023."""

import ast
import json
import re
from collections.abc import Set
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.first_mistake import clipped
from llmrec_bench_plugins.datasets.opening import text_lines

_PRICE = re.compile(r"\$?([\d,]+(?:\.\d+)?)")


def read_metadata(path: Path, wanted: Set[str]) -> tuple[Any, dict[str, pd.Series]]:
    """The ASINs of the wanted items (pyarrow strings) and their `title`, `brand`, `category` (the path, parted by
    ` > `), `description` and `price` (dollars, NaN where unknown or a range).

    Raises `BenchError` for a missing or empty file, a line that is no object, and one without an ASIN.
    """
    items: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        item = _parse(path, number, line)
        asin = item.get("parent_asin") or item.get("asin")
        if not isinstance(asin, str):
            raise BenchError(f"{path}: line {number}: no 'asin' or 'parent_asin' (fields: {', '.join(item)})")
        if asin in wanted and asin not in items:  # some items are listed more than once
            items[asin] = {
                "title": _title(item),
                "brand": _brand(item),
                "category": _category(item),
                "description": _joined(item.get("description"), " "),
                "price": _price(item.get("price")),
            }
    columns = ("title", "brand", "category", "description")
    texts = {column: pd.Series([item[column] for item in items.values()], dtype="str") for column in columns}
    texts["price"] = pd.Series([item["price"] for item in items.values()], dtype="float64")
    return pa.array([*items], pa.string()), texts


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        # The metadata of 2014 are written as Python literals, not as JSON.
        item = ast.literal_eval(line.strip()) if line.startswith("{'") else json.loads(line)
    except (ValueError, SyntaxError) as error:
        raise BenchError(f"{path}: line {number}: broken JSON ({clipped(line.strip())})") from error
    if not isinstance(item, dict):
        raise BenchError(f"{path}: line {number}: {clipped(line.strip())} is no object")
    return item


def _title(item: dict[str, Any]) -> str:
    title = _joined(item.get("title"), " ")
    # Part of the 2018 titles are page scripts caught by the crawler; their publishers advise to drop them.
    return "" if "getTime" in title else title


def _brand(item: dict[str, Any]) -> str:
    details = item.get("details")
    named = details.get("Brand") if isinstance(details, dict) else None
    return _joined(item.get("brand") or named or item.get("store"), " ")


def _category(item: dict[str, Any]) -> str:
    path = item.get("category") or item.get("categories")
    if isinstance(path, list) and path and isinstance(path[0], list):  # 2014: several paths, the main one first
        path = path[0]
    main = _joined(item.get("main_category") or item.get("main_cat"), " ")
    # Part of the 2018 main categories are the tag of a logo.
    return _joined(path, " > ") or ("" if main.startswith("<img") else main)


def _joined(value: object, separator: str) -> str:
    if isinstance(value, list):
        return separator.join(str(part) for part in value if part)
    return "" if value is None else str(value)


def _price(value: object) -> float:
    if isinstance(value, int | float):
        return float(value)
    found = _PRICE.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(found[1].replace(",", "")) if found else float("nan")
