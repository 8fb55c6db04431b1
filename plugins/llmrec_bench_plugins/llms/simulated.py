"""A language model that is no model: a program that writes every form of answer from the texts of the items."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

from pydantic import Field

from llmrec_bench import BenchError, Completion, LanguageModel, Prompt, Usage
from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue
from llmrec_bench_plugins.llms.simulation.draft import Draft
from llmrec_bench_plugins.llms.simulation.draws import Draws
from llmrec_bench_plugins.llms.simulation.english import count_pieces, first_pieces
from llmrec_bench_plugins.llms.simulation.faults import Faults, spoil
from llmrec_bench_plugins.llms.simulation.item_facts import write_facts
from llmrec_bench_plugins.llms.simulation.likeness import Likeness
from llmrec_bench_plugins.llms.simulation.preference import write_preference
from llmrec_bench_plugins.llms.simulation.ranking import write_ranking
from llmrec_bench_plugins.llms.simulation.rationale import write_rationale
from llmrec_bench_plugins.llms.simulation.review_rationale import write_review_rationale

Writer = Callable[[Prompt, Draws], Draft]


class Simulated(LanguageModel):
    """Writes from the prompt and the item texts alone, with no key, GPU or network. It never sees an interaction.

    It reads the catalogue it is given (title, category, brand, description) and answers five families of prompts:
    `item-facts`, `preference`, `ranking`, `rationale` and `review-rationale`. The same prompt (with its items and
    sample), options and catalogue give the same bytes everywhere. Its tokens are runs of letters and digits and
    single punctuation marks; its seconds are those that the program took.
    """

    name: ClassVar[str] = "simulated"
    version: ClassVar[str] = "1"
    simulated: ClassVar[bool] = True
    deployment: ClassVar[str] = "simulated"

    class Config(LanguageModel.Config):
        """Options of the simulated model; `temperature: 0` makes all samples of a prompt alike, others do nothing."""

        provider: str = "simulated"
        """Name of the provider."""
        model: str = Field(default="writer-1", min_length=1)
        """Whose hand: a writer of another name knows the same and words it otherwise."""
        seed: int = Field(default=0, ge=0)
        """Draws the wording, the noise of judgements and which answers go wrong."""
        faults: Faults = Faults()
        """Shares of answers that go wrong; none by default."""

    config: Config

    def identity(self) -> dict[str, Any]:
        """The options, and a fingerprint of the item texts, which decide what it writes."""
        return {**super().identity(), "catalogue": self._catalogue.fingerprint}

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        """(index, completion) of every prompt, in order.

        Raises `BenchError` for a family it has no writer for, and for a ranking without candidates.
        """
        for family in dict.fromkeys(prompt.family for prompt in prompts):
            if family not in self._writers:
                raise BenchError(
                    f"simulated language model: cannot answer prompts of family '{family}'; "
                    f"known: {', '.join(sorted(self._writers))}"
                )
        for index, prompt in enumerate(prompts):
            yield index, self._complete(prompt)

    def _complete(self, prompt: Prompt) -> Completion:
        begin = time.perf_counter()
        config = self.config
        asked = prompt.plain() | ({"sample": 0} if config.temperature == 0 else {})
        key = (config.seed, config.model, prompt.family, asked)
        draft = self._writers[prompt.family](prompt, Draws(*key))
        # A stream of its own, so that a share changes which answers go wrong and not how the sound ones read.
        draws = Draws(*key, "faults")
        text, finish_reason = spoil(draft, config.faults.draw(draws), draws)
        pieces = count_pieces(text)
        if config.max_tokens is not None and pieces > config.max_tokens:
            text, finish_reason, pieces = first_pieces(text, config.max_tokens), "length", config.max_tokens
        asked_pieces = sum(count_pieces(message.content) for message in prompt.messages)
        return Completion(text, finish_reason, Usage(asked_pieces, pieces), time.perf_counter() - begin)

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue(self.items)

    @cached_property
    def _writers(self) -> Mapping[str, Writer]:
        catalogue, likeness = self._catalogue, Likeness(self._catalogue)
        return {
            "item-facts": partial(write_facts, catalogue=catalogue),
            "preference": partial(write_preference, catalogue=catalogue),
            "ranking": partial(write_ranking, catalogue=catalogue, likeness=likeness),
            "rationale": partial(write_rationale, catalogue=catalogue, likeness=likeness),
            "review-rationale": partial(write_review_rationale, catalogue=catalogue),
        }
