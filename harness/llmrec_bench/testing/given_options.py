"""The options that a plugin is checked with."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from llmrec_bench.config import Config
from llmrec_bench.errors import BenchError
from llmrec_bench.plugins import Catalog
from llmrec_bench.suite_mistakes import explain

ConfigT = TypeVar("ConfigT", bound=Config)


def reading_context(catalog: Catalog) -> dict[str, Any]:
    """What options that name other methods or providers are read with."""
    return {"language_models": catalog.language_models, "methods": catalog.methods}


def configured(kind: type[ConfigT], given: Mapping[str, Any] | Config, whose: str, catalog: Catalog) -> ConfigT:
    """The options, defaults filled in; those of a suite, or ready ones of the same type.

    Raises `BenchError` for options that are refused or lacking.
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, Config):
        raise BenchError(f"{whose}: options are a {type(given).__qualname__}; should be a {kind.__qualname__}")
    try:
        return kind.model_validate_json(json.dumps(given, default=str), strict=True, context=reading_context(catalog))
    except ValidationError as error:
        lacking = [str(e["loc"][-1]) for e in error.errors() if e["type"] == "missing" and len(e["loc"]) == 1]
        if lacking:
            raise BenchError(
                f"{whose}: has no default for {', '.join(lacking)}; give what to check it with, as in "
                f"-o {lacking[0]}=VALUE"
            ) from None
        sentences = [sentence for _, sentence in explain(error, kind, dict(given), ("options",))]
        raise BenchError(f"{whose}: {sentences[0]}") from None
