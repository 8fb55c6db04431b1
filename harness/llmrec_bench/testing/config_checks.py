"""What holds for the options of every kind of plugin."""

import json
from typing import Any, Protocol

from pydantic import ValidationError

from llmrec_bench.config import Config
from llmrec_bench.testing.check import named


class Configured(Protocol):
    """A subject that has options."""

    @property
    def config(self) -> Config:
        """The options it is checked with."""

    @property
    def context(self) -> dict[str, Any]:
        """What options that name methods or providers are read with."""


def options_documented(subject: Configured) -> str | None:
    """Every option has the sentence under it that documents it."""
    fields = type(subject.config).model_fields
    bare = [name for name, field in fields.items() if not (field.description or "").strip()]
    return f"no sentence under {', '.join(bare)}" if bare else None


def options_round_trip(subject: Configured) -> str | None:
    """Options written as JSON are read back as they were."""
    config = subject.config
    try:
        again = type(config).model_validate_json(config.model_dump_json(), strict=True, context=subject.context)
    except ValidationError as error:
        first = error.errors()[0]
        return f"JSON of {'.'.join(map(str, first['loc'])) or 'the options'} is refused: {first['msg']}"
    changed = [name for name in type(config).model_fields if getattr(again, name) != getattr(config, name)]
    if changed:
        return f"{changed[0]} comes back from JSON as {getattr(again, changed[0])!r}"
    return None if again.identity() == config.identity() else "another identity after JSON"


def unknown_options(subject: Configured) -> str | None:
    """An option that there is not is refused."""
    plain = {**json.loads(subject.config.model_dump_json()), "no_such_option": 1}
    try:
        type(subject.config).model_validate_json(json.dumps(plain), strict=True, context=subject.context)
    except ValidationError:
        return None
    return "takes 'no_such_option', so that a misspelt option would do nothing"


CONFIG_CHECKS = named(options_documented, options_round_trip, unknown_options)
