"""Reading a language model's ranking: which candidates it names, in which order, and what is wrong with it."""

import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, Literal

from llmrec_bench_plugins.stages.wording import RankingAnswer

Outcome = Literal["valid", "repaired", "duplicate", "off-list", "short", "refused", "empty", "failed"]
"""What became of an answer, the first of these that holds: `failed` and `refused` as the provider says; `empty`: no
candidate can be read from it; `off-list`: something listed is no candidate; `duplicate`: something is listed twice;
`short`: candidates are missing; `repaired`: all are there, but not in the form asked for; `valid`."""

FUZZY_THRESHOLD = 0.9
"""The least similarity (difflib's ratio of matching characters) at which a misspelt title is taken for a candidate's,
and only where its numerals are the same and no other candidate is as near."""
_DIGITS = 9
"""A longer number is none of a candidate's, and may be too long to be read."""
_FUZZY_CHARACTERS = 5
"""Shorter entries are matched to the letter only."""

_NUMBERS = re.compile(r"\d+(?:[\s,;]+\d+)*\.?")
_LOOSE_NUMBERS = re.compile(r"[\[(]?#?\d+[\])]?(?:(?:\s*[,;>]\s*|\s+|\s+-\s+)[\[(]?#?\d+[\])]?)*[.,;]?")
_LABEL = re.compile(r"(?:[-*•–]\s+)?(?:\*\*)?(?:(?:\d+\s*[.):]\s*)?\[(?P<bracket>\d+)\]|\d+\s*[.):])\s*|[-*•–]\s+")
_NEXT_LABEL = re.compile(r"\s+(?=\d+[.)]\s)")
_BEHIND_TITLE = re.compile(r"\s+[-–—|]\s|[:;]\s|\s\(|,\s|\.\s")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?!\s*:)')
_NUMERAL = re.compile(r"\d|^[ivx]+$")
_WRAPPING = " \t\"'`*_“”‘’«»,;"


@dataclass(frozen=True)
class Reading:
    """What an answer says."""

    order: tuple[int, ...]
    """Places of candidates in the prompt, from 0, best first, each once."""
    outcome: Outcome


def read_ranking(text: str, titles: Sequence[str], answer: RankingAnswer, cut: bool = False) -> Reading:
    """The ranking of candidates that were shown under `titles`, which all differ or are told apart by number.

    `cut` says that the answer ends at a limit: its last entry, which may be half a title or half a number, is left
    out. Numbers are read whatever was asked for, and so are titles; what was asked for goes first.
    """
    text = text.strip()
    if cut:
        ends = [found.end() for found in re.finditer(r"[\s,;]" if answer == "numbers" else r"\n", text)]
        text = text[: ends[-1]].strip() if ends else ""
    known = _Candidates(titles)
    entries = _as_asked(text, known, answer)
    clean = entries is not None
    if entries is None:
        entries = list(_json_entries(text, known)) or _line_entries(text, known, answer)
    named = [entry for entry in entries if entry is not None]
    order = tuple(dict.fromkeys(named))
    outcome: Outcome = "valid" if clean else "repaired"
    if not order:
        outcome = "off-list" if entries else "empty"
    elif len(named) < len(entries):
        outcome = "off-list"
    elif len(order) < len(named):
        outcome = "duplicate"
    elif len(order) < len(titles):
        outcome = "short"
    return Reading(order, outcome)


class _Candidates:
    """Finds a candidate by its number or by its title."""

    def __init__(self, titles: Sequence[str]) -> None:
        self.titles = titles

    # Most answers are numbers, which need none of these.
    @cached_property
    def _exact(self) -> dict[str, int]:
        return _unique(self.titles)

    @cached_property
    def _words(self) -> list[str]:
        return [normalised(title) for title in self.titles]

    @cached_property
    def _normalised(self) -> dict[str, int]:
        return _unique(self._words)

    @cached_property
    def _longest(self) -> int:
        # No title is found in what is several times longer than the longest, however it is wrapped and escaped.
        return 100 + 4 * max(map(len, self.titles), default=0)

    def by_number(self, number: int | str) -> int | None:
        """The place of a number from 1, None for one that no candidate has."""
        if len(str(number)) > _DIGITS:
            return None
        place = int(number) - 1
        return place if 0 <= place < len(self.titles) else None

    def exactly(self, text: str) -> int | None:
        """By the very title."""
        return self._exact.get(text)

    def by_title(self, text: str) -> int | None:
        """By the title, exact, then without regard to case, punctuation and quotes, also where more stands behind it,
        then the one that is most alike. An entry is never looked for inside a title."""
        parts = list(_heads(text, self._longest))
        for part in parts:
            found = self._exact.get(part, self._normalised.get(normalised(part)))
            if found is not None:
                return found
        return next((found for part in parts if (found := self._alike(normalised(part))) is not None), None)

    def by_words(self, text: str) -> int | None:
        """By the title, without regard to case, punctuation and quotes."""
        return self._normalised.get(normalised(text))

    def begins_alike(self, place: int, text: str) -> bool:
        """Whether a candidate's title begins as the text does, or the other way round."""
        words, title = normalised(text), self._words[place]
        return bool(words) and bool(title) and (title.startswith(words) or words.startswith(title))

    def _alike(self, words: str) -> int | None:
        if len(words) < _FUZZY_CHARACTERS:
            return None
        numerals = _numerals(words)
        rated = sorted(
            ((_ratio(words, title), place) for place, title in enumerate(self._words) if _numerals(title) == numerals),
            reverse=True,
        )
        if not rated or rated[0][0] < FUZZY_THRESHOLD or (len(rated) > 1 and rated[1][0] == rated[0][0]):
            return None
        return rated[0][1]


def _unique(texts: Sequence[str]) -> dict[str, int]:
    """Places by text, without texts that stand in several."""
    counts = Counter(texts)
    return {text: place for place, text in enumerate(texts) if counts[text] == 1 and text}


def normalised(text: str) -> str:
    """Words in small letters, without punctuation."""
    plain = unicodedata.normalize("NFKC", html.unescape(text)).casefold()
    return " ".join(re.findall(r"\w+", plain.replace("'", "").replace("’", "")))


def _numerals(words: str) -> Counter[str]:
    return Counter(word for word in words.split() if _NUMERAL.search(word))


def _ratio(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= FUZZY_THRESHOLD else 0.0


def _heads(text: str, longest: int) -> Iterator[str]:
    """The text, and what stands before each mark that may end a title, longest first; none of more than so many
    characters, for an answer without end has as many heads as marks."""
    whole = text.strip(_WRAPPING)
    if len(whole) <= longest:
        yield whole
    ends = [found.start() for found in _BEHIND_TITLE.finditer(whole[: longest + 1])]
    yield from (head for end in reversed(ends) if (head := whole[:end].strip(_WRAPPING)))


def _as_asked(text: str, known: _Candidates, answer: RankingAnswer) -> list[int | None] | None:
    """The entries of an answer that has the form asked for, else None."""
    if answer == "numbers":
        if not _NUMBERS.fullmatch(text):
            return None
        return [known.by_number(number) for number in re.findall(r"\d+", text)]
    entries: list[int | None] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        found = known.exactly(re.sub(r"\A\d+[.)]\s+", "", line))
        found = known.exactly(line) if found is None else found
        if found is None:
            return None
        entries.append(found)
    return entries or None


def _json_entries(text: str, known: _Candidates) -> Iterator[int | None]:
    """What a list or an object of JSON names that stands apart from other text; of one that is cut off, the texts that
    are whole."""
    inner = re.sub(r"```\w*", "\n", text).strip()
    start = min((at for at in (inner.find("["), inner.find("{")) if at >= 0), default=-1)
    end = 1 + max(inner.rfind("]"), inner.rfind("}"))
    if start < 0 or not _stand_apart(inner[:start], inner[end:] if end > start else ""):
        return
    try:
        parsed = json.loads(inner[start:end])
    except (ValueError, RecursionError):
        texts = [found[1] for found in _QUOTED.finditer(inner)] if start == 0 else []
        found = [_of_value(one, known) for one in texts]
        if any(place is not None for place in found):
            yield from found
        return
    yield from (_of_value(value, known) for value in _listed(parsed))


def _stand_apart(before: str, behind: str) -> bool:
    """Whether what stands between two texts is no part of their sentences: it follows a line break or a colon, and a
    line break follows it."""
    return before.rstrip(" \t")[-1:] in ("", "\n", ":") and behind.lstrip(" \t")[:1] in ("", "\n")


def _listed(parsed: Any) -> list[Any]:
    """The values of a list, of an object's only list, or of an object from place to title or from title to place."""
    if isinstance(parsed, list):
        return parsed
    if not isinstance(parsed, dict):
        return []
    lists = [value for value in parsed.values() if isinstance(value, list)]
    if lists:
        return lists[0] if len(lists) == 1 else []
    if all(key.isdecimal() and len(key) <= _DIGITS for key in parsed):
        return [parsed[key] for key in sorted(parsed, key=int)]
    if all(isinstance(value, int) for value in parsed.values()):
        return sorted(parsed, key=lambda key: parsed[key])
    return []


def _of_value(value: Any, known: _Candidates) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return known.by_number(value)
    if isinstance(value, str):
        found = known.by_title(value)
        return known.by_number(value.strip()) if found is None and value.strip().isdecimal() else found
    if isinstance(value, dict):
        titles = (known.by_title(part) for part in value.values() if isinstance(part, str))
        found = next((place for place in titles if place is not None), None)
        number = next((value[key] for key in ("number", "candidate", "index", "id") if key in value), None)
        return known.by_number(number) if found is None and isinstance(number, int) else found
    return None


def _line_entries(text: str, known: _Candidates, answer: RankingAnswer) -> list[int | None]:
    """What the lines of an answer list, None for what is no candidate.

    A line with a bullet or a number that names no candidate is off the list. One without is, too, where the answer is
    a list of such lines; where it ends like a sentence, or others are marked, it is taken for prose around the list.
    """
    lines = [line for line in map(str.strip, text.replace("```", "").splitlines()) if line]
    if len(lines) == 1 and known.by_words(lines[0]) is None:
        pieces = _NEXT_LABEL.split(lines[0])
        if len(pieces) == 1 and not _LOOSE_NUMBERS.fullmatch(lines[0]):
            pieces = re.split(r"\s*;\s*|\s+>\s+", lines[0])
        lines = [piece for piece in pieces if piece]
    found = [_of_line(line, known, answer) for line in lines]
    marked = [_is_marked(line) for line in lines]
    is_plain_list = any(found) and not any(marked)
    entries: list[int | None] = []
    for line, named, has_mark in zip(lines, found, marked, strict=True):
        if not named and (has_mark or (is_plain_list and not line.endswith((".", ":", "!", "?")))):
            named = [None]
        entries += named
    return entries


def _is_marked(line: str) -> bool:
    label = _LABEL.match(line)
    return label is not None and label.end() < len(line)


def _of_line(line: str, known: _Candidates, answer: RankingAnswer) -> list[int | None]:
    """What a line lists, None for what is no candidate; empty where it names nothing that is known."""
    label = _LABEL.match(line)
    number = label["bracket"] if label is not None else None
    body = line[label.end() :] if label is not None and label.end() < len(line) else line
    place = None if number is None else known.by_number(number)
    if number is not None and label is not None and label.end() == len(line):
        return [place]
    numbers, title = _numbers(line, known) or _numbers(body, known), known.exactly(line)
    title = known.by_title(body) if title is None else title
    title = known.by_words(line) if title is None else title
    if title is None and place is not None and known.begins_alike(place, body):
        title = place
    by_title: list[int | None] = [] if title is None else [title]
    found = (numbers or by_title) if answer == "numbers" else (by_title or numbers)
    return found or _numbers(body.rpartition(":")[2].strip(_WRAPPING), known)


def _numbers(text: str, known: _Candidates) -> list[int | None]:
    """The candidates of a text that is nothing but numbers; empty for any other."""
    if not _LOOSE_NUMBERS.fullmatch(text):
        return []
    return [known.by_number(number) for number in re.findall(r"\d+", text)]
