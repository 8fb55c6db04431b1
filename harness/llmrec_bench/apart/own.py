"""What a name means in this process's environment: how methods and options that were named elsewhere arrive."""

from typing import Any

from llmrec_bench.method import Method
from llmrec_bench.plugins import installed_catalog


def own_method(name: str) -> type[Method]:
    """The method of that name. Raises `KeyError` where there is none."""
    return installed_catalog().methods[name]


def own_options(name: str, given: dict[str, Any]) -> Method.Config:
    """Its options. Raises pydantic's `ValidationError` for what it refuses."""
    catalog = installed_catalog()
    return catalog.methods[name].Config.model_validate(given, context=catalog.context)
