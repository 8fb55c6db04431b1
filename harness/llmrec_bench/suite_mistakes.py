"""Turns what pydantic finds in a suite into lines a person can act on."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llmrec_bench.errors import suggest
from llmrec_bench.yaml_lines import Document, Location

ConfigT = TypeVar("ConfigT", bound=BaseModel)


class Mistakes:
    """Every mistake found in one document, by line."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._inside: Location = ()
        self._data: Any = None
        self.lines: set[tuple[int, str]] = set(document.mistakes)

    def enter(self, inside: Location, data: Any) -> None:
        """Locations given from now on belong to `data`, whose own sections stand below `inside`."""
        self._inside, self._data = inside, data

    def in_file_order(self) -> list[str]:
        """One `file:line: message` for each mistake."""
        return [f"{self._document.path}:{line}: {message}" for line, message in sorted(self.lines)]

    def add(self, location: Location, message: str, fallback: Location | None = None) -> None:
        """Note a mistake at a location; `fallback` is used where the location is not in the file."""
        inner = (*self._inside, *location)
        # A profile inherits most sections from the base suite; the line is where the section really stands.
        here = inner if inner[: len(self._inside) + 1] in self._document.lines else location
        if here not in self._document.lines and fallback is not None:
            here = fallback
        self.lines.add((self._document.line(here), message))

    def add_all(self, error: ValidationError, model: type[BaseModel], base: Location = ()) -> None:
        """Note everything pydantic complains of; `base` is where the validated part begins."""
        schema = model.model_json_schema()
        data = self._data
        for part in base:
            data = data.get(part, {}) if isinstance(data, dict) else {}
        for details in error.errors():
            location = _without_tags(details["loc"], data)
            self.add((*base, *location), _sentence(details, location, base, schema))

    def parse(
        self, model: type[ConfigT], options: Any, base: Location, fallback: Location | None = None
    ) -> ConfigT | None:
        """The options as `model`, or None after noting what is wrong with them."""
        if not isinstance(options, dict):
            return None  # the section's shape is checked with the rest of the file
        try:
            return model.model_validate_json(json.dumps(options), strict=True)
        except ValidationError as error:
            schema = model.model_json_schema()
            for details in error.errors():
                location = _without_tags(details["loc"], options)
                place = (*base, *location)
                varied = None if fallback is None else (*fallback, *location[:1])
                self.add(place, _sentence(details, location, base, schema), varied)
            return None


def _sentence(details: ErrorDetails, location: Location, base: Location, schema: Mapping[str, Any]) -> str:
    where = ".".join(map(str, (*base, *location)))
    match details["type"]:
        case "extra_forbidden":
            known = _known_keys(schema, details["loc"][:-1])
            return f"{'.'.join(map(str, (*base, *location[:-1]))) or 'suite'}: unknown key '{location[-1]}'" + (
                suggest(str(location[-1]), known) if known else "; no options here"
            )
        case "missing":
            return f"{'.'.join(map(str, (*base, *location[:-1]))) or 'suite'}: '{location[-1]}' is missing"
        case "value_error":
            return f"{where or 'suite'}: {details['msg'].removeprefix('Value error, ')}"
        case _:
            message = details["msg"].replace("Input should", "should")
            given = "" if isinstance(details["input"], dict | list) else f" (given {json.dumps(details['input'])})"
            return f"{where or 'suite'}: {message[0].lower()}{message[1:]}{given}"


def _without_tags(location: tuple[str | int, ...], data: Any) -> Location:
    """pydantic puts the tag of a union into the location; the file knows only keys and positions."""
    found: list[str | int] = []
    for i, part in enumerate(location):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part] if part < len(data) else None
        elif i < len(location) - 1 or not isinstance(data, dict):
            continue
        found.append(part)
    return tuple(found)


def _known_keys(schema: Mapping[str, Any], location: tuple[str | int, ...]) -> set[str]:
    """The keys a JSON schema allows at a location."""
    places = [schema]
    for part in location:
        places = [child for place in places for child in _below(place, part, schema)]
    return {key for place in places for option in _options(place, schema) for key in option.get("properties", {})}


def _below(place: Mapping[str, Any], part: str | int, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tagged = place.get("discriminator", {}).get("mapping", {})
    if part in tagged:
        return [{"$ref": tagged[part]}]
    children = []
    for option in _options(place, schema):
        if isinstance(part, int) and "items" in option:
            children.append(option["items"])
        elif part in option.get("properties", {}):
            children.append(option["properties"][part])
        elif isinstance(option.get("additionalProperties"), dict):
            children.append(option["additionalProperties"])
    return children


def _options(place: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A schema with its references followed and its alternatives laid side by side."""
    if "$ref" in place:
        return _options(schema["$defs"][place["$ref"].rsplit("/", 1)[-1]], schema)
    alternatives = place.get("anyOf") or place.get("oneOf") or []
    if not alternatives:
        return [place]
    return [option for alternative in alternatives for option in _options(alternative, schema)]
