"""A language model without a mind."""

import time
from collections.abc import Iterator, Sequence
from typing import Literal

from llmrec_bench import Completion, LanguageModel, Prompt, Usage


class Parrot(LanguageModel):
    """Answers with the last line of the prompt."""

    name = "parrot"
    version = "1"
    simulated = True

    class Config(LanguageModel.Config):
        """Options of every provider."""

        provider: Literal["parrot"] = "parrot"
        """Name of the provider."""
        model: str = "grey"
        """Which kind of parrot."""

    config: Config

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        for index, prompt in enumerate(prompts):
            begin = time.perf_counter()
            text = prompt.messages[-1].content.splitlines()[-1]
            heard, said = len(prompt.messages[-1].content.split()), len(text.split())
            yield index, Completion(text, "stop", Usage(heard, said), time.perf_counter() - begin)
