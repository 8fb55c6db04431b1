"""A language model as stages and methods get it: recorded and metered."""

from collections.abc import Sequence

from llmrec_bench.llm.language_model import Completion
from llmrec_bench.llm.prompt import Prompt


class MeteredModel:
    """Asks a provider what no cassette holds, records the answers and charges every call where it is spent."""

    def complete(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """One completion for each prompt, in their order."""
        raise NotImplementedError
