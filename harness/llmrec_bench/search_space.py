"""What tuning may try: ranges and choices, declared beside a method's options or given by a suite."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict

Scalar = bool | int | float | str | None
"""What a choice may hold."""


@dataclass(frozen=True)
class Range:  # no `Config`, for in an annotation pydantic takes its own models for the option's type
    """Numbers from `low` to `high`, both of them included; whole ones where the option holds whole numbers."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    low: float
    """The smallest value to try."""
    high: float
    """The largest value to try."""
    log: bool = False
    """Draw alike in each power of ten, instead of alike everywhere."""

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"low should be below high (given {self.low:g} and {self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError(f"a range drawn by powers of ten should start above 0 (given {self.low:g})")

    def edges(self) -> tuple[Scalar, ...]:
        """The values that an option has to accept if it is to be searched here."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}{' by powers of ten' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """Any of some values."""

    values: tuple[Scalar, ...]
    """The values to try."""

    def edges(self) -> tuple[Scalar, ...]:
        """The values that an option has to accept if it is to be searched here."""
        return self.values

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


SearchSpace = dict[str, Range | Choice]
"""Option -> what to try."""


def declared_space(config: type[BaseModel]) -> SearchSpace:
    """The `Range` or `Choice` that stands in the annotations of a config's fields, as
    `width: Annotated[int, Choice(values=(32, 64))] = 64`."""
    return {
        name: found
        for name, field in config.model_fields.items()
        for found in field.metadata
        if isinstance(found, Range | Choice)
    }


def whole_options(config: type[BaseModel]) -> set[str]:
    """The options that hold whole numbers only."""

    def kinds(annotation: Any) -> set[Any]:
        return {annotation}.union(*(kinds(part) for part in get_args(annotation) if isinstance(part, type)))

    found = {name: kinds(field.annotation) for name, field in config.model_fields.items()}
    return {name for name, parts in found.items() if int in parts and float not in parts}


def plain_space(space: Mapping[str, Range | Choice]) -> dict[str, Any]:
    """As JSON, for identities and records."""
    return {name: asdict(part) for name, part in sorted(space.items())}
