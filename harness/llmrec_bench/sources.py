"""From what a person types to a data source: a name with options, or a path whose format speaks for itself."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from llmrec_bench.config import Config
from llmrec_bench.data.dataset import Preparation
from llmrec_bench.data.source import DataSource
from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.plugins import Catalog
from llmrec_bench.suite_mistakes import explain
from llmrec_bench.yaml_lines import Location, parse_yaml

ConfigT = TypeVar("ConfigT", bound=Config)


def resolve_source(catalog: Catalog, name_or_path: str, options: Sequence[str]) -> DataSource:
    """The data source of that name with `KEY=VALUE` options, else the one that recognises the path.

    Raises `BenchError` for an unknown name, a path that no source or several sources recognise, and wrong options.
    """
    given = parse_options(options)
    if name_or_path in catalog.datasets:
        return _configured(catalog.datasets[name_or_path], given)
    path = Path(name_or_path)
    if not path.exists():
        raise BenchError(
            f"'{name_or_path}' is neither a data source nor an existing path{suggest(name_or_path, catalog.datasets)}"
        )
    if path.is_file() and path.stat().st_size == 0:
        raise BenchError(f"{path}: the file is empty")
    recognised = [found for kind in catalog.datasets.values() if (found := kind.recognise(path)) is not None]
    if len(recognised) != 1:
        names = ", ".join(source.name for source in recognised) or "none"
        raise BenchError(
            f"{path}: the format is not plain to see (recognised by: {names}); name the source, as in "
            f"bench data describe interaction-table -o path={path}"
        )
    source = recognised[0]
    return _configured(type(source), {**source.model_dump(mode="json", exclude_defaults=True), **given})


def parse_options(options: Sequence[str]) -> dict[str, object]:
    """Options written as `KEY=VALUE` on the command line, a value as YAML would read it. Raises `BenchError` for what
    is not such a pair."""
    return dict(_pair(option) for option in options)


def parse_preparation(filters: str | None) -> Preparation:
    """Filters written as YAML on the command line. Raises `BenchError` where they are not filters."""
    if filters is None:
        return Preparation()
    return read_options(Preparation, {"filters": _value(filters, "--filters")}, (), "--filters")


def read_options(
    model: type[ConfigT],
    given: Mapping[str, Any],
    base: Location,
    whose: str,
    context: Mapping[str, Any] | None = None,
) -> ConfigT:
    """Options as `model`; `base` is what they are called in a sentence, `context` what those that name methods or
    language models are checked with (`Catalog.context`). Raises `BenchError`, which begins with `whose`, for what is
    wrong with them; where several things are, an unknown key."""
    try:
        return model.model_validate_json(json.dumps(given, default=str), strict=True, context=dict(context or {}))
    except ValidationError as error:
        # An unknown key first: it may be the misspelt name of one that is missing.
        sentences = [sentence for _, sentence in explain(error, model, given, base)]
        raise BenchError(f"{whose}: {min(sentences, key=lambda text: 'unknown key' not in text)}") from None


def _pair(option: str) -> tuple[str, object]:
    key, equals, value = option.partition("=")
    if not equals:
        raise BenchError(f"--option {option}: should be KEY=VALUE")
    try:
        parsed = _value(value or "null", f"--option {key}")
    except BenchError:
        return key, value
    # A delimiter such as `|` or `:` means something to YAML; only what is written as a value counts as one.
    written = value[:1] in "'\"[{" if isinstance(parsed, str | list | dict) else True
    return key, parsed if written else value


def _value(text: str, whose: str) -> Any:
    document = parse_yaml(text, Path(whose))
    for line, message in document.mistakes:
        raise BenchError(f"{whose}:{line}: {message}")
    return document.data


def _configured(kind: type[DataSource], options: dict[str, object]) -> DataSource:
    return read_options(kind, options, ("options",), f"data source '{kind.name}'")
