"""Lists of candidates -> what a language model makes of them, all lists side by side."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from llmrec_bench_plugins.ranker.answers import Reading
from llmrec_bench_plugins.ranker.procedures import Procedure, Ranks
from llmrec_bench_plugins.ranker.ranking_prompts import AskedRanking, CandidateList, RankingPrompts

Read = Callable[[Sequence[AskedRanking]], Iterable[Reading]]
"""Asks what it is given and reads the answers, in the same order."""


@dataclass(frozen=True)
class RankedList:
    """A list, the prompts about it with their answers, and what these come to."""

    candidates: CandidateList
    answers: tuple[tuple[AskedRanking, Reading], ...]
    standing: Ranks
    """float64 (n,), as a `Course` returns it."""

    @property
    def is_told(self) -> bool:
        """Whether any answer ranks anything."""
        return any(reading.order for _, reading in self.answers)

    def ranks(self, items: npt.NDArray[np.int64]) -> Ranks:
        """float64 (m,) from 0, equals sharing their mean: of these items (codes, ascending), which are those of the
        list and those that could not be shown. The latter come last, and tie with last ones that no answer names."""
        named = {int(ranking.shown[place]) for ranking, reading in self.answers for place in reading.order}
        last = self.candidates.items[self.standing == self.standing.max()]
        behind = self.standing.max() + (not named.isdisjoint(last.tolist()))
        standing = np.full(len(items), behind)
        standing[np.searchsorted(items, self.candidates.items)] = self.standing
        ordered = np.sort(standing)
        return (np.searchsorted(ordered, standing) + np.searchsorted(ordered, standing, side="right") - 1) / 2


def rank_lists(
    lists: Sequence[CandidateList],
    prompts: RankingPrompts,
    procedure: Procedure,
    read: Read,
) -> list[RankedList]:
    """Each list by the procedure. They advance together: a round asks what every list that is not finished wants to
    know next. A prompt that a list repeats is another sample."""
    courses = [procedure.course(len(one.items)) for one in lists]
    wanted = {i: next(course) for i, course in enumerate(courses)}
    answers: list[list[tuple[AskedRanking, Reading]]] = [[] for _ in lists]
    repeats: list[Counter[bytes]] = [Counter() for _ in lists]
    standings: dict[int, Ranks] = {}
    while wanted:
        asked: dict[int, list[AskedRanking]] = {}
        for i, shown in wanted.items():
            asked[i] = [prompts.ask(lists[i], places, repeats[i][places.tobytes()]) for places in shown]
            repeats[i].update(places.tobytes() for places in shown)
        readings = iter(read([ranking for own in asked.values() for ranking in own]))
        for i, own in asked.items():
            told = list(islice(readings, len(own)))
            answers[i] += zip(own, told, strict=True)
            try:
                wanted[i] = courses[i].send(told)
            except StopIteration as end:
                standings[i] = end.value
                del wanted[i]
    return [RankedList(one, tuple(answers[i]), standings[i]) for i, one in enumerate(lists)]
