"""A language model as stages and methods get it: recorded, metered and kept within the budget."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Literal

import pandas as pd

from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.llm.budget import Budget, BudgetReached
from llmrec_bench.llm.cassette import Asked, Cassette, Request
from llmrec_bench.llm.language_model import Completion, LanguageModel
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.prices import PriceList
from llmrec_bench.llm.prompt import Prompt

Mode = Literal["record", "replay"]

_SLICE = 64
"""Requests that money is set aside for at once: enough to keep a provider's connections busy. A batch endpoint, which
may take a day each time, gets as many as the budget bears."""


@dataclass(frozen=True)
class Asking:
    """How a run asks language models; handed to every worker process."""

    kinds: Mapping[str, type[LanguageModel]]
    """Providers by name."""
    cassette: Path
    """The folder that answers are recorded in."""
    prices: PriceList
    mode: Mode = "record"
    """`record` asks for what no cassette holds, `replay` never asks."""
    budget: Budget | None = None

    def open(self, options: LanguageModel.Config, items: pd.DataFrame, meter: Meter) -> "MeteredModel":
        """The language model that options name, for a data set's items (I rows), charged to a meter.

        Raises `BenchError` for a provider that nobody offers, and for options that a budget cannot work with.
        """
        if options.provider not in self.kinds:
            raise BenchError(
                f"unknown language model provider '{options.provider}'{suggest(options.provider, self.kinds)}"
            )
        model = self.kinds[options.provider](options, items)
        fault = self.unpriceable(options)
        if fault is not None:
            raise BenchError(fault)
        return MeteredModel(model, self, meter)

    def unpriceable(self, options: LanguageModel.Config) -> str | None:
        """Why a budget cannot bound what these options spend, in one line; None where it can or there is none."""
        if self.budget is None or self.mode == "replay" or not self.kinds[options.provider].billed:
            return None
        if self.prices.price(options.model) is None:
            return f"--budget: no price is known for '{options.model}'; give one in a file named by llm.prices"
        if options.max_tokens is None:
            return f"--budget: the answers of '{options.model}' have no greatest length; set its max_tokens"
        return None

    def cassette_for(self, provider: str) -> Cassette:
        """The recorded answers of a provider: this project's, and those that came with the provider."""
        return Cassette(self.cassette, self.kinds[provider].recordings)


class MeteredModel:
    """Asks a provider what no cassette holds, records the answers and charges every call where it is spent."""

    def __init__(self, model: LanguageModel, asking: Asking, meter: Meter) -> None:
        self._model, self._asking, self._meter = model, asking, meter
        self._asked = Asked(model.identity())
        self._cassette = asking.cassette_for(model.name)
        self._price = asking.prices.price(model.config.model)

    def complete(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """One completion for each prompt, in their order. All else as `answers`."""
        found = dict(self.answers(prompts))
        return [found[place] for place in range(len(prompts))]

    def answers(self, prompts: Iterable[Prompt]) -> Iterator[tuple[int, Completion]]:
        """(index, completion) of every prompt, each as soon as it is there, in any order; `failed` ones say why there
        is no answer. Prompts may be made while those before them are under way; that happens in another thread, maybe.

        Prompts that are alike are asked once. Every answer is recorded as soon as it is there.
        Raises `BenchError` where no request can succeed, where replaying meets a prompt that was not recorded, and
        `BudgetReached` before a request that might pass the budget; answers recorded until then are kept.
        """
        self._cassette.refresh()
        wanted: Iterator[_Wanted] = (
            (place, Request(self._asked, prompt), prompt) for place, prompt in enumerate(prompts)
        )
        if self._asking.mode == "replay":
            wanted = iter(self._recorded(list(wanted)))
        first = None
        for one in wanted:
            place, request, prompt = one
            first = first or request.key
            entry = self._cassette.find(request.key)
            if entry is None:
                with self._cassette.asking(first):
                    self._cassette.refresh()  # another process may have asked meanwhile
                    yield from self._ask(_Missing(chain([one], wanted), self._cassette))
                return
            self._charge(prompt.family, entry.completion, recorded=True)
            yield place, entry.completion

    def close(self) -> None:
        """Let go of the provider's weights and connections, and of the cassette."""
        self._cassette.close()
        self._model.close()

    def _ask(self, missing: "_Missing") -> Iterator[tuple[int, Completion]]:
        failed: dict[str, Completion] = {}
        for key, completion in self._part(missing, {}) if self._budget is None else self._parts(missing):
            place, family = missing.wanted[key]
            if completion.failed:
                failed[key] = completion
            self._charge(family, completion, recorded=False)
            yield place, completion
            yield from self._play(missing)
        yield from self._play(missing)
        for place, key in missing.repeats:
            _, family = missing.wanted[key]
            entry = self._cassette.find(key)
            completion = failed[key] if entry is None else entry.completion
            self._charge(family, completion, recorded=True)  # the first of them has paid
            yield place, completion

    def _play(self, missing: "_Missing") -> Iterator[tuple[int, Completion]]:
        while missing.recorded:
            place, family, completion = missing.recorded.popleft()
            self._charge(family, completion, recorded=True)
            yield place, completion

    def _parts(self, missing: "_Missing") -> Iterator[tuple[str, Completion]]:
        """(key, completion) of all that is missing, a part at a time for which money is set aside."""
        unasked = list(missing)
        while unasked:
            reserved = self._afford(unasked)
            part, unasked = unasked[: len(reserved)], unasked[len(reserved) :]
            yield from self._part(part, {request.key: usd for (_, request, _), usd in zip(part, reserved, strict=True)})

    def _part(self, asked: Iterable["_Wanted"], left: dict[str, float]) -> Iterator[tuple[str, Completion]]:
        """(key, completion) of what is asked; `left` is the money set aside for each key."""
        under_way: dict[int, Request] = {}
        numbers = count()

        def made() -> Iterator[Prompt]:
            for _, request, prompt in asked:
                under_way[next(numbers)] = request
                yield prompt

        unread = made()
        try:
            for i, completion in self._model.answer_arriving(unread):
                request = under_way.pop(i, None)
                if request is None:
                    raise BenchError(f"provider '{self._model.name}' answered prompt {i}, which does not wait for it")
                try:
                    if not completion.failed:
                        self._cassette.record(request, completion)
                finally:
                    self._settle(left.pop(request.key, 0.0), completion)
                yield request.key, completion
        finally:
            for usd in left.values():
                self._settle(usd, None)
        for _ in unread:
            pass
        if under_way:
            n = next(numbers)
            raise BenchError(f"provider '{self._model.name}' left {len(under_way)} of {n} prompts unanswered")

    def _afford(self, unasked: Sequence["_Wanted"]) -> list[float]:
        """Money set aside for each of the next prompts to ask, the first ones."""
        budget = self._budget
        assert budget is not None
        size = len(unasked) if self._model.batch else _SLICE
        while True:
            most = [self._most_usd(prompt) for _, _, prompt in unasked[:size]]
            try:
                budget.reserve(sum(most))
                return most
            except BudgetReached:
                if len(most) == 1:
                    budget.stop()
                    raise
                size = len(most) // 2

    @property
    def _budget(self) -> Budget | None:
        return self._asking.budget if self._model.billed else None

    def _most_usd(self, prompt: Prompt) -> float:
        """More than a request can cost. No tokenizer in use spends a token on less than a byte."""
        assert self._price is not None  # `Asking.open` saw to that
        assert self._model.config.max_tokens is not None
        size = sum(len(message.content.encode("utf-8", "surrogatepass")) for message in prompt.messages)
        tokens = size + 16 * (1 + len(prompt.messages))
        return (tokens * self._price.prompt + self._model.config.max_tokens * self._price.completion) / 1_000_000

    def _settle(self, reserved_usd: float, completion: Completion | None) -> None:
        if self._budget is None:
            return
        assert self._price is not None
        cost = 0.0
        if completion is not None and not completion.failed:
            told = self._price.dollars(completion.usage, self._model.batch)
            cost = reserved_usd if told is None else told
        self._budget.settle(reserved_usd, cost)

    def _charge(self, family: str, completion: Completion, recorded: bool) -> None:
        self._meter.charge(self._model, family, completion, recorded, self._price)

    def _recorded(self, wanted: "list[_Wanted]") -> "list[_Wanted]":
        """All that is wanted. Raises `BenchError` where an answer is not recorded."""
        prompts = {request.key: prompt for _, request, prompt in reversed(wanted)}
        missing = [(key, prompt) for key, prompt in reversed(prompts.items()) if key not in self._cassette]
        if not missing:
            return wanted
        key, prompt = missing[0]
        shown = " ".join(prompt.messages[-1].content.split())
        about = f", about item {prompt.items[0]}" if prompt.items else ""
        raise BenchError(
            f"replay: {len(missing):,} of {len(prompts):,} answers of {self._model.name} {self._model.config.model} "
            f"are not recorded in {self._asking.cassette}; the first, {prompt.family} {key[:12]}{about}: "
            f"'{shown if len(shown) <= 80 else shown[:79] + '…'}'; run without replay to ask for them"
        )


_Wanted = tuple[int, Request, Prompt]
"""With the place among the prompts."""


class _Missing:
    """Goes through prompts for what is to be asked, each once. It puts aside what is recorded, and what is alike. One
    thread may go through it while another takes what was put aside."""

    def __init__(self, wanted: Iterable[_Wanted], cassette: Cassette) -> None:
        self._all, self._cassette = wanted, cassette
        self.wanted: dict[str, tuple[int, str]] = {}
        """Place and family of those that were given, by key."""
        self.recorded: deque[tuple[int, str, Completion]] = deque()
        """Place, family and answer of those recorded."""
        self.repeats: list[tuple[int, str]] = []
        """Places and keys of those that are like one given before."""

    def __iter__(self) -> Iterator[_Wanted]:
        for place, request, prompt in self._all:
            if request.key in self.wanted:
                self.repeats.append((place, request.key))
            elif (entry := self._cassette.find(request.key)) is not None:
                self.recorded.append((place, prompt.family, entry.completion))
            else:
                self.wanted[request.key] = place, prompt.family
                yield place, request, prompt
