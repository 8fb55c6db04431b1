"""How a language model is brought to rank a list: at once, in windows that slide over it, or pair by pair."""

from collections.abc import Generator
from itertools import permutations
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from llmrec_bench import Config
from llmrec_bench_plugins.ranker.answers import Reading
from llmrec_bench_plugins.ranker.prompt_order import Places

Ranks = npt.NDArray[np.float64]

Course = Generator[list[Places], list[Reading], Ranks]
"""The way through one list. It yields what the next prompts show, each as places of the list in the order of the
prompt; it is sent what their answers say; and it returns float64 (n,), by place of the list: lower is better, and equal
where no answer tells two candidates apart."""


class ListWise(Config):
    """One prompt shows all candidates (LLMRank)."""

    kind: Literal["list-wise"] = "list-wise"
    """All candidates at once."""

    @property
    def description(self) -> str:
        """What a reader has to know of it; nothing."""
        return ""

    def prompts_at_once(self, n: int) -> int:
        """How many prompts about a list of n do not wait for each other."""
        return 1

    def course(self, n: int) -> Course:
        """What the answer ranks, before what it does not."""
        [reading] = yield [np.arange(n)]
        return ranks(reading, n)


class SlidingWindow(Config):
    """A window moves from the back of the list to its front; each answer re-orders what the window shows, so that the
    best move on with it (Sun et al., EMNLP 2023, RankGPT). For lists that are too long for one prompt.

    A list of n takes 1 + (n - window) / step prompts, rounded up, in each pass. One pass finds the best
    `window - step`, and orders the others in part; neighbours that were never told apart tie.
    """

    kind: Literal["sliding-window"] = "sliding-window"
    """Some candidates at a time, from the back to the front."""
    window: int = Field(20, ge=2, le=1000)
    """How many candidates a prompt shows."""
    step: int = Field(10, ge=1)
    """How many candidates stay behind when the window moves; the others move on with it."""
    passes: int = Field(1, ge=1, le=100)
    """How often the window goes through the list."""

    @model_validator(mode="after")
    def _carries_on(self) -> "SlidingWindow":
        if self.step >= self.window:
            raise ValueError(
                f"`step: {self.step}` leaves behind all that a `window: {self.window}` shows, and nothing moves on; "
                f"use a step of {self.window - 1} or less"
            )
        return self

    @property
    def description(self) -> str:
        """What a reader has to know of it."""
        passes = "once" if self.passes == 1 else f"{self.passes} times"
        return f"asked {passes} in windows of {self.window} candidates that move forward by {self.step}"

    def prompts_at_once(self, n: int) -> int:
        """One: what a window shows rests on the answer to the one before."""
        return 1

    def course(self, n: int) -> Course:
        """The last order. Candidates that an answer does not rank keep their order behind those it does."""
        order, judged = np.arange(n), []
        for start, end in self._spans(n) * self.passes:
            shown = order[start:end].copy()
            [reading] = yield [shown]
            own = np.full(n, np.nan)
            own[shown] = ranks(reading, len(shown))
            judged.append(own)
            order[start:end] = shown[np.argsort(own[shown], kind="stable")]
        told_apart = np.zeros(n - 1, dtype=bool)
        for own in judged:
            told_apart |= np.abs(np.diff(own[order])) > 0  # NaN, for what a window did not show, is not
        found = np.zeros(n)
        found[order[1:]] = np.cumsum(told_apart)
        return found

    def _spans(self, n: int) -> list[tuple[int, int]]:
        """First and last place, exclusive, of each window; the foremost may be shorter."""
        ends = range(n, self.window, -self.step)
        spans = [(end - self.window, end) for end in ends]
        return [*spans, (0, (ends[-1] - self.step) if spans else n)]


class PairWise(Config):
    """Each two candidates are compared, in both orders (Qin et al., NAACL 2024, all pairs). For short lists: one of n
    takes n (n - 1) prompts.

    A candidate's rank is how many others it lost to. Each order of a pair is half a loss, so that two candidates tie
    where the orders disagree; so they do where an answer says nothing.
    """

    kind: Literal["pair-wise"] = "pair-wise"
    """Two candidates at a time, each two of them in both orders."""

    @property
    def description(self) -> str:
        """What a reader has to know of it."""
        return "asked for each two candidates in both orders"

    def prompts_at_once(self, n: int) -> int:
        """All of them: n (n - 1)."""
        return n * (n - 1)

    def course(self, n: int) -> Course:
        """The losses."""
        pairs = [np.array(pair, dtype=np.int64) for pair in permutations(range(n), 2)]
        losses = np.zeros(n)
        for pair, reading in zip(pairs, (yield pairs), strict=True):
            losses[pair] += ranks(reading, 2) / 2
        return losses


Procedure = Annotated[ListWise | SlidingWindow | PairWise, Field(discriminator="kind")]


def ranks(reading: Reading, n: int) -> Ranks:
    """float64 (n,), by place in the prompt: from 0 for what the answer ranks; the others share the mean of the places
    left over."""
    ranked = len(reading.order)
    found = np.full(n, (ranked + n - 1) / 2)
    found[list(reading.order)] = np.arange(ranked)
    return found
