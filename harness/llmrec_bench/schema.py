"""The JSON schema of a suite, with the options of everything installed, so that editors complete it."""

from typing import Any

from pydantic import BaseModel

from llmrec_bench.plugins import Catalog
from llmrec_bench.suite import SuiteFile
from llmrec_bench.suite_values import VALUE_NAME

Schema = dict[str, Any]

_VALUE: Schema = {"type": "string", "pattern": rf"^\${VALUE_NAME}$"}


def suite_schema(catalog: Catalog) -> Schema:
    """A JSON schema (draft 2020-12) for suite files."""
    schema = SuiteFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    definitions, sections = schema["$defs"], schema["properties"]
    sources = {name: _add(definitions, f"source-{name}", source) for name, source in sorted(catalog.datasets.items())}
    configs = {name: _add(definitions, f"config-{name}", m.Config) for name, m in sorted(catalog.methods.items())}

    dataset = definitions["DatasetEntry"]
    dataset["properties"]["source"]["enum"] = list(sources)
    dataset["allOf"] = [_if_named("source", name, options) for name, options in sources.items()]

    method = definitions["MethodEntry"]
    described = method["properties"]["method"]["description"]
    method["properties"]["method"] = {"type": "string", "enum": list(configs), "description": described}
    method["allOf"] = [_if_named("method", name, config) for name, config in configs.items()]
    # A label that is a method's name needs no `method:`, and nothing behind it means the defaults.
    entry = sections["methods"]["additionalProperties"]
    named: Schema = {"required": ["method"]}
    sections["methods"]["properties"] = {
        name: {"anyOf": [{"allOf": [entry, {"if": {"not": named}, "then": config}]}, {"type": "null"}]}
        for name, config in configs.items()
    }
    sections["methods"]["additionalProperties"] = {"allOf": [entry, named]}

    sections["metrics"] |= {"items": {"type": "string", "enum": sorted(catalog.metrics)}, "uniqueItems": True}
    sections["seeds"]["uniqueItems"] = True
    sections["profiles"]["additionalProperties"] = {
        "type": "object",
        "properties": {name: {"$ref": f"#/properties/{name}"} for name in sections if name != "profiles"},
        "additionalProperties": False,
    }
    return schema


def _add(definitions: Schema, key: str, model: type[BaseModel]) -> Schema:
    """Put a model's schema beside the others; returns what an entry must be that has such options."""
    # The key stands before the names of its parts: two plugins may have parts of one name.
    own = model.model_json_schema(ref_template=f"#/$defs/{key}.{{model}}")
    definitions.update({f"{key}.{name}": part for name, part in own.pop("$defs", {}).items()})
    definitions[key] = own
    if key.startswith("config-"):  # a data set may have a value of its own for any option
        parts = [own, *(part for name, part in definitions.items() if name.startswith(f"{key}."))]
        for part in parts:
            properties = part.get("properties", {})
            part["properties"] = {name: {"anyOf": [option, _VALUE]} for name, option in properties.items()}
    section = "options" if key.startswith("source-") else "config"
    required = [section] if own.get("required") else []
    return {"properties": {section: {"$ref": f"#/$defs/{key}"}}, "required": required}


def _if_named(key: str, name: str, entry: Schema) -> Schema:
    return {"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": entry}
