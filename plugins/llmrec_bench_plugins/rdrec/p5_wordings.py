"""How P5 words its tasks: in several sentences each, one of which, learned or held out, it asks with."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from llmrec_bench_plugins.rdrec.templates import Wordings, number

AskedWith = Literal["seen", "held_out"]
"""The first line of a file, which is learned, or the last, which is kept out of training."""

SEPARATORS = (" , ", " -> ")
"""Between the items of a history. Queries and validation have the first."""


@dataclass(frozen=True)
class P5Wordings(Wordings):
    """The wordings of one of P5's tasks."""

    one_held_out: bool = False
    """Whether the last line is kept out of training."""
    answers: tuple[str, ...] = ()
    """Words that are answers."""

    def drawn(self, rng: np.random.Generator) -> str:
        """One that is learned, each as likely; its blanks unfilled."""
        return self.lines[rng.integers(len(self.lines) - self.one_held_out)]

    def asked(self, with_wording: AskedWith) -> str:
        """The one to ask with, blanks unfilled; only where one is held out."""
        return self.lines[0 if with_wording == "seen" else -1]

    def filled(self, user: str, items: str) -> list[str]:
        """All wordings, with these in the blanks and both separators, and the answers."""
        several = items.join(("", *SEPARATORS, ""))
        return [
            *(line.format(user=user, items=several, candidates=items, item=1) for line in self.lines),
            *self.answers,
        ]


def worded(
    line: str,
    user: int,
    history: Iterable[int] = (),
    separator: str = SEPARATORS[0],
    item: int = 0,
    listed: Iterable[int] = (),
) -> str:
    """A line with its blanks filled, other arguments unused: `user_15`, and bare numbers in history and list. Whether
    an item is `item_7391` or a bare number the line says itself."""
    return line.format(
        user=f"user_{number(user)}",
        items=separator.join(map(number, history)),
        item=number(item),
        candidates=SEPARATORS[0].join(map(number, listed)),
    )


SEQUENTIAL = P5Wordings("p5-sequential", one_held_out=True)
SEQUENTIAL_CHOICE = P5Wordings("p5-sequential-choice")
SEQUENTIAL_YES_NO = P5Wordings("p5-sequential-yes-no", answers=("yes", "no"))
TOP_N = P5Wordings("p5-top-n", one_held_out=True)
TOP_N_YES_NO = P5Wordings("p5-top-n-yes-no", answers=("yes", "no"))
