"""The JSON schema of a suite, with the options of everything installed, so that editors complete it."""

from typing import Any

from pydantic import BaseModel

from llmrec_bench.plugins import Catalog
from llmrec_bench.suite import SuiteFile


def suite_schema(catalog: Catalog) -> dict[str, Any]:
    """A JSON schema (draft 2020-12) for suite files."""
    schema = SuiteFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    definitions = schema["$defs"]
    sources = {name: _add(definitions, f"source {name}", source) for name, source in sorted(catalog.datasets.items())}
    configs = {name: _add(definitions, f"config {name}", m.Config) for name, m in sorted(catalog.methods.items())}

    dataset = definitions["DatasetEntry"]
    dataset["properties"]["source"]["enum"] = list(sources)
    dataset["allOf"] = [_when("source", name, {"options": options}) for name, options in sources.items()]

    method = definitions["MethodEntry"]
    method["properties"]["method"]["anyOf"][0]["enum"] = list(configs)
    method["allOf"] = [_when("method", name, {"config": config}) for name, config in configs.items()]
    # A label that is a method's name needs no `method:`.
    methods = schema["properties"]["methods"]
    entry = methods["additionalProperties"]
    nothing = {"type": "null"}
    methods["properties"] = {
        name: {"anyOf": [{"allOf": [entry, _unless_named(config)]}, nothing]} for name, config in configs.items()
    }
    metric = {"type": "string", "enum": sorted(catalog.metrics)}
    schema["properties"]["metrics"]["items"] = metric
    return schema


def _add(definitions: dict[str, Any], name: str, model: type[BaseModel]) -> dict[str, str]:
    """Put a model's schema beside the others; returns the reference to it."""
    own = model.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(own.pop("$defs", {}))
    key = name.replace(" ", "-")
    definitions[key] = own
    return {"$ref": f"#/$defs/{key}"}


def _when(key: str, value: str, properties: dict[str, Any]) -> dict[str, Any]:
    condition = {"properties": {key: {"const": value}}, "required": [key]}
    return {"if": condition, "then": {"properties": properties}}


def _unless_named(config: dict[str, str]) -> dict[str, Any]:
    return {"if": {"not": {"required": ["method"]}}, "then": {"properties": {"config": config}}}
