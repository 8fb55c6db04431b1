"""How far a text about a review is borne out by it, by the words they share: what is made up has words of its own."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

import pandas as pd

BINS = ((10, "up to 10"), (30, "11 to 30"), (100, "31 to 100"))
"""Words of a review, up to and with a number; longer ones are `over 100`."""
_FORM = """
    user users prefer prefers preferred preference preferences item items attribute attributes attribution attributions
"""
"""What every rationale says, as it is told to."""
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def grounding(text: str, review: str) -> float | None:
    """Share of the text's different content words that occur in the review; None for a text without any.

    Words are runs of letters, marks and digits without regard to case, whole and unstemmed, so that `string` does not
    bear out `strings`; in scripts that set no blanks every character is one. Words of English grammar (scikit-learn's
    list) and those of the form are left out, as are single Latin letters.
    """
    told = content_words(text)
    return len(told & content_words(review)) / len(told) if told else None


def content_words(text: str) -> set[str]:
    """Each once, case folded."""
    if text.isascii():  # at a tenth of the time
        return _meaningful(_ASCII_WORD.findall(text.lower()))
    spaced = []
    for character in unicodedata.normalize("NFKC", text).casefold():
        if unicodedata.category(character)[0] not in "LMN":
            spaced.append(" ")
        elif character > "\u0e00" and unicodedata.name(character, "").startswith(_UNSPACED):
            spaced.append(f" {character} ")
        else:
            spaced.append(character)
    return _meaningful("".join(spaced).split())


def _meaningful(words: Iterable[str]) -> set[str]:
    return {word for word in words if word not in _function_words() and not (len(word) == 1 and word.isascii())}


@cache
def _function_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS) | frozenset(_FORM.split())


def grounding_table(lengths: Sequence[int], groundings: Sequence[float | None]) -> pd.DataFrame:
    """By length of the review in words: `review_words`, `rationales` (those with content words) and their mean
    `grounding`; a row for each length that occurs, and one for `all`."""
    told = [(length, value) for length, value in zip(lengths, groundings, strict=True) if value is not None]
    bins = [_bin(length) for length, _ in told]
    rows = []
    for name in (*(name for _, name in BINS), "over 100", "all"):
        values = [value for (_, value), bin_ in zip(told, bins, strict=True) if name in (bin_, "all")]
        if values:
            rows.append((name, len(values), sum(values) / len(values)))
    return pd.DataFrame(rows, columns=["review_words", "rationales", "grounding"])


def _bin(length: int) -> str:
    return next((name for longest, name in BINS if length <= longest), "over 100")
