"""The options that a plugin is checked with."""

from collections.abc import Mapping
from typing import Any, TypeVar

from llmrec_bench.config import Config
from llmrec_bench.errors import BenchError
from llmrec_bench.plugins import Catalog
from llmrec_bench.sources import read_options

ConfigT = TypeVar("ConfigT", bound=Config)


def configured(kind: type[ConfigT], given: Mapping[str, Any] | Config, whose: str, catalog: Catalog) -> ConfigT:
    """The options, defaults filled in; those of a suite, or ready ones of the same type.

    Raises `BenchError` for options that are refused or lacking.
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, Config):
        raise BenchError(f"{whose}: options are a {type(given).__qualname__}; should be a {kind.__qualname__}")
    options = kind.model_fields
    lacking = [name for name, option in options.items() if option.is_required() and name not in given]
    if lacking and given.keys() <= options.keys():  # an unknown key may be the misspelt name of one that is lacking
        raise BenchError(
            f"{whose}: has no default for {', '.join(lacking)}; give what to check it with, as in -o {lacking[0]}=VALUE"
        )
    return read_options(kind, given, ("options",), whose, catalog.context)
