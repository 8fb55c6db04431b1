"""Words and sentences: which words carry meaning, and how to keep to a length."""

import re
from collections.abc import Iterable, Sequence

_FUNCTION_WORDS = """
    a about after all also an and any are as at be because been before both but by can could did do does down each
    else even ever every few for from get had has have he her here him his how i if in into is it its itself just like
    may me more most much my no nor not now of off on one ones only or other our out over own quite rather really she
    should so some such than that the their them then there these they thing things this those though through to too
    under until up us very was we well were what when where which while who whom why will with within would yet you
    your
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English words that say nothing about a product."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_PIECE = re.compile(r"\w+|[^\w\s]")
_NUMERAL = re.compile(r"[ivx]+")
_SHORTEST = 3


def content_words(text: str) -> list[str]:
    """The words that carry meaning, in lower case and in order, each once; no numerals, nothing under 3 letters."""
    words = dict.fromkeys(word.lower() for word in _WORD.findall(text) if len(word) >= _SHORTEST)
    return [word for word in words if word not in FUNCTION_WORDS and not _NUMERAL.fullmatch(word)]


def count_pieces(text: str) -> int:
    """Runs of letters and digits, and single punctuation marks."""
    return sum(1 for _ in _PIECE.finditer(text))


def first_pieces(text: str, count: int) -> str:
    """The text up to the end of its piece number `count`; the whole text where it has no more."""
    ends = [piece.end() for piece in _PIECE.finditer(text)]
    return text if len(ends) <= count else text[: ends[count - 1]]


def clip(text: str, words: int) -> str:
    """The text, or its first words without the punctuation they end in."""
    parts = text.split()
    return text if len(parts) <= words else " ".join(parts[:words]).rstrip(" ,.:;-(")


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def capital(text: str) -> str:
    """The text with its first letter in upper case and the others as they are."""
    return text[:1].upper() + text[1:]


def paragraph(core: Iterable[str], spare: Iterable[str], low: int, high: int) -> str:
    """Sentences of at most `high` words together: all of the core that fit, then spare ones until there are `low`.

    Reaches `low` whatever the core, if the spare sentences have `low` words together and at most `high - low` each.
    """
    chosen: list[str] = []
    words = 0
    for sentences, enough in ((core, high), (spare, low)):
        for sentence in sentences:
            length = len(sentence.split())
            if words < enough and words + length <= high:
                chosen.append(sentence)
                words += length
    return " ".join(chosen)
