"""What `$name` stands for in the options of methods: a value of its own on each data set."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmrec_bench.errors import suggest
from llmrec_bench.suite_mistakes import Mistakes

VALUE_NAME = "[a-z][a-z0-9_-]*"
_SECTIONS = ("config", "grid")
_REFERENCE = re.compile(rf"\$({VALUE_NAME})")


def fill(
    label: str, entry: Mapping[str, Any], values: Mapping[str, Mapping[str, Any]], mistakes: Mistakes
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """A method's entry as it is on its data sets, with values in the place of their names under `config` and `grid`:
    once for each group of data sets on which it is the same, with their labels.

    `values` are by data set and name. A name that a data set lacks goes to `mistakes`.
    """
    chosen = entry.get("datasets")
    labels = [d for d in values if not isinstance(chosen, list) or d in chosen]
    known = {name for d in labels for name in values[d]}
    for section in _SECTIONS:
        for name in sorted(_names(entry.get(section))):
            lacking = [d for d in labels if name not in values[d]]
            labels = [d for d in labels if name in values[d]]
            if lacking:
                message = f"'${name}' is no value of the data set '{lacking[0]}'{suggest(name, known)}"
                mistakes.add(("methods", label, section), f"methods.{label}.{section}: {message}")
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for d in labels:
        filled = {key: _filled(part, values[d]) if key in _SECTIONS else part for key, part in entry.items()}
        groups.setdefault(json.dumps(filled, sort_keys=True, default=str), (filled, []))[1].append(d)
    for filled, group in groups.values():
        yield tuple(group), filled


def _names(part: Any) -> set[str]:
    """Every name in it that `$` stands before."""
    if isinstance(part, str):
        found = _REFERENCE.fullmatch(part)
        return set() if found is None else {found[1]}
    children = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return set[str]().union(*map(_names, children))


def _filled(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, values) for value in part]
    found = _REFERENCE.fullmatch(part) if isinstance(part, str) else None
    return part if found is None else values[found[1]]
