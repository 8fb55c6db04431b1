"""What the simulated model knows: the texts of the items, and how common their words are."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from llmrec_bench_plugins.llms.simulation.categories import split_categories
from llmrec_bench_plugins.llms.simulation.english import content_words

_COLUMNS = ("token", "title", "category", "brand", "description")
_BETWEEN_PHRASES = re.compile(r"[.,;:!?()]|\b(?:and|or|that|which)\b")
_PHRASE_WORDS = range(2, 7)
_DESCRIPTION_CHARACTERS = 400
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Item:
    """The texts of one item, '' or empty where unknown."""

    title: str
    categories: tuple[str, ...] = ()
    brand: str = ""
    description: str = ""

    @cached_property
    def title_words(self) -> list[str]:
        """The title's words that carry meaning and name neither the brand nor a category (`desk` names `Desks`)."""
        named = content_words(" ".join((self.brand, *self.categories)))
        return [word for word in content_words(self.title) if not any(name.startswith(word) for name in named)]

    @cached_property
    def phrases(self) -> list[str]:
        """Stretches of two to six words of the description, between punctuation, `and`, `or`, `that` and `which`."""
        parts = (part.strip() for part in _BETWEEN_PHRASES.split(self.description[:_DESCRIPTION_CHARACTERS]))
        return list(dict.fromkeys(part for part in parts if len(part.split()) in _PHRASE_WORDS))

    @cached_property
    def marks(self) -> tuple[tuple[str, str], ...]:
        """(`category`, `brand`, `title`, `description` or `phrase`; text), each once: all it can share with others."""
        words = content_words(self.description[:_DESCRIPTION_CHARACTERS])
        kinds: dict[str, Iterable[str]] = {
            "category": self.categories,
            "brand": [self.brand] if self.brand else [],
            "title": content_words(self.title),
            "description": words,
            "phrase": self.phrases,
        }
        return tuple((kind, text) for kind, texts in kinds.items() for text in texts)


class Catalogue:
    """Every item a data set has, by code (row)."""

    def __init__(self, items: pd.DataFrame) -> None:
        """Read `token`, `title` and, where there, `category`, `brand` and `description`; other columns are ignored."""
        texts = {
            name: [_text(value) for value in items[name]] if name in items else [""] * len(items) for name in _COLUMNS
        }
        categories = split_categories(texts["category"])
        descriptions = [_TAG.sub(" ", text).strip() for text in texts["description"]]
        rows = zip(texts["title"], categories, texts["brand"], descriptions, strict=True)
        self.items = [Item(*row) for row in rows]
        """The item of each code."""
        self.tokens = texts["token"]
        """The token of each code."""
        self.fingerprint = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
        """Of all texts it read, 16 hex digits."""
        self._codes = {token: code for code, token in enumerate(self.tokens)}
        self._titles = {item.title: code for code, item in enumerate(self.items) if item.title}
        self._longest_title = max(map(len, self._titles), default=0)

    def code(self, token: str) -> int | None:
        """The code of a token, None for a stranger."""
        return self._codes.get(token)

    def has_title(self, title: str) -> bool:
        """Whether an item is called so."""
        return title in self._titles

    def at_start(self, text: str) -> int | None:
        """The code of the longest title that the text begins with, None where there is none."""
        for end in range(min(self._longest_title, len(text)), 0, -1):
            if text[:end] in self._titles and not text[end : end + 1].isalnum():
                return self._titles[text[:end]]
        return None

    def rarity(self, kind: str, text: str) -> int:
        """log2 of (number of items / items with this mark), rounded down: 0 for what half of the items have."""
        return (len(self.items) // max(1, self._counts[kind, text])).bit_length() - 1

    def shared(self, kind: str, text: str) -> bool:
        """Whether at least two items have this mark, but no more than half of them."""
        return self._counts[kind, text] > 1 and self.rarity(kind, text) > 0

    def names(self, word: str) -> bool:
        """Whether the word, in any case, is in at least two titles or in a category or brand."""
        return word.lower() in self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        named = {word for item in self.items for text in (*item.categories, item.brand) for word in content_words(text)}
        return frozenset(
            named | {text for (kind, text), count in self._counts.items() if kind == "title" and count > 1}
        )

    @cached_property
    def _counts(self) -> Counter[tuple[str, str]]:
        return Counter(mark for item in self.items for mark in item.marks)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable):
        return "|".join(map(str, value))
    return "" if value is None or value != value else str(value)  # NaN differs from itself
