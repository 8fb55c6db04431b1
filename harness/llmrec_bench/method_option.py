"""An option that names another method, such as the one that proposes what a language model re-ranks."""

import json
from typing import Annotated, Any

from pydantic import (
    PrivateAttr,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from llmrec_bench.config import Config
from llmrec_bench.errors import suggest
from llmrec_bench.method import Method


class ChosenMethod(Config):
    """Another method with its options."""

    method: str
    """Its name."""
    config: SerializeAsAny[Config]
    """Its options; stages among them are built as the outer method's own."""
    _kind: type[Method] = PrivateAttr()

    @classmethod
    def of(cls, kind: type[Method], config: Config | None = None) -> "ChosenMethod":
        """The method with the given options, or its defaults."""
        chosen = cls(method=kind.name, config=kind.Config() if config is None else config)
        chosen._kind = kind
        return chosen

    def identity(self) -> dict[str, Any]:
        """With the method's version."""
        return {**super().identity(), "version": self._kind.version}

    def make(self) -> Method:
        """The method, not fitted yet."""
        return self._kind(self.config)  # type: ignore[arg-type]


def _by_name(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    if isinstance(value, ChosenMethod):
        return value
    known: dict[str, type[Method]] = (info.context or {}).get("methods", {})
    if not isinstance(value, dict):
        raise ValueError("should be a mapping such as {method: popularity}")
    for key in value.keys() - {"method", "config"}:
        raise ValueError(f"unknown key '{key}'{suggest(key, ['method', 'config'])}")
    name, options = value.get("method"), value.get("config", {})
    if not isinstance(name, str):
        raise ValueError(f"method is missing{suggest('', known)}")
    if name not in known:
        raise ValueError(f"unknown method '{name}'{suggest(name, known)}")
    kind = known[name]
    fields = kind.Config.model_fields
    for option in options.keys() - fields.keys() if isinstance(options, dict) else ():
        raise ValueError(f"'{name}' has no option '{option}'{suggest(option, fields)}")
    try:
        # The JSON route is strict about types, as for the rest of a suite.
        config = kind.Config.model_validate_json(json.dumps(options), strict=True, context=info.context)
    except ValidationError as error:
        # Its places belong to the other method's options, which nobody looks for in those of this one.
        first = error.errors()[0]
        where = ".".join(("config", *map(str, first["loc"])))
        raise ValueError(f"{where} of '{name}': {first['msg'].removeprefix('Value error, ')}") from None
    return ChosenMethod.of(kind, config)


MethodOptions = Annotated[
    ChosenMethod,
    WrapValidator(_by_name),
    WithJsonSchema(
        {
            "type": "object",
            "title": "Method",
            "properties": {"method": {"type": "string"}, "config": {"type": "object"}},
            "required": ["method"],
            "additionalProperties": False,
        }
    ),
]
"""The type of an option that names another method: `{method: NAME, config: {...}}`, any that is installed."""
