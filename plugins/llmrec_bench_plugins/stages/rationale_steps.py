"""SLIM's three steps, found in an answer that was asked for them."""

import re
from dataclasses import dataclass

# With the marks of headings and bold type that a model may put around it; only they go, not those of a list.
_MARK = re.compile(r"(?:#{1,6}[ \t]+)?(?:\*\*)?\bStep\s*([123])(?:\*\*)?\s*:(?:\*\*)?", re.IGNORECASE)
_ENTRY = re.compile(r"^[ \t]*(?:\d+[.)]|[-*•])[ \t]*(\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Steps:
    """The text of each step, '' where an answer lacks it."""

    preferences: str
    """Step 1: the summary."""
    kinds: str
    """Step 2: categories, brands or kinds."""
    products: str
    """Step 3: what is recommended."""

    @property
    def whole(self) -> bool:
        """All three are there, the last two as lists."""
        return bool(self.preferences and listed(self.kinds) and listed(self.products))

    def text(self, step: int) -> str:
        """Step 1, 2 or 3."""
        return (self.preferences, self.kinds, self.products)[step - 1]


def parse_steps(answer: str) -> Steps:
    """Split at `Step 1:`, `Step 2:` and `Step 3:` (any case); of a step that comes twice the first counts. What stands
    before the first mark belongs to no step."""
    marks = list(_MARK.finditer(answer))
    ends = [*(mark.start() for mark in marks[1:]), len(answer)]  # one more than marks where there is none
    found: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=False):
        found.setdefault(mark[1], answer[mark.end() : end].strip())
    return Steps(found.get("1", ""), found.get("2", ""), found.get("3", ""))


def listed(step: str) -> list[str]:
    """The entries of a numbered or bulleted list, one a line, in order."""
    return [entry.strip() for entry in _ENTRY.findall(step)]
