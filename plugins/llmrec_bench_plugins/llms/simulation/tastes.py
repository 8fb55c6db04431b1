"""What a history shows of somebody's preferences."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue
from llmrec_bench_plugins.llms.simulation.likeness import recency

_RECENT = 3
_TWICE = 2


@dataclass(frozen=True)
class Tastes:
    """The marks of a history, the strongest first."""

    categories: list[str]
    """Frequent among the items, the recent ones counting most, and rare in the catalogue."""
    brands: list[str]
    """The same of brands."""
    words: list[str]
    """Words of at least two of the titles, or of one where no category is known; the most frequent first."""
    phrases: list[str]
    """Phrases of at least two of the descriptions, the most frequent first."""
    titles: list[str]
    """The titles, each once, the latest first."""
    recent_category: str
    """The strongest category of the last three items where it is not among the first three; else ''."""


def tastes_of(history: Sequence[int], catalogue: Catalogue) -> Tastes:
    """What the items of a history (codes, oldest first) have in common."""
    categories = _strongest("category", history, catalogue)
    recent = _strongest("category", history[-_RECENT:], catalogue)[:1]
    return Tastes(
        categories=categories,
        brands=_strongest("brand", history, catalogue),
        words=_recurring("title", history, catalogue, _TWICE if categories else 1),
        phrases=_recurring("phrase", history, catalogue, _TWICE),
        titles=list(dict.fromkeys(title for code in reversed(history) if (title := catalogue.items[code].title))),
        recent_category="".join(category for category in recent if category not in categories[:3]),
    )


def _strongest(kind: str, history: Sequence[int], catalogue: Catalogue) -> list[str]:
    strength = {
        text: weight * (1 + catalogue.rarity(kind, text))
        for text, weight in _weights(kind, history, catalogue).items()
        if catalogue.rarity(kind, text)
    }
    return sorted(strength, key=lambda text: (-strength[text], text))


def _recurring(kind: str, history: Sequence[int], catalogue: Catalogue, at_least: int) -> list[str]:
    weights = _weights(kind, history, catalogue)
    counts = Counter(text for code in set(history) for mark, text in catalogue.items[code].marks if mark == kind)
    named = {word for code in history for word in catalogue.items[code].title_words}
    found = [
        text
        for text, count in counts.items()
        if count >= at_least and catalogue.rarity(kind, text) and (kind != "title" or text in named)
    ]
    return sorted(found, key=lambda text: (-weights[text], text))


def _weights(kind: str, history: Sequence[int], catalogue: Catalogue) -> Counter[str]:
    """The sum over the items with this mark, of each one's recency."""
    weights: Counter[str] = Counter()
    for code, weight in zip(history, recency(history), strict=True):
        weights.update({text: weight for mark, text in catalogue.items[code].marks if mark == kind})
    return weights
