"""What became of every answer, and what the orders of prompts did to the rankings, in words for a reader."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import get_args

import numpy as np
import numpy.typing as npt

from llmrec_bench_plugins.ranker.answers import Outcome, Reading
from llmrec_bench_plugins.ranker.procedures import ranks as ranks_in_prompt
from llmrec_bench_plugins.ranker.ranked_lists import RankedList
from llmrec_bench_plugins.ranker.ranking_prompts import AskedRanking

THIRDS = ("first", "middle", "last")


@dataclass(frozen=True)
class Pairs:
    """How two orders of the same two candidates agree."""

    answered: int = 0
    """Pairs with an answer in both orders."""
    contradicted: int = 0
    """Of these, how many had another winner in each order."""
    for_first: int = 0
    """Of these, how many were won twice by what the prompt showed first."""

    def __add__(self, other: "Pairs") -> "Pairs":
        return Pairs(
            self.answered + other.answered,
            self.contradicted + other.contradicted,
            self.for_first + other.for_first,
        )


@dataclass(frozen=True)
class QueryEntry:
    """What one query asked and got."""

    outcomes: tuple[Outcome, ...]
    """One an answer; none where nothing was asked."""
    places: int
    """Places to fill, over all answers."""
    unranked: int
    """Of these, how many were left open."""
    untitled: int
    """Candidates that could not be shown."""
    shortened: int
    """Prompts whose history was cut to fit."""
    told_apart: int
    """Candidates whose title got a number in a prompt."""
    by_third: tuple[float, ...]
    """Mean rank (0 first, 1 last) of the candidates in the first, middle and last third of the first prompt of each
    list, whose order is drawn; empty where there is none to tell."""
    agreement: float
    """Mean Kendall tau-b between the rankings of two permutations; NaN with fewer."""
    pairs: Pairs
    """All zero where candidates are not compared two by two."""


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
        # The same sums in whatever order answers came.
        entries, counts = [self.entries[user] for user in sorted(self.entries)], self.outcomes()
        told = (f"{counts[outcome]:,} {outcome}" for outcome in get_args(Outcome) if outcome != "failed")
        failed = f", {counts['failed']:,} failed" if counts["failed"] else ""
        yield f"{counts.total():,} answers to {len(entries):,} queries: {', '.join(told)}{failed}"
        asked = [entry.outcomes for entry in entries if entry.outcomes]
        if any(len(outcomes) > 1 for outcomes in asked):
            whole = sum(set(outcomes) == {"valid"} for outcomes in asked)
            yield f"of the queries, {whole:,} of {len(asked):,} got only valid answers"
        unranked, places = sum(entry.unranked for entry in entries), sum(entry.places for entry in entries)
        if unranked:
            behind = "the candidates there come behind those that the same answer ranks"
            yield f"{unranked:,} of {places:,} places were left open; {behind}"
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
        pairs = sum((entry.pairs for entry in entries), Pairs())
        if pairs.answered:
            yield (
                f"{pairs.contradicted:,} of {pairs.answered:,} pairs have another winner in each order, "
                f"{pairs.for_first:,} of them what was shown first; such candidates tie"
            )


def entry_of(
    items: npt.NDArray[np.int64], lists: Sequence[RankedList], ranks: Sequence[npt.NDArray[np.float64]], in_pairs: bool
) -> QueryEntry:
    """Of one query with these candidates (codes, ascending): what became of its lists, one a permutation, and the ranks
    (n,) of the candidates in each."""
    answers = [answer for one in lists for answer in one.answers]
    untitled = len(items) - len(lists[0].candidates.items) if lists else 0
    firsts = [one.answers[0] for one in lists if one.answers]
    return QueryEntry(
        outcomes=tuple(reading.outcome for _, reading in answers),
        places=sum(len(asked.shown) for asked, _ in answers) + untitled * len(lists),
        unranked=sum(len(asked.shown) - len(reading.order) for asked, reading in answers) + untitled * len(lists),
        untitled=untitled,
        shortened=sum(asked.shortened for asked, _ in answers),
        told_apart=len({int(item) for asked, _ in answers for item in asked.shown[asked.told_apart]}),
        by_third=rank_by_third(
            [ranks_in_prompt(reading, len(asked.shown)) for asked, reading in firsts if reading.order]
        ),
        agreement=agreement([rank for one, rank in zip(lists, ranks, strict=True) if one.is_told]),
        pairs=compare_orders(answers) if in_pairs else Pairs(),
    )


def rank_by_third(ranks: Sequence[npt.NDArray[np.float64]]) -> tuple[float, ...]:
    """Mean rank, 0 first and 1 last, by third of the prompt; each of `ranks` is (n,), by place in the prompt. Empty for
    fewer than three candidates."""
    n = len(ranks[0]) if ranks else 0
    if n < len(THIRDS):
        return ()
    mean = (np.add.reduce(ranks) / len(ranks) / (n - 1)).tolist()
    cuts = [0, (n + 2) // 3, (n + 2) // 3 + (n + 1) // 3, n]
    return tuple(sum(mean[start:end]) / (end - start) for start, end in pairwise(cuts))


def agreement(ranks: Sequence[npt.NDArray[np.float64]]) -> float:
    """Mean Kendall tau-b over all pairs of rankings, each (n,) by item; NaN where there is no pair that has one."""
    if len(ranks) < 2 or len(ranks[0]) < 2:
        return float("nan")
    from scipy.stats import kendalltau

    taus = [kendalltau(one, other).statistic for one, other in combinations(ranks, 2)]
    known = [tau for tau in taus if not np.isnan(tau)]
    return float(np.mean(known)) if known else float("nan")


def compare_orders(answers: Iterable[tuple[AskedRanking, Reading]]) -> Pairs:
    """Of answers to prompts that show two candidates each."""
    winners: dict[tuple[int, int], int] = {}
    for asked, reading in answers:
        if reading.order:
            first, second = asked.shown.tolist()
            winners[first, second] = (first, second)[reading.order[0]]
    both = [pair for pair in winners if pair[0] < pair[1] and pair[::-1] in winners]
    contradicted = [pair for pair in both if winners[pair] != winners[pair[::-1]]]
    return Pairs(len(both), len(contradicted), sum(winners[pair] == pair[0] for pair in contradicted))
