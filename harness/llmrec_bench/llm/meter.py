"""What language models cost, charged where it is spent."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from llmrec_bench.llm.language_model import Completion, LanguageModel
from llmrec_bench.llm.prices import Price

Charged = Literal["one-off", "per-request"]
"""`one-off`: once, however many requests are served later; `per-request`: again for every ranking."""


class Spending(BaseModel):
    """All calls of one kind to one model. Sums are over the calls that tell; how many do not is counted beside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    model: str
    family: str
    """Of the prompts."""
    charged: Charged
    simulated: bool
    deployment: str
    caution: str = ""
    """What to bear in mind beside numbers that rest on these answers."""
    parameters: int | None = None
    """Of the model; None where unknown."""
    calls: int = 0
    recorded_calls: int = 0
    """Of these, answered from a cassette: paid by whoever recorded them."""
    failed_calls: int = 0
    """Of these, without an answer."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    calls_without_usage: int = 0
    """Of the answered ones."""
    call_seconds: float = 0.0
    """Of all calls one after another."""
    calls_without_seconds: int = 0
    billed_usd: float | None = 0.0
    """What this run paid: the calls not recorded, at the price below. None where a price or a usage is not known."""
    notional_usd: float | None = 0.0
    """What all calls would cost, recorded ones included. None as above."""
    price: str = ""
    """Which price that was; empty where no list has one."""

    def with_call(
        self, completion: Completion, recorded: bool, price: Price | None, billed: bool, batch: bool
    ) -> "Spending":
        """With one more call."""
        if completion.failed:
            return self.model_copy(update={"calls": self.calls + 1, "failed_calls": self.failed_calls + 1})
        usage, dollars = completion.usage, None if price is None else price.dollars(completion.usage, batch)
        known = usage.prompt_tokens is not None and usage.completion_tokens is not None
        return self.model_copy(
            update={
                "calls": self.calls + 1,
                "recorded_calls": self.recorded_calls + recorded,
                "prompt_tokens": self.prompt_tokens + (usage.prompt_tokens or 0),
                "completion_tokens": self.completion_tokens + (usage.completion_tokens or 0),
                "cached_tokens": self.cached_tokens + (usage.cached_tokens or 0),
                "calls_without_usage": self.calls_without_usage + (not known),
                "call_seconds": self.call_seconds + (completion.seconds or 0.0),
                "calls_without_seconds": self.calls_without_seconds + (completion.seconds is None),
                "billed_usd": self.billed_usd if recorded or not billed else plus(self.billed_usd, dollars),
                "notional_usd": plus(self.notional_usd, dollars),
                "price": "" if price is None else str(price),
            }
        )


def plus(total: float | None, more: float | None) -> float | None:
    """Their sum; None where one is not known."""
    return None if total is None or more is None else total + more


class Meter:
    """Adds up calls, by provider, model, prompt family and how they are charged."""

    def __init__(self) -> None:
        self.charged: Charged = "one-off"
        """How calls are charged from now on."""
        self._spendings: dict[tuple[str, str, str, Charged], Spending] = {}

    def charge(
        self, model: LanguageModel, family: str, completion: Completion, recorded: bool, price: Price | None
    ) -> None:
        """Add a model's answer to a prompt of a family to the spending of its kind."""
        key = (model.name, model.config.model, family, self.charged)
        spent = self._spendings.get(key) or Spending(
            provider=model.name,
            model=model.config.model,
            family=family,
            charged=self.charged,
            simulated=model.simulated,
            deployment=model.deployment,
            caution=model.caution,
            parameters=model.parameters,
        )
        self._spendings[key] = spent.with_call(completion, recorded, price, model.billed, model.batch)

    def spendings(self) -> list[Spending]:
        """Of every kind of call so far."""
        return list(self._spendings.values())


def with_bills(spendings: Iterable[Spending], earlier: Iterable[Spending]) -> list[Spending]:
    """The same calls, with the bills of earlier attempts: what was paid then is answered from a cassette now."""
    paid = {(s.provider, s.model, s.family, s.charged): s for s in earlier}
    found = []
    for spent in spendings:
        before = paid.pop((spent.provider, spent.model, spent.family, spent.charged), None)
        billed = spent.billed_usd if before is None else plus(spent.billed_usd, before.billed_usd)
        found.append(spent.model_copy(update={"billed_usd": billed}))
    return [*found, *paid.values()]


def total_usd(amounts: Iterable[float | None]) -> float | None:
    """Their sum; None where one is not known."""
    total: float | None = 0.0
    for amount in amounts:
        total = plus(total, amount)
    return total
