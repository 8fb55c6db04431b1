"""What tokens cost: dated price lists, ours and the user's."""

import datetime
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from llmrec_bench.config import Config
from llmrec_bench.errors import BenchError
from llmrec_bench.llm.language_model import Usage

_Dollars = Annotated[float, Field(ge=0)]
_MILLION = 1_000_000


class Price(Config):
    """What one model's tokens cost from a date on, in US dollars per million."""

    model: str
    date: datetime.date
    """When the price was published."""
    prompt: _Dollars
    completion: _Dollars
    cached: _Dollars | None = None
    """Of prompt tokens from the provider's own cache; null: as the others."""
    batch: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share charged for requests through a batch endpoint."""
    source: Annotated[str, Field(min_length=1)]
    """Where it was published."""

    def dollars(self, usage: Usage, batch: bool = False) -> float | None:
        """Of one call; None where its tokens are not known."""
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        cached = usage.cached_tokens or 0
        at_cache = self.prompt if self.cached is None else self.cached
        total = (usage.prompt_tokens - cached) * self.prompt + cached * at_cache
        total += usage.completion_tokens * self.completion
        return total * (self.batch if batch else 1.0) / _MILLION

    def __str__(self) -> str:
        return f"{self.model} of {self.date}"


class PriceList:
    """The latest price of each model."""

    def __init__(self, prices: Iterable[Price]) -> None:
        """Of two prices of one model and date the later one in the list counts."""
        self._latest = {price.model: price for price in sorted(prices, key=lambda price: price.date)}

    def price(self, model: str) -> Price | None:
        """None where no list knows the model."""
        return self._latest.get(model)


def load_prices(own: Path | None = None) -> PriceList:
    """The project's list, with the user's on top: its prices count whatever their date.

    Raises `BenchError` naming the file, the entry and what is wrong with it.
    """
    ours = _read(files("llmrec_bench").joinpath("llm/prices.yaml").read_text(encoding="utf-8"), "prices.yaml")
    if own is None:
        return PriceList(ours)
    try:
        text = own.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.reason if isinstance(error, UnicodeDecodeError) else error.strerror
        raise BenchError(f"{own}: the price list cannot be read ({reason})") from None
    theirs = _read(text, str(own))
    named = {price.model for price in theirs}
    return PriceList([*(price for price in ours if price.model not in named), *theirs])


def _read(text: str, where: str) -> list[Price]:
    try:
        plain = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # a date such as 2024-13-01 is the latter
        raise BenchError(f"{where}: not YAML ({' '.join(str(error).split())})") from None
    try:
        return TypeAdapter(list[Price]).validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        place = list(first["loc"])
        entry = plain[place[0]] if isinstance(plain, list) and place and isinstance(place[0], int) else None
        named = f" ({entry['model']})" if isinstance(entry, dict) and isinstance(entry.get("model"), str) else ""
        at = f"entry {int(place[0]) + 1}{named}" if entry is not None else "the list"
        what = ".".join(map(str, place[1:]))
        message = first["msg"].removeprefix("Input ").removeprefix("Value error, ")
        raise BenchError(f"{where}: {at}: {what + ' ' if what else ''}{message} (given {first['input']!r})") from None
