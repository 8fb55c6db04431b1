"""Real answers of a large language model that come with the project."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from llmrec_bench import BenchError, Completion, LanguageModel, Prompt

_FOLDER = Path(__file__).parents[1] / "recordings"


class Recorded(LanguageModel):
    """Answers of a large instruction-tuned model about MovieLens-100K and Amazon Video Games 2018, recorded once and
    shipped; it answers nothing else. Token usage, latency, decoding settings and the model's revision were not
    recorded.

    See `recordings/README.md` for the prompts and what to bear in mind.
    """

    name = "recorded"
    version = "1"
    deployment = "recorded"
    caution = (
        "such a model knows the films and games, and may remember the data set itself; uniformly drawn candidates make "
        "a popular target easy to spot"
    )
    recordings: ClassVar[Sequence[Path]] = tuple(sorted(_FOLDER.glob("*.jsonl")))

    class Config(LanguageModel.Config):
        """Options of the recorded answers."""

        provider: Literal["recorded"] = "recorded"
        """Name of the provider."""
        model: Literal["claude-2026-11"] = "claude-2026-11"
        """Who answered: Anthropic's Claude, in November 2026."""
        max_tokens: None = None
        """Not recorded."""
        temperature: None = None
        """Not recorded."""

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        """Raises `BenchError`: a prompt that comes here is none of those recorded."""
        if prompts:
            first = prompts[0]
            shown = " ".join(first.messages[-1].content.split())
            raise BenchError(
                f"provider 'recorded': {len(prompts):,} prompts are not among the recorded ones; the first, "
                f"{first.family}: '{shown if len(shown) <= 80 else shown[:79] + '…'}'. They were recorded for "
                "MovieLens-100K with duplicates dropped and an iterative 5-core (suites/item-text.yaml shows it), and "
                "for a sample of Amazon Video Games 2018 (suites/paper.yaml, profile games)"
            )
        yield from ()
