"""What a model wrote where it was free to: items, and everything that is none, with a ledger."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

Outcome = Literal["item", "seen", "not a candidate", "off-catalogue", "duplicate", "unreadable"]
"""What a text came to: an item not in the history, one of the history, an item outside the candidates, a number that is
none of an item, an item that a likelier text of the query named, and no number."""

Repeated = Literal["best", "last"]
"""Which text's an item is that several texts of a query name."""

_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass
class FreeAnswers:
    """All queries scored since the fit, each once however often it is scored."""

    by_user: dict[int, Counter[Outcome]] = field(default_factory=dict)
    """How many texts of a user's query came to what."""

    def read(
        self,
        user: int,
        texts: Sequence[str],
        n_items: int,
        history: set[int],
        candidates: set[int] | None,
        repeated: Repeated = "best",
    ) -> list[int]:
        """The item code of each text, likeliest text first, -1 for a text that names none, or one that another text has
        named: one before it, or after it where the `last` of them counts.

        The part before the first blank counts, and has to be a number from 1 to `n_items`.
        """
        counts: Counter[Outcome] = Counter()
        codes: list[int] = []
        for text in texts:
            outcome, code = _outcome(text, n_items)
            if outcome == "item" and code in codes:
                outcome = "duplicate"
                if repeated == "last":
                    codes[codes.index(code)] = -1
                else:
                    code = -1
            elif outcome == "item" and candidates is not None and code not in candidates:
                outcome = "not a candidate"
            elif outcome == "item" and code in history:
                outcome = "seen"
            counts[outcome] += 1
            codes.append(code)
        self.by_user[user] = counts
        return codes

    def remarks(self) -> Iterator[str]:
        """A line for the foot of a table; none where nothing was written."""
        counts = sum(self.by_user.values(), Counter[Outcome]())
        if counts:
            told = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in get_args(Outcome))
            yield f"{counts.total():,} texts written for {len(self.by_user):,} queries: {told}"


def _outcome(text: str, n_items: int) -> tuple[Outcome, int]:
    word = (text.split() or [""])[0]
    if _NUMBER.fullmatch(word) is None:
        return "unreadable", -1
    code = int(word) - 1
    return ("item", code) if 0 <= code < n_items else ("off-catalogue", -1)
