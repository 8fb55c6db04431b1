"""Providers of language models that break a promise each."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from llmrec_bench import Completion, LanguageModel, Prompt, Usage


class SoundModel(LanguageModel):
    """Answers in capitals."""

    name = "sound-model"
    version = "1"
    simulated = True
    breaks: ClassVar[str] = ""

    class Config(LanguageModel.Config):
        """Options of every provider."""

        provider: Literal["sound-model"] = "sound-model"
        """Name of the provider."""
        model: str = "loud"
        """Which one."""

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        for index, prompt in enumerate(prompts):
            text = prompt.messages[-1].content.upper()
            yield index, Completion(text, "stop", Usage(len(text.split()), len(text.split())), seconds=0.0)


class Misnamed(SoundModel):
    """Is called otherwise in its options."""

    name = "other-model"
    breaks = "provider-named"


class Skipping(SoundModel):
    """Answers every other prompt."""

    breaks = "every-prompt-answered"

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        yield from list(super().answer(prompts))[::2]


class Tongueless(SoundModel):
    """Fails without saying why."""

    breaks = "every-prompt-answered"

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        yield from ((index, Completion("", "failed")) for index, _ in enumerate(prompts))


class Uncounted(SoundModel):
    """Tells no tokens."""

    breaks = "usage-reported"

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        for index, completion in super().answer(prompts):
            yield index, Completion(completion.text, "stop", seconds=0.0)


class Untimed(SoundModel):
    """Tells no seconds."""

    breaks = "usage-reported"

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        for index, completion in super().answer(prompts):
            yield index, Completion(completion.text, "stop", completion.usage)


class Restless(SoundModel):
    """Is another model each time it is opened, so that nothing recorded is ever found."""

    breaks = "cassette-round-trip"

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "session": uuid.uuid4().hex}
