"""Lists of candidates -> what a language model makes of them, all lists side by side."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from llmrec_bench_plugins.ranker.answers import Reading
from llmrec_bench_plugins.ranker.procedures import Procedure, Ranks
from llmrec_bench_plugins.ranker.ranking_prompts import AskedRanking, CandidateList, RankingPrompts

Ask = Callable[[Iterable[AskedRanking]], Iterator[tuple[int, Reading]]]
"""Asks what it is given, which may be made in another thread while those before are under way; gives (index, reading)
of each, as soon as it is there."""


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
        named = {item for ranking, reading in self.answers for item in ranking.shown[list(reading.order)].tolist()}
        last = self.candidates.items[self.standing == self.standing.max()]
        behind = self.standing.max() + (not named.isdisjoint(last.tolist()))
        standing = np.full(len(items), behind)
        standing[np.searchsorted(items, self.candidates.items)] = self.standing
        ordered = np.sort(standing)
        return (np.searchsorted(ordered, standing) + np.searchsorted(ordered, standing, side="right") - 1) / 2


class _OpenList:
    """A list that is not finished."""

    def __init__(self, candidates: CandidateList, procedure: Procedure) -> None:
        self.candidates = candidates
        self._course = procedure.course(len(candidates.items))
        self._wanted = next(self._course)
        self._told: dict[int, tuple[AskedRanking, Reading]] = {}
        self._answers: list[tuple[AskedRanking, Reading]] = []
        self._repeats: Counter[bytes] = Counter()

    @property
    def is_told(self) -> bool:
        """Whether it has all that it wanted to know; one that wants to know nothing has."""
        return len(self._told) == len(self._wanted)

    def ask(self, prompts: RankingPrompts) -> Iterator[AskedRanking]:
        """What it wants to know next. A prompt that it repeats is another sample."""
        for places in self._wanted:
            repeat = self._repeats[places.tobytes()]
            self._repeats[places.tobytes()] += 1
            yield prompts.ask(self.candidates, places, repeat)

    def tell(self, number: int, ranking: AskedRanking, reading: Reading) -> None:
        """Take the answer to one of these, by its number."""
        self._told[number] = ranking, reading

    def advance(self) -> RankedList | None:
        """What it comes to; None where it wants to know more."""
        told = [self._told[number] for number in range(len(self._wanted))]
        self._told = {}
        self._answers += told
        try:
            self._wanted = self._course.send([reading for _, reading in told])
        except StopIteration as end:
            return RankedList(self.candidates, tuple(self._answers), end.value)
        return None


def rank_lists(
    lists: Iterable[CandidateList], prompts: RankingPrompts, procedure: Procedure, ask: Ask
) -> Iterator[RankedList]:
    """Each list by the procedure, as soon as it is finished. They advance together: a round asks what every list that
    is not finished wants to know next, and makes lists and prompts while those before are under way."""
    unfinished: Iterable[_OpenList] = (_OpenList(one, procedure) for one in lists)
    while unfinished:
        going_on = []
        for one in _asked_once(unfinished, prompts, ask):
            ranked = one.advance()
            if ranked is None:
                going_on.append(one)
            else:
                yield ranked
        # The same in every process, in whatever order answers came.
        unfinished = sorted(going_on, key=lambda one: (one.candidates.row, one.candidates.permutation))


def _asked_once(lists: Iterable[_OpenList], prompts: RankingPrompts, ask: Ask) -> Iterator[_OpenList]:
    """Each list when it is told all that it wanted to know."""
    under_way: dict[int, tuple[_OpenList, int, AskedRanking]] = {}
    with_nothing_to_ask: list[_OpenList] = []

    def made() -> Iterator[AskedRanking]:
        indices = count()
        for one in lists:
            if one.is_told:
                with_nothing_to_ask.append(one)
            for number, ranking in enumerate(one.ask(prompts)):
                under_way[next(indices)] = one, number, ranking
                yield ranking

    for index, reading in ask(made()):
        one, number, ranking = under_way.pop(index)
        one.tell(number, ranking, reading)
        if one.is_told:
            yield one
    yield from with_nothing_to_ask
