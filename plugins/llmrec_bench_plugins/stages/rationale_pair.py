"""What an answer about a review says of its writer's preference, and what of the item's attributes."""

import json
import re
from dataclasses import dataclass
from typing import Literal

Parsing = Literal["tolerant", "released"]
"""How the two are found in an answer."""

_MARKUP = re.compile(r"\*\*|__|^```.*$|^#+\s*", re.MULTILINE)
_NUMBERED = re.compile(r"(?P<start>^|\s)\(?(?P<number>[12])[.):](?=\s|$)", re.MULTILINE)
_BULLET = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.):])\s+")
_LABEL = re.compile(
    r"^(?:the\s+)?(?:(?:user|item|product)(?:['’]s)?\s+)?(?:preference|attribut\w+|feature)s?\s*:\s*", re.I
)
_OPENING = re.compile(
    r"^(?:(?:sure|of course|certainly|okay|ok|great|absolutely)(?: thing)?[,.!:]+\s*)?"
    r"(?:i['’]?d be (?:happy|glad) to help[.!:]*\s*)?(?:(?:here|based on)\b[^.!?:\n]*:\s*)?",
    re.I,
)
_REFUSAL = re.compile(
    r"^(?:i['’]?m sorry|i am sorry|sorry|i can(?:not|['’]t)|i am unable|i['’]m unable|as an ai)\b", re.I
)
_ABOUT_ITEM = re.compile(r"\b(?:item|product|attribut\w*|features?)\b", re.I)
_ABOUT_USER = re.compile(r"\b(?:user|buyer|customer|reviewer|they|prefer\w*|preference)\b", re.I)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]?\s+(?=\S)|(?<=[。！？])\s*(?=\S)")
_HALF_OBJECT = re.compile(r'^\{\s*(?:"[^"]*"\s*:\s*)?"?|"?\s*\}?$')
_ABBREVIATED = re.compile(r"\b(?:(?i:mr|mrs|ms|dr|st|vs|etc|e\.g|i\.e)|[A-Z])\.$")
_EMPTY = re.compile(
    r"^\W*(?:n/?a|none|unknown|not (?:given|mentioned|specified)|.*\b(?:prefers|are|is) xxx\b.*)?\W*$", re.I
)


@dataclass(frozen=True)
class RationalePair:
    """Two sentences, '' for one that an answer lacks."""

    preference: str = ""
    attribute: str = ""

    @property
    def whole(self) -> bool:
        """Whether both are there."""
        return bool(self.preference and self.attribute)

    @property
    def empty(self) -> bool:
        """Whether neither is."""
        return not (self.preference or self.attribute)


def parse_rationale(answer: str, parsing: Parsing = "tolerant") -> RationalePair:
    """The two sentences of an answer.

    `tolerant`: numbered, bulleted, on lines, in running text or JSON, with an opening or without; where one sentence
    stands alone, its words say which it is. A refusal and a blank form (`xxx`) have none. `released`: the
    second and the third line without their first three characters, as in RDRec's code; an answer of fewer lines has
    none.
    """
    if parsing == "released":
        lines = answer.split("\n")
        return RationalePair() if len(lines) < 3 else RationalePair(lines[1][3:].strip(), lines[2][3:].strip())
    text = _unwrapped(_MARKUP.sub("", answer).strip())
    if _REFUSAL.match(text):
        return RationalePair()
    parts = _numbered(text) or _lines(text)
    if len(parts) == 1:
        parts = _sentences(parts[0])
    parts = [part for part in map(_plain, parts) if part]
    if len(parts) == 1:
        [only] = parts
        about_item = _ABOUT_ITEM.search(only) and not _ABOUT_USER.search(only)
        return RationalePair(attribute=only) if about_item else RationalePair(preference=only)
    return RationalePair(*parts[:2])


def _unwrapped(text: str) -> str:
    """What an object of JSON says, a line for each of its texts; of half an object, what stands in it."""
    if not text.startswith("{"):
        return text
    try:
        return "\n".join(said for said in json.loads(text).values() if isinstance(said, str))
    except json.JSONDecodeError:
        return _HALF_OBJECT.sub("", text)


def _numbered(text: str) -> list[str]:
    """What stands behind `1.` and `2.`, to the end of its line; empty unless both are there in this order."""
    first = next((m for m in _NUMBERED.finditer(text) if m["number"] == "1"), None)
    second = next(
        (m for m in _NUMBERED.finditer(text) if m["number"] == "2" and first and m.start() > first.start()), None
    )
    if first is None or second is None:
        return []
    return [text[first.end() : second.start()], text[second.end() :].strip().split("\n")[0]]


def _lines(text: str) -> list[str]:
    """Lines with words, without bullets and openings."""
    lines = [_BULLET.sub("", line).strip() for line in text.split("\n")]
    if len(lines) > 1 and lines[0].endswith(":"):
        lines = lines[1:]
    return [line for line in (_OPENING.sub("", line) for line in lines) if line]


def _sentences(text: str) -> list[str]:
    """The first sentence, or more of them up to the first that is about the item, and that one."""
    sentences: list[str] = []
    for part in _SENTENCE_END.split(text):
        if sentences and _ABBREVIATED.search(sentences[-1]):
            sentences[-1] += f" {part}"
        else:
            sentences.append(part)
    about_item = next((i for i, sentence in enumerate(sentences) if i and _ABOUT_ITEM.search(sentence)), 1)
    return [" ".join(sentences[:about_item]), *sentences[about_item : about_item + 1]]


def _plain(part: str) -> str:
    """On one line, without its label; '' for a form that was left blank."""
    part = _LABEL.sub("", " ".join(part.split()))
    return "" if _EMPTY.match(part) else part
