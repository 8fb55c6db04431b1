"""Prompts in, completions out: what every provider of language models is to the harness."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pandas as pd
from pydantic import (
    Field,
    SerializeAsAny,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from llmrec_bench.config import Config as BaseConfig
from llmrec_bench.errors import suggest
from llmrec_bench.llm.prompt import Prompt


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say, never 0 for unknown."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    """Those of the prompt that the provider took from its own cache."""


@dataclass(frozen=True)
class Completion:
    """A language model's answer to one prompt, or why there is none."""

    text: str
    finish_reason: str
    """`stop`, `length` where the answer was cut at the limit, `refused`, another word of the provider's, `unknown`
    where none was recorded, or `failed`."""
    usage: Usage = Usage()
    seconds: float | None = None
    """Wall-clock seconds from the request to the answer; None where they were not recorded. Of a batch computed
    together, its seconds divided by its size."""
    error: str = ""
    """Why a `failed` request has no answer. Failures are reported and never recorded."""

    @property
    def failed(self) -> bool:
        """True where there is no answer."""
        return self.finish_reason == "failed"


class LanguageModel(ABC):
    """A provider of completions. Subclass it, name it, give it a `Config`, and register the class.

    The harness wraps it: what is recorded is not asked again, and every call is metered.
    """

    name: ClassVar[str]
    """What a suite writes after `provider:`."""
    version: ClassVar[str]
    """Raised when the same request would be answered otherwise by our side of the wire; part of every cassette key."""
    billed: ClassVar[bool] = False
    """True where somebody charges for the tokens."""
    simulated: ClassVar[bool] = False
    """True where a program makes up the answers; everything they touch says so."""
    deployment: ClassVar[str] = "local"
    """Where it runs, for the cost table: `local` or `API`."""
    caution: ClassVar[str] = ""
    """What a reader of any number it touched should bear in mind; stands below the tables."""
    recordings: ClassVar[Sequence[Path]] = ()
    """Cassette files that come with the provider; they are read, never written."""
    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of `bench check` that it is meant to fail, by name, each with the reason."""

    class Config(BaseConfig):
        """Options of every provider."""

        provider: str
        """Name of the provider; `bench list language-models` shows them."""
        model: str = Field(min_length=1)
        """Which model to ask."""
        max_tokens: int | None = Field(None, ge=1)
        """The longest answer, in tokens; null leaves it to the provider."""
        temperature: float | None = Field(None, ge=0, le=2)
        """Randomness of the answers, 0 for the likeliest; null leaves it to the provider."""

    def __init__(self, config: Config, items: pd.DataFrame) -> None:
        """Store the options and nothing else; weights are loaded and connections made by the first `answer`.

        `items` are the item texts of the data set (I rows, as `TrainingData.items`). Only a simulated model looks at
        them; a real one knows what the prompt tells it.
        """
        self.config = config
        self.items = items

    def identity(self) -> dict[str, Any]:
        """Everything but the prompt that decides an answer, as plain JSON values."""
        return {"version": self.version, **self.config.identity()}

    @property
    def parameters(self) -> int | None:
        """How many the model has; None where unknown."""
        return None

    def fault(self) -> str | None:
        """Why nothing could be asked now, in one line, found out without asking: no key, no weights. None where
        nothing is known to be in the way."""
        return None

    @property
    def batch(self) -> bool:
        """True where requests go through a batch endpoint, at its price."""
        return False

    @abstractmethod
    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        """(index, completion) of every prompt, each as soon as it is there, in any order.

        A request that fails for itself (time-out, refusal by the server, an answer that cannot be read) yields a
        completion with `finish_reason` `failed` and does not disturb the others. Raises `BenchError` where no
        request can succeed: no key, a wrong key, an unknown model, an unreachable host, a quota used up.
        """

    def answer_arriving(self, prompts: Iterable[Prompt]) -> Iterator[tuple[int, Completion]]:
        """As `answer`, of prompts that are still being made, to be gone through once. Override it where the first can
        be under way before the last is there; they may be taken in another thread."""
        return self.answer(list(prompts))

    def close(self) -> None:  # noqa: B027 - optional
        """Let go of weights and connections."""


def _by_provider(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    if isinstance(value, LanguageModel.Config):
        return value
    known: dict[str, type[LanguageModel]] = (info.context or {}).get("language_models", {})
    if not isinstance(value, dict):
        raise ValueError("should be a mapping such as {provider: openai, model: NAME}")
    provider = value.get("provider")
    if not isinstance(provider, str):
        raise ValueError(f"provider is missing{suggest('', known)}")
    if provider not in known:
        raise ValueError(f"unknown provider '{provider}'{suggest(provider, known)}")
    options = known[provider].Config
    for key in value.keys() - options.model_fields.keys():
        raise ValueError(f"'{provider}' has no option '{key}'{suggest(key, options.model_fields)}")
    # The JSON route is strict about types, as for the rest of a suite.
    return options.model_validate_json(json.dumps(value), strict=True)


LanguageModelOptions = Annotated[
    SerializeAsAny[LanguageModel.Config],
    WrapValidator(_by_provider),
    WithJsonSchema(
        {
            "type": "object",
            "title": "LanguageModel",
            "properties": {"provider": {"type": "string"}, "model": {"type": "string"}},
            "required": ["provider"],
        }
    ),
]
"""The type of a stage's or method's option that names a language model: `{provider: NAME, model: NAME, ...}`. What
else may stand there the provider decides."""
