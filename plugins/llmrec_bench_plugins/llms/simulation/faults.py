"""What goes wrong with answers, on demand."""

import re
from dataclasses import replace
from typing import Literal, get_args

from pydantic import Field, model_validator

from llmrec_bench import Config
from llmrec_bench_plugins.llms.simulation.draft import Draft
from llmrec_bench_plugins.llms.simulation.draws import Draws
from llmrec_bench_plugins.llms.simulation.english import count_pieces, first_pieces

Fault = Literal["malformed", "off_list", "duplicate", "truncated", "refusal"]

_SHARES_OF = 1_000_000
_FORM = re.compile(r"Step \d:|\b\d+[.,]?|\n")
_UNNUMBERED = "I would rather talk about these than number them"
_REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I cannot provide recommendations based on this information.",
    "As an AI language model, I am not able to answer this.",
    "I apologise, but I must decline to comment on personal choices.",
)


class Faults(Config):
    """Shares of answers that go wrong, each answer in one way at most; together at most 1."""

    malformed: float = Field(default=0.0, ge=0, le=1)
    """Without its form: half an object of JSON, without line breaks, step headings and numbers."""
    off_list: float = Field(default=0.0, ge=0, le=1)
    """Every second thing listed is a stranger: a title that no item has, a number that no candidate has. Answers that
    list nothing are not hit."""
    duplicate: float = Field(default=0.0, ge=0, le=1)
    """Things listed come twice, in the place of others. Answers that list nothing are not hit."""
    truncated: float = Field(default=0.0, ge=0, le=1)
    """Cut after 30 to 79 % of its pieces, as at a limit of the provider's own."""
    refusal: float = Field(default=0.0, ge=0, le=1)
    """A polite refusal instead of an answer."""

    @model_validator(mode="after")
    def _at_most_all(self) -> "Faults":
        if sum(self._shares().values()) > _SHARES_OF:
            raise ValueError("the shares of faults are more than 1 together; an answer goes wrong in one way at most")
        return self

    def draw(self, draws: Draws) -> Fault | None:
        """Which fault an answer has, None for a sound one."""
        place = draws.below(_SHARES_OF)
        for fault, share in self._shares().items():
            if place < share:
                return fault
            place -= share
        return None

    def _shares(self) -> dict[Fault, int]:
        """In millionths, so that the sum of 0.1, 0.2 and 0.7 is 1."""
        return {fault: round(_SHARES_OF * getattr(self, fault)) for fault in get_args(Fault)}


def spoil(draft: Draft, fault: Fault | None, draws: Draws) -> tuple[str, str]:
    """The answer with its fault, and its finish reason."""
    if fault == "refusal":
        return draws.choose(_REFUSALS), "refused"
    if fault == "truncated":
        pieces = count_pieces(draft.text) * (30 + draws.below(50)) // 100
        return first_pieces(draft.text, max(1, pieces)), "length"
    if fault == "malformed":
        words = " ".join(_FORM.sub(" ", draft.text).split())
        return '{"answer": "' + (words or _UNNUMBERED), "stop"
    if fault == "off_list":
        mixed = zip(draft.picks, draft.strangers, strict=True)
        picks = [stranger if place % 2 == 0 else pick for place, (pick, stranger) in enumerate(mixed)]
        return replace(draft, picks=tuple(picks)).text, "stop"
    if fault == "duplicate":
        picks = [draft.picks[place - place % 2] for place in range(len(draft.picks))]
        return replace(draft, picks=tuple(picks)).text, "stop"
    return draft.text, "stop"
