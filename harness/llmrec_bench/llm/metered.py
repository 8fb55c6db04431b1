"""A language model as stages and methods get it: recorded, metered and kept within the budget."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.llm.budget import Budget, BudgetReached
from llmrec_bench.llm.cassette import Asked, Cassette
from llmrec_bench.llm.language_model import Completion, LanguageModel
from llmrec_bench.llm.meter import Meter, Spending
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
        """One completion for each prompt, in their order; `failed` ones say why there is no answer.

        Prompts that are alike are asked once. Every answer is recorded as soon as it is there.
        Raises `BenchError` where no request can succeed, where replaying meets a prompt that was not recorded, and
        `BudgetReached` before a request that might pass the budget; answers recorded until then are kept.
        """
        keys = [self._asked.key(prompt.plain()) for prompt in prompts]
        wanted: dict[str, Prompt] = {}
        for key, prompt in zip(keys, prompts, strict=True):
            wanted.setdefault(key, prompt)
        found, missing = self._look_up(wanted)
        if missing and self._asking.mode == "replay":
            raise self._unrecorded(missing, len(wanted))
        asked = set()
        if missing:
            with self._cassette.asking(wanted):
                found, missing = self._look_up(wanted)  # another process may have asked meanwhile
                for key, completion in self._ask(missing):
                    found[key] = completion
                    asked.add(key)
                    self._charge(missing[key], completion, recorded=False)
        for key, prompt in zip(keys, prompts, strict=True):
            if key in asked:
                asked.remove(key)  # charged already; the next prompt that is alike costs nothing
            else:
                self._charge(prompt, found[key], recorded=True)
        return [found[key] for key in keys]

    def close(self) -> None:
        """Let go of the provider's weights and connections, and of the cassette."""
        self._cassette.close()
        self._model.close()

    def _look_up(self, wanted: Mapping[str, Prompt]) -> tuple[dict[str, Completion], dict[str, Prompt]]:
        """What is recorded, and the prompts whose answers are not."""
        self._cassette.refresh()
        entries = {key: self._cassette.find(key) for key in wanted}
        found = {key: entry.completion for key, entry in entries.items() if entry is not None}
        return found, {key: prompt for key, prompt in wanted.items() if key not in found}

    def _ask(self, missing: Mapping[str, Prompt]) -> Iterator[tuple[str, Completion]]:
        keys = list(missing)
        while keys:
            part, reserved = self._afford(keys, missing)
            keys = keys[len(part) :]
            left = dict(zip(part, reserved, strict=True))
            try:
                for i, completion in self._model.answer([missing[key] for key in part]):
                    try:
                        if not completion.failed:
                            self._cassette.record(self._asked, missing[part[i]], completion, part[i])
                    finally:
                        self._settle(left.pop(part[i]), completion)
                    yield part[i], completion
            finally:
                for usd in left.values():
                    self._settle(usd, None)
            if left:
                raise BenchError(f"provider '{self._model.name}' left {len(left)} of {len(part)} prompts unanswered")

    def _afford(self, keys: list[str], prompts: Mapping[str, Prompt]) -> tuple[list[str], list[float]]:
        """The next prompts to ask, with the money set aside for each."""
        budget = self._budget
        if budget is None:
            return keys, [0.0] * len(keys)
        size = len(keys) if self._model.batch else _SLICE
        while True:
            part = keys[:size]
            most = [self._most_usd(prompts[key]) for key in part]
            try:
                budget.reserve(sum(most))
                return part, most
            except BudgetReached:
                if len(part) == 1:
                    budget.stop()
                    raise
                size = len(part) // 2

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

    def _charge(self, prompt: Prompt, completion: Completion, recorded: bool) -> None:
        model = self._model
        blank = Spending(
            provider=model.name,
            model=model.config.model,
            family=prompt.family,
            charged=self._meter.charged,
            simulated=model.simulated,
            deployment=model.deployment,
            caution=model.caution,
            parameters=model.parameters,
        )
        self._meter.charge(blank, completion, recorded, self._price, model.billed, model.batch)

    def _unrecorded(self, missing: Mapping[str, Prompt], asked: int) -> BenchError:
        key, prompt = next(iter(missing.items()))
        shown = " ".join(prompt.messages[-1].content.split())
        about = f", about item {prompt.items[0]}" if prompt.items else ""
        return BenchError(
            f"replay: {len(missing):,} of {asked:,} answers of {self._model.name} {self._model.config.model} are not "
            f"recorded in {self._asking.cassette}; the first, {prompt.family} {key[:12]}{about}: "
            f"'{shown if len(shown) <= 80 else shown[:79] + '…'}'; run without replay to ask for them"
        )
