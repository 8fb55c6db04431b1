"""What became of every answer, and what the orders of prompts did to the rankings, in words for a reader."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import get_args

import numpy as np
import numpy.typing as npt

from llmrec_bench_plugins.ranker.answers import Outcome

THIRDS = ("first", "middle", "last")


@dataclass(frozen=True)
class QueryEntry:
    """What one query asked and got."""

    outcomes: tuple[Outcome, ...]
    """One an answer; none where nothing was asked."""
    shown: int
    """Candidates in each prompt."""
    untitled: int
    """Candidates that could not be shown."""
    unranked: int
    """Places left open, over all answers."""
    shortened: int
    """Prompts whose history was cut to fit."""
    told_apart: int
    """Titles that got a number, in the first prompt."""
    by_third: tuple[float, ...]
    """Mean rank (0 first, 1 last) of the candidates in the first, middle and last third of the prompts; empty where
    there is none to tell."""
    agreement: float
    """Mean Kendall tau-b between the rankings of two permutations; NaN with fewer."""


@dataclass
class Ledger:
    """All queries scored since the fit, each once however often it is scored."""

    entries: dict[int, QueryEntry] = field(default_factory=dict)
    """By user."""

    def outcomes(self) -> Counter[Outcome]:
        """How many answers came to what."""
        return Counter(outcome for entry in self.entries.values() for outcome in entry.outcomes)

    def remarks(self) -> Iterator[str]:
        """Lines for the foot of a table."""
        entries, counts = list(self.entries.values()), self.outcomes()
        told = (f"{counts[outcome]:,} {outcome}" for outcome in get_args(Outcome) if outcome != "failed")
        failed = f", {counts['failed']:,} failed" if counts["failed"] else ""
        yield f"{counts.total():,} answers to {len(entries):,} queries: {', '.join(told)}{failed}"
        unranked = sum(entry.unranked for entry in entries)
        shown = sum((entry.shown + entry.untitled) * len(entry.outcomes) for entry in entries)
        if unranked:
            yield f"{unranked:,} of {shown:,} places were left open; the candidates there share the last places"
        for count, what in (
            (sum(not e.outcomes for e in entries), "queries had nothing to ask, no history or no candidate"),
            (sum(e.untitled for e in entries), "candidates have no title and were not shown"),
            (sum(e.shortened for e in entries), "prompts have a shorter history to fit `longest_prompt`"),
            (sum(e.told_apart for e in entries), "candidates share a title with another and were shown with a number"),
        ):
            if count:
                yield f"{count:,} {what}"
        thirds = [entry.by_third for entry in entries if entry.by_third]
        if thirds:
            means = np.mean(thirds, axis=0)
            parts = ", ".join(f"{name} {mean:.3f}" for name, mean in zip(THIRDS, means, strict=True))
            yield f"mean rank (0 first, 1 last) given to each third of the prompt: {parts}; 0.5 without position bias"
        taus = [entry.agreement for entry in entries if not np.isnan(entry.agreement)]
        if taus:
            yield f"Kendall's tau between permutations {np.mean(taus):.3f}, mean over {len(taus):,} queries"


def rank_by_third(ranks: Sequence[npt.NDArray[np.float64]]) -> tuple[float, ...]:
    """Mean rank, 0 first and 1 last, by third of the prompt; each of `ranks` is (n,), by place in the prompt. Empty for
    fewer than three candidates."""
    n = len(ranks[0]) if ranks else 0
    if n < len(THIRDS):
        return ()
    mean = np.mean(ranks, axis=0) / (n - 1)
    return tuple(float(part.mean()) for part in np.array_split(mean, len(THIRDS)))


def agreement(ranks: Sequence[npt.NDArray[np.float64]]) -> float:
    """Mean Kendall tau-b over all pairs of rankings, each (n,) by item; NaN where there is no pair that has one."""
    if len(ranks) < 2 or len(ranks[0]) < 2:
        return float("nan")
    from scipy.stats import kendalltau

    taus = [kendalltau(one, other).statistic for one, other in combinations(ranks, 2)]
    known = [tau for tau in taus if not np.isnan(tau)]
    return float(np.mean(known)) if known else float("nan")
