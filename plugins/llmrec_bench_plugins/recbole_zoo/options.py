"""RecBole's options of a model as a user gives them: refused where RecBole would not read them."""

import difflib
from collections.abc import Mapping
from typing import Any


def refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raises `ValueError` for a name that the model's YAML file does not have, with the close match, and for a value of
    another type than the default."""
    for name, value in given.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
            raise ValueError(f"RecBole's model has no option '{name}'; {hint}")
        if known[name] is not None and _kind(value) != _kind(known[name]):
            raise ValueError(f"'{name}' should be {_kind(known[name])} such as {known[name]!r} (given {value!r})")


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
    return kinds.get(type(value), "nothing")
