"""The base of everything a user can configure: strict, frozen, documented field by field."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class Operational:
    """In an option's annotation: it says how something is done, not what comes out, and so names no result.

    `concurrency: Annotated[int, Operational()] = 8`
    """


class Config(BaseModel):
    """A frozen set of options. Unknown keys are refused; the sentence under a field is its documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def identity(self) -> dict[str, Any]:
        """The options that can change a result, as plain JSON values: all but the `Operational` ones. Trial ids,
        stage keys and cassette keys are hashes over it."""
        aside = {
            name
            for name, field in type(self).model_fields.items()
            if any(isinstance(mark, Operational) for mark in field.metadata)
        }
        plain = self.model_dump(mode="json", exclude=aside)
        return {name: _identity_of(getattr(self, name), value) for name, value in plain.items()}


def _identity_of(value: Any, plain: Any) -> Any:
    """Options inside options tell their own identity, in lists too."""
    if isinstance(value, Config):
        return value.identity()
    if isinstance(value, tuple | list):
        return [_identity_of(part, as_json) for part, as_json in zip(value, plain, strict=True)]
    return plain
