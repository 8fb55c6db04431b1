"""LLMRank: a language model is shown a history and candidates, and ranks them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from llmrec_bench import (
    PAD,
    BenchError,
    Completion,
    LanguageModel,
    LanguageModelOptions,
    Method,
    MethodOptions,
    Prompt,
    Queries,
    Run,
    Scores,
    TrainingData,
)
from llmrec_bench_plugins.ranker.answers import Reading, read_ranking
from llmrec_bench_plugins.ranker.ledger import Ledger, entry_of
from llmrec_bench_plugins.ranker.next_item_recall import NextItemRecall
from llmrec_bench_plugins.ranker.procedures import ListWise, PairWise, SlidingWindow
from llmrec_bench_plugins.ranker.prompt_order import drawn
from llmrec_bench_plugins.ranker.ranked_lists import RankedList, rank_lists
from llmrec_bench_plugins.ranker.ranking_prompts import (
    AskedRanking,
    CandidateList,
    Items,
    PromptOptions,
    RankingPrompts,
    candidate_items,
)
from llmrec_bench_plugins.ranker.title_recall import TitleRecall
from llmrec_bench_plugins.stages.wording import ranking_wordings

_RETRIEVAL_TIES = 1_000_001
"""A use of chance beside those of prompts."""
_PROMPTS_AT_ONCE = 50_000
"""Of a few kilobytes each, held in memory together."""


class LLMRanker(Method):
    """A language model ranks each query's candidates from their titles and the titles of the history: all in one
    prompt, in windows that slide over them, or pair by pair.

    A candidate's score is minus its mean rank over the permutations asked for. Candidates that an answer does not rank
    share the mean of the places it leaves over, and what no answer tells apart ties, the target included: the
    protocol's rule for ties then draws their order or takes the mean over all orders. Every answer is read, whatever
    it holds, and none is asked for again.

    The candidates are those of the protocol, or what a `retriever` proposes of them: then an item that it did not
    propose has no score, and a target among these is a miss.
    """

    name = "llm-ranker"
    version = "1"
    source = "Hou et al., Large Language Models are Zero-Shot Rankers for Recommender Systems, ECIR 2024 (LLMRank)"
    ties_are_open = True

    class Config(PromptOptions, Method.Config):
        """Options of the ranker. LLMRank's own: `answer: titles`, the three forms of `prompt`, and with bootstrapping
        `permutations: 3`. The recorded rankings of MovieLens-100K: `history_length: 20, order: recorded`."""

        language_model: LanguageModelOptions
        """Who is asked; the paper has gpt-3.5-turbo with temperature 0.2."""
        retriever: MethodOptions | None = None
        """Another method that proposes what is ranked, as in `{method: bm25}`; it is fitted first. null: the candidates
        of the protocol, which then must not be the whole catalogue."""
        retrieved: int = Field(20, ge=1, le=1000)
        """How many items the retriever proposes."""
        retrieve_seen: bool = False
        """Whether it may propose items of the history; false goes with `seen: mask` of the
        protocol."""

        memory: TitleRecall | None = None
        """A probe of what titles the model knows by heart; what it finds stands below the tables."""
        next_items: NextItemRecall | None = None
        """A probe of whether it knows users' histories by heart; what it finds stands below the tables."""

        @model_validator(mode="after")
        def _retriever_is_silent(self) -> "LLMRanker.Config":
            if self.retriever is not None and self.retriever.make().language_model() is not None:
                raise ValueError(f"the retriever '{self.retriever.method}' asks a language model itself")
            return self

        def identity(self) -> dict[str, Any]:
            """With the hashes of the wordings; without `procedure` where lists are asked about as wholes, and without a
            probe of next items that is not made: what was run before there were the options stays known."""
            wordings = ranking_wordings(self.domain, self.prompt, self.answer)
            plain = {**super().identity(), "prompt_hashes": [wording.hash for wording in wordings]}
            if isinstance(self.procedure, ListWise):
                del plain["procedure"]
            if self.next_items is None:
                del plain["next_items"]
            return plain

    config: Config

    def language_model(self) -> LanguageModel.Config:
        """Who is asked."""
        return self.config.language_model

    @property
    def prompts_need_fit(self) -> bool:
        """True with a retriever, and with windows, of which the first of a list alone is known."""
        return self.config.retriever is not None or isinstance(self.config.procedure, SlidingWindow)

    def prompts(self, train: TrainingData, queries: Queries, seed: int) -> Sequence[Prompt]:
        """As many as will be asked: with a retriever as if it proposed the most popular items, and with windows as if
        each answer kept the order of its prompt.

        Raises `BenchError` where the whole catalogue would have to be shown.
        """
        candidates = queries.candidates
        if self.config.retriever is not None:
            popular = np.argsort(-train.item_counts(), kind="stable")[: self.config.retrieved]
            candidates = np.tile(popular, (len(queries), 1))
        prompts, asked = RankingPrompts(self.config, train.items, seed), list[Prompt]()

        def as_shown(rankings: Iterable[AskedRanking]) -> Iterator[tuple[int, Reading]]:
            for index, ranking in enumerate(rankings):
                asked.append(ranking.prompt)
                yield index, Reading(tuple(range(len(ranking.shown))), "valid")

        lists = prompts.lists(queries, candidate_items(self._shown_whole(candidates)))
        for _ in rank_lists(lists, prompts, self.config.procedure, as_shown):
            pass
        return asked

    def fit(self, train: TrainingData, run: Run) -> None:
        """Fit the retriever, if there is one, and open the language model; nothing is asked yet."""
        self._n_items, self._seed = train.n_items, run.seed
        self._prompts = RankingPrompts(self.config, train.items, run.seed)
        self._ledger = Ledger()
        self._first_shown: dict[int, Items] = {}
        self._retriever = None
        if self.config.retriever is not None:
            self._retriever = self.config.retriever.make()
            self._retriever.fit(train, run)
        self._model = run.llm(self.config.language_model)

    @property
    def parameters(self) -> int | None:
        """The retriever's; the language model's stand beside its cost."""
        return None if self._retriever is None else self._retriever.parameters

    @property
    def remarks(self) -> Sequence[str]:
        """What became of the answers, and what the order of the prompts did."""
        retriever = self.config.retriever
        proposed = (
            [] if retriever is None else [f"candidates are the first {self.config.retrieved} of {retriever.method}"]
        )
        described = self.config.procedure.description
        return [*proposed, *([described] if described else []), *self._ledger.remarks()]

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): minus the mean rank; NaN for what was not retrieved, and for queries that have nothing to
        ask, as no item of the history, or no candidate, has a title.

        Raises `BenchError` where no request succeeds, and before anything is asked where the whole catalogue would have
        to be shown.
        """
        candidates = self._shown_whole(queries.candidates) if self._retriever is None else self._retrieve(queries)
        all_items = candidate_items(candidates)
        width = self._n_items if queries.candidates is None else queries.candidates.shape[1]
        scores = np.full((len(queries), width), np.nan, dtype=np.float32)
        unasked = dict.fromkeys(range(len(queries)))
        for row, lists in self._ranked(queries, all_items):
            del unasked[row]
            items = all_items[row]
            mean = self._enter(int(queries.users[row]), items, lists)
            if queries.candidates is None:
                scores[row, items] = -mean
            else:
                columns = queries.candidates[row]
                places = np.minimum(np.searchsorted(items, columns), len(items) - 1)
                asked_about = items[places] == columns
                scores[row, asked_about] = -mean[places[asked_about]]
        for row in unasked:
            self._enter(int(queries.users[row]), all_items[row], [])
        return scores

    def prompt_places(self, queries: Queries) -> Items | None:
        """int64 (B, C): where each candidate stands in the query's first prompt when it was last scored, -1 where it is
        not shown; None where each pair is shown in both orders."""
        if isinstance(self.config.procedure, PairWise):
            return None
        width = self._n_items if queries.candidates is None else queries.candidates.shape[1]
        places = np.full((len(queries), width), -1, dtype=np.int64)
        for row, user in enumerate(queries.users.tolist()):
            shown = self._first_shown[user]
            place_of = np.full(self._n_items, -1, dtype=np.int64)
            place_of[shown] = np.arange(len(shown))
            if queries.candidates is None:
                places[row] = place_of
            else:
                real = queries.candidates[row] != PAD
                places[row, real] = place_of[queries.candidates[row, real]]
        return places

    def _enter(self, user: int, items: Items, lists: Sequence[RankedList]) -> npt.NDArray[np.float64]:
        """Note what became of a query, and return the mean ranks (n,) of its candidates; NaN where nothing was
        asked."""
        ranks = [one.ranks(items) for one in lists]
        self._ledger.entries[user] = entry_of(items, lists, ranks, isinstance(self.config.procedure, PairWise))
        self._first_shown[user] = next((ranking.shown for one in lists for ranking, _ in one.answers), items[:0])
        return np.add.reduce(ranks) / len(ranks) if ranks else np.full(len(items), np.nan)

    def _ranked(self, queries: Queries, items: Sequence[Items]) -> Iterator[tuple[int, list[RankedList]]]:
        """(row, its lists by permutation) of each query that has something to ask, as soon as all are ranked."""
        unfinished: dict[int, list[RankedList]] = {}
        for ranked in self._rank(self._prompts.lists(queries, items), max(map(len, items), default=0)):
            of_row = unfinished.setdefault(ranked.candidates.row, [])
            of_row.append(ranked)
            if len(of_row) == self.config.permutations:
                of_row = unfinished.pop(ranked.candidates.row)
                yield ranked.candidates.row, sorted(of_row, key=lambda one: one.candidates.permutation)

    def _rank(self, lists: Iterator[CandidateList], longest: int) -> Iterator[RankedList]:
        procedure = self.config.procedure
        size = max(1, _PROMPTS_AT_ONCE // max(1, procedure.prompts_at_once(longest)))
        for first in lists:
            yield from rank_lists(chain([first], islice(lists, size - 1)), self._prompts, procedure, self._ask)

    def _ask(self, rankings: Iterable[AskedRanking]) -> Iterator[tuple[int, Reading]]:
        """(index, reading), each as soon as its answer is there."""
        under_way: dict[int, AskedRanking] = {}
        failures, answered = dict[int, str](), False

        def prompts() -> Iterator[Prompt]:
            for index, ranking in enumerate(rankings):
                under_way[index] = ranking
                yield ranking.prompt

        for index, completion in self._model.answers(prompts()):
            if completion.failed:
                failures[index] = completion.error
            else:
                answered = True
            yield index, _reading(completion, under_way.pop(index), self.config)
        if failures and not answered:
            raise BenchError(f"llm-ranker: all {len(failures):,} requests failed; the first: {failures[0]}")

    def _shown_whole(self, candidates: npt.NDArray[np.integer] | None) -> npt.NDArray[np.integer]:
        if candidates is None:
            raise BenchError(
                "llm-ranker: the candidates are the whole catalogue, which fits no prompt; give the protocol sampled "
                "candidates or those of a file, or the method a `retriever`, such as {method: popularity}"
            )
        return candidates

    def _retrieve(self, queries: Queries) -> Items:
        """int64 (B, n): the retriever's best items among the candidates, `PAD` at the end; what it scores alike is
        drawn from by the run's seed."""
        assert self._retriever is not None
        found = np.full((len(queries), self.config.retrieved), PAD, dtype=np.int64)
        scores = self._retriever.score(queries)
        for row, user in enumerate(queries.users.tolist()):
            whole = np.full(self._n_items, np.nan, dtype=np.float32)
            if queries.candidates is None:
                whole[:] = scores[row]
            else:
                real = queries.candidates[row] != PAD
                whole[queries.candidates[row][real]] = scores[row][real]
            if not self.config.retrieve_seen:
                whole[queries.histories[row]] = np.nan
            ties = drawn(self._seed, user, _RETRIEVAL_TIES).random(self._n_items)
            order = np.lexsort((ties, -whole))  # NaN comes last
            best = order[: self.config.retrieved]
            best = best[~np.isnan(whole[best])]
            found[row, : len(best)] = best
        return found


def _reading(completion: Completion, ranking: AskedRanking, config: PromptOptions) -> Reading:
    if completion.failed:
        return Reading((), "failed")
    if completion.finish_reason == "refused":
        return Reading((), "refused")
    return read_ranking(completion.text, ranking.titles, config.answer, completion.finish_reason == "length")
