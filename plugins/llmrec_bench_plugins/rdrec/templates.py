"""The wordings of the family's tasks, and how users and items stand in them: by number."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from llmrec_bench import PromptFile

_FOLDER = Path(__file__).parent / "prompts"


def number(code: int) -> str:
    """What a user or an item is called in texts: its code plus 1.

    Codes follow the published order, so that a data set numbered 1, 2, ... keeps its numbers, and where
    `item_id_order` shuffles the codes, the numbers that a model reads are really others.
    """
    return str(code + 1)


@dataclass(frozen=True)
class Wordings:
    """The wordings of one task: a text file, one a line, with blanks in braces."""

    name: str

    @cached_property
    def file(self) -> PromptFile:
        """Where they stand."""
        return PromptFile(_FOLDER / f"{self.name}.txt")

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Blanks unfilled."""
        return tuple(self.file.text.splitlines())

    def filled(self, user: str, items: str) -> list[str]:
        """All wordings, with these in the blanks."""
        return [line.format(user=user, items=items) for line in self.lines]


class Templates(Wordings):
    """POD's and RDRec's: the last line is the one that is asked with."""

    def bare(self, user: int, items: Iterable[int]) -> str:
        """In the wording that the model is asked with: ids alone, `user_15 item_7 item_3`, where there are several."""
        return self._fill(self.lines[-1], user, items)

    def drawn(self, user: int, items: Iterable[int], rng: np.random.Generator) -> str:
        """In one of the wordings, that one included, each as likely."""
        return self._fill(self.lines[rng.integers(len(self.lines))], user, items)

    def _fill(self, line: str, user: int, items: Iterable[int]) -> str:
        return line.format(user=f"user_{number(user)}", items=" ".join(f"item_{number(item)}" for item in items))


EXPLANATION = Templates("explanation")
SEQUENTIAL = Templates("sequential")
TOP_N = Templates("top-n")
P5_EXPLANATION = Templates("p5-explanation")
PREFERENCE = Templates("preference")
ATTRIBUTE = Templates("attribute")
ATTRIBUTIONS = Templates("attributions")
