"""Turns what pydantic finds in a suite into lines a person can act on."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llmrec_bench.errors import suggest
from llmrec_bench.yaml_lines import Document, Location

ConfigT = TypeVar("ConfigT", bound=BaseModel)


class Mistakes:
    """Every mistake found in one document, by line."""

    def __init__(self, document: Document, context: Mapping[str, Any] | None = None) -> None:
        """`context` is what options need for their own checks, as pydantic hands it to validators."""
        self._document = document
        self._context = dict(context or {})
        self._inside: Location = ()
        self._data: Any = None
        self.lines: set[tuple[int, str]] = set(document.mistakes)

    def enter(self, inside: Location, data: Any) -> None:
        """Locations given from now on belong to `data`, whose own sections stand below `inside`."""
        self._inside, self._data = inside, data

    def in_file_order(self) -> list[str]:
        """One `file:line: message` for each mistake."""
        return [f"{self._document.path}:{line}: {message}" for line, message in sorted(self.lines)]

    def add(self, location: Location, message: str) -> None:
        """Note a mistake at a location."""
        inner = (*self._inside, *location)
        # A profile inherits most sections from the base suite; the line is where the section really stands.
        here = inner if inner[: len(self._inside) + 1] in self._document.lines else location
        # What the file says may hold line ends and worse, and a mistake is one line.
        printable = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda found: repr(found[0])[1:-1], message)
        self.lines.add((self._document.line(here), printable))

    def add_all(self, error: ValidationError, model: type[BaseModel]) -> None:
        """Note everything pydantic complains of in the data entered."""
        for location, sentence in explain(error, model, self._data):
            self.add(location, sentence)

    def parse(
        self, model: type[ConfigT], options: Any, base: Location, elsewhere: Mapping[str, Location] | None = None
    ) -> ConfigT | None:
        """The options as `model`, or None after noting what is wrong with them.

        They stand below `base`, except those that `elsewhere` gives another place.
        """
        if not isinstance(options, dict):
            return None  # the section's shape is checked with the rest of the file
        try:
            return model.model_validate_json(json.dumps(options), strict=True, context=self._context)
        except ValidationError as error:
            for location, sentence in explain(error, model, options, base, elsewhere):
                self.add(location, sentence)
            return None


def explain(
    error: ValidationError,
    model: type[BaseModel],
    data: Any,
    base: Location = (),
    elsewhere: Mapping[str, Location] | None = None,
) -> Iterator[tuple[Location, str]]:
    """Where and what, for everything pydantic complains of in `data`, which stands below `base`; `elsewhere` says
    where single entries of it stand instead."""
    schema = model.model_json_schema()
    for details in error.errors():
        location = _without_tags(details["loc"], data, absent=details["type"] == "missing")
        place = (elsewhere or {}).get(str(location[0]), base) if location else base
        yield (*place, *location), _sentence(details, location, place, schema)


_WANTED = {
    "model_type": "a mapping",
    "dataclass_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "finite_number": "a finite number",
}
"""What pydantic's types of error ask for, in the words of YAML."""


def _sentence(details: ErrorDetails, location: Location, base: Location, schema: Mapping[str, Any]) -> str:
    where, around = _dotted((*base, *location)), _dotted((*base, *location[:-1]))
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = _known_keys(schema, details["loc"][:-1]) or _known_keys(schema, location[:-1])
            hint = suggest(str(location[-1]), known) if known else "; no options here"
            return f"{around}: unknown key '{location[-1]}'{hint}"
        case "missing":
            return f"{around}: '{location[-1]}' is missing"
        case "union_tag_not_found":
            known = _known_tags(schema, details["loc"])
            return f"{where}: {context['discriminator']} is missing{suggest('', known)}"
        case "union_tag_invalid":
            known = _known_tags(schema, details["loc"])
            key, tag = context["discriminator"].strip("'"), context["tag"]
            return f"{where}: unknown {key} '{tag}'{suggest(tag, known)}"
        case "value_error":
            return f"{where}: {details['msg'].removeprefix('Value error, ')}"
        case "too_short":
            least = context["min_length"]
            return f"{where}: should have at least {least} {'entry' if least == 1 else 'entries'}"
        case kind:
            message = re.sub("^(Input|String|List) should", "should", details["msg"])
            message = f"should be {_WANTED[kind]}" if kind in _WANTED else message[0].lower() + message[1:]
            close = ""
            if kind == "literal_error" and isinstance(details["input"], str):
                hint = suggest(details["input"], re.findall("'([^']*)'", context["expected"]))
                close = hint if "did you mean" in hint else ""
            return f"{where}: {message}{_given(details['input'])}{close}"


def _dotted(location: Location) -> str:
    return ".".join(map(str, location)) or "suite"


def _given(value: Any) -> str:
    if isinstance(value, dict | list):
        return f" (given a {'mapping' if isinstance(value, dict) else 'list'})"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f" (given {text if len(text) <= 60 else text[:57] + '...'})"


def _without_tags(location: tuple[str | int, ...], data: Any, absent: bool) -> Location:
    """pydantic puts the tag of a union, and that it means a key, into the location; the file knows only entries, and
    where one is `absent` the last part of the location names it."""
    found: list[str | int] = []
    location = location[:-1] if location[-1:] == ("[key]",) else location
    for i, part in enumerate(location):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part] if part < len(data) else None
        elif i < len(location) - 1 or not isinstance(data, dict) or not absent:
            continue
        found.append(part)
    return tuple(found)


def _known_keys(schema: Mapping[str, Any], location: tuple[str | int, ...]) -> set[str]:
    """The keys a JSON schema allows at a location."""
    places = _places(schema, location)
    return {key for place in places for option in _options(place, schema) for key in option.get("properties", {})}


def _known_tags(schema: Mapping[str, Any], location: tuple[str | int, ...]) -> set[str]:
    """The kinds a JSON schema allows at a location."""
    places = _places(schema, location)
    return {tag for place in places for tag in place.get("discriminator", {}).get("mapping", {})}


def _places(schema: Mapping[str, Any], location: tuple[str | int, ...]) -> list[Mapping[str, Any]]:
    """The parts of a JSON schema that describe a location."""
    places = [schema]
    for part in location:
        places = [child for place in places for child in _below(place, part, schema)]
    return places


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
