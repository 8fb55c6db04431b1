"""From what a person types to a data source: a name with options, or a path whose format speaks for itself."""

import json
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from llmrec_bench.data.dataset import Preparation
from llmrec_bench.data.source import DataSource
from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.plugins import Catalog


def resolve_source(catalog: Catalog, name_or_path: str, options: Sequence[str]) -> DataSource:
    """The data source of that name with `KEY=VALUE` options, else the one that recognises the path.

    Raises `BenchError` for an unknown name, a path that no source or several sources recognise, and wrong options.
    """
    given = dict(_pair(option) for option in options)
    if name_or_path in catalog.datasets:
        return _configured(catalog.datasets[name_or_path], given)
    path = Path(name_or_path)
    if not path.exists():
        raise BenchError(
            f"'{name_or_path}' is neither a data source nor an existing path{suggest(name_or_path, catalog.datasets)}"
        )
    recognised = [found for kind in catalog.datasets.values() if (found := kind.recognise(path)) is not None]
    if len(recognised) != 1:
        names = ", ".join(source.name for source in recognised) or "none"
        raise BenchError(
            f"{path}: the format is not plain to see (recognised by: {names}); name the source, as in "
            f"bench data describe interaction-table -o path={path}"
        )
    source = recognised[0]
    return _configured(type(source), {**source.model_dump(mode="json", exclude_defaults=True), **given})


def parse_preparation(filters: str | None) -> Preparation:
    """Filters written as YAML on the command line. Raises `BenchError` where they are not filters."""
    if filters is None:
        return Preparation()
    try:
        return Preparation.model_validate_json(json.dumps({"filters": yaml.safe_load(filters)}), strict=True)
    except yaml.YAMLError as error:
        raise BenchError(f"--filters: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise BenchError(f"--filters: {_first(error)}") from None


def _pair(option: str) -> tuple[str, object]:
    key, equals, value = option.partition("=")
    if not equals:
        raise BenchError(f"--option {option}: should be KEY=VALUE")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        return key, value


def _configured(kind: type[DataSource], options: dict[str, object]) -> DataSource:
    try:
        return kind.model_validate_json(json.dumps(options, default=str), strict=True)
    except ValidationError as error:
        raise BenchError(f"data source '{kind.name}': {_first(error, kind)}") from None


def _first(error: ValidationError, kind: type[DataSource] | None = None) -> str:
    details = error.errors()[0]
    where = ".".join(map(str, details["loc"]))
    if details["type"] == "extra_forbidden" and kind is not None:
        return f"unknown option '{where}'{suggest(where, kind.model_fields)}"
    return f"{where}: {details['msg'][0].lower()}{details['msg'][1:]}"
