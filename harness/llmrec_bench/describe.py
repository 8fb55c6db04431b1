"""Catalog entries in words: what there is, where it comes from, and every option with its sentence."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from pydantic import BaseModel

from llmrec_bench.config import Config
from llmrec_bench.data.description import DataDescription
from llmrec_bench.data.filters import FunnelStep
from llmrec_bench.data.source import DataSource
from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.llm.language_model import LanguageModel
from llmrec_bench.plugins import Catalog
from llmrec_bench.search_space import declared_space

KINDS = ("methods", "datasets", "metrics", "language_models")


def list_entries(catalog: Catalog, kind: str) -> list[tuple[str, str, str]]:
    """(name, plugin, first sentence of the docstring) of everything of one of `KINDS`, by name."""
    entries: Mapping[str, type] = getattr(catalog, kind)
    return [
        (name, catalog.plugin_of[f"{_singular(kind)} {name}"], _summary(entry))
        for name, entry in sorted(entries.items())
    ]


def describe_entry(catalog: Catalog, name: str) -> str:
    """Everything there is to say about a name, as plain text; several kinds may share one. `slim`, which nothing is
    called, stands for all that begins with `slim-`.

    Raises `BenchError` with the close match for a name nobody offers.
    """
    entries = [(kind, known, entry) for kind in KINDS for known, entry in sorted(getattr(catalog, kind).items())]
    found = [e for e in entries if e[1] == name] or [e for e in entries if e[1].startswith(f"{name}-")]
    if not found:
        raise BenchError(f"nothing is called '{name}'{suggest(name, [known for _, known, _ in entries])}")
    family = [f"{known}: {_summary(entry)}" for _, known, entry in found if known != name]
    return "\n".join([*family, *([""] if family else []), *("\n".join(_describe(catalog, *e)) for e in found)])


def _describe(catalog: Catalog, kind: str, name: str, entry: Any) -> Iterator[str]:
    version = getattr(entry, "version", None)
    plugin = catalog.plugin_of[f"{_singular(kind)} {name}"]
    yield f"{name} ({_singular(kind)}{f', version {version}' if version else ''}, plugin {plugin})"
    yield ""
    yield _doc(entry)
    source = getattr(entry, "source", "") or getattr(entry, "reference", "")
    if isinstance(source, str) and source:
        yield f"\nSource: {source}"
    if kind == "metrics":
        low, high = entry.bounds
        better = {"higher": "higher is better", "lower": "lower is better", "neither": "no direction"}
        yield f"Formula: {entry.formula}"
        yield f"Range: {low:g} to {high:g}; {better[entry.direction]}"
        return
    if kind == "datasets" and entry.simulated:
        yield "SIMULATED: made by a program, not observed."
    if kind == "language_models":
        yield f"Runs: {entry.deployment}; {'charged for' if entry.billed else 'free of charge'}"
        yield from ["SIMULATED: answers are made by a program."] if entry.simulated else []
    options = list(_options(entry if kind == "datasets" else entry.Config))
    yield "\nOptions:" if options else "\nNo options."
    yield from options
    for settings, named in entry.settings.items() if kind == "methods" else ():
        yield f"\nSettings '{settings}': " + ", ".join(f"{option}={_plain(value)}" for option, value in named.items())


def _singular(kind: str) -> str:
    return kind[:-1].replace("_", " ")


def _options(config: type[BaseModel]) -> Iterator[str]:
    schema, space = config.model_json_schema(), declared_space(config)
    for name, field in config.model_fields.items():
        allowed = "; ".join(_allowed(schema["properties"].get(field.alias or name, {}), schema))
        allowed += f"; tuned over {space[name]}" if name in space else ""
        default = (
            "required" if field.is_required() else f"default {_plain(field.get_default(call_default_factory=True))}"
        )
        yield f"  {name} ({default}; {allowed})" if allowed else f"  {name} ({default})"
        for line in inspect.cleandoc(field.description or "").splitlines():
            yield f"      {line}"
        for part in _parts(field.annotation):
            yield f"      {part.__name__}: {_summary(part)}"
            yield from (f"      {line}" for line in _options(part))


def _parts(annotation: Any) -> Iterator[type[Config]]:
    """The sets of options that an option may hold, such as a stage; what a language model takes, its own description
    tells."""
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, Config) and not issubclass(annotation, LanguageModel.Config):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _parts(argument)


def _plain(value: Any) -> str:
    dumped = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(dumped, default=str)


def _allowed(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    """The values a JSON schema allows, in words."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        yield " or ".join(text for option in alternatives if (text := "; ".join(_allowed(option, root))))
        return
    if "enum" in schema or "const" in schema:
        yield "one of " + ", ".join(map(str, schema.get("enum", [schema.get("const")])))
        return
    bounds = [
        f"{sign} {schema[key]}"
        for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))
        if key in schema
    ]
    kind = schema.get("format", schema.get("type", ""))
    words = {**_KINDS, "object": schema.get("title", "mapping")}
    if kind:
        yield " ".join([words.get(kind, kind), " and ".join(bounds)]).strip()


_KINDS = {"null": "none", "integer": "whole number", "string": "text", "boolean": "true or false", "array": "list"}


def _summary(entry: type) -> str:
    """The first sentence of a docstring, on one line."""
    paragraph = " ".join(_doc(entry).split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", paragraph)[0]


def _doc(entry: type) -> str:
    return inspect.cleandoc(entry.__doc__ or "")


def describe_funnel(funnel: Sequence[FunnelStep]) -> str:
    """What each step of preparation left, a line each."""
    lines = [f"{'funnel':<38} {'users':>12} {'items':>11} {'interactions':>13}"]
    lines += [f"  {s.step:<36} {s.users:>12,} {s.items:>11,} {s.interactions:>13,}" for s in funnel]
    return "\n".join(lines)


def describe_loaded(source: DataSource, found: DataDescription) -> str:
    """A data set's description as plain text."""
    return "\n".join(_describe_loaded(source, found))


def _describe_loaded(source: DataSource, found: DataDescription) -> Iterator[str]:
    options = ", ".join(
        f"{key}={value}" for key, value in source.model_dump(mode="json", exclude_defaults=True).items()
    )
    yield f"{source.name}{f' ({options})' if options else ''}"
    yield _summary(type(source))
    if found.simulated:
        yield "SIMULATED: made by a program, not observed."
    yield ""
    yield f"users {found.users:,}; items {found.items:,}; interactions {found.interactions:,}"
    yield f"density {found.density:.4%}"
    yield f"fingerprint {found.fingerprint}"
    if found.first_time is not None and found.last_time is not None:
        yield f"times {_date(found.first_time)} to {_date(found.last_time)}"
    yield "\n" + describe_funnel(found.funnel)
    yield "\nevents per user: " + ", ".join(f"{name} {value:,.1f}" for name, value in found.length_quantiles.items())
    yield f"repeats of an item by a user: {found.repeat_interactions:,} interactions"
    tied = "n/a, no times" if found.tied_last_share is None else f"{found.tied_last_share:.1%}"
    yield f"users whose last two events share a time: {tied} (their test item rests on the order of the file)"
    yield f"items with a title: {found.titled_items_share:.1%}"
    others = ", ".join(f"{name} {share:.1%}" for name, share in found.item_columns.items() if name != "title")
    if others:
        yield f"items with other texts: {others}"
    if found.review_share is not None:
        yield f"interactions with a review: {found.review_share:.1%}"
    if found.feature_share is not None:
        yield f"interactions whose review is known to be about a feature: {found.feature_share:.1%}"


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
