"""LLMRank: a language model is shown a history and candidates, and ranks them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
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
from llmrec_bench_plugins.ranker.ledger import Ledger, QueryEntry, agreement, rank_by_third
from llmrec_bench_plugins.ranker.prompt_order import drawn
from llmrec_bench_plugins.ranker.ranking_prompts import AskedRanking, PromptOptions, RankingPrompts
from llmrec_bench_plugins.ranker.title_recall import TitleRecall
from llmrec_bench_plugins.stages.wording import ranking_wordings

Items = npt.NDArray[np.int64]

_RETRIEVAL_TIES = 1_000_001
"""A use of chance beside those of prompts."""


class LLMRanker(Method):
    """A language model ranks each query's candidates from their titles and the titles of the history (list-wise).

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
        """A probe of what the model knows of the data set by heart; what it finds stands below the tables."""

        @model_validator(mode="after")
        def _retriever_is_silent(self) -> "LLMRanker.Config":
            if self.retriever is not None and self.retriever.make().language_model() is not None:
                raise ValueError(f"the retriever '{self.retriever.method}' asks a language model itself")
            return self

        def identity(self) -> dict[str, Any]:
            """With the hashes of the wordings."""
            wordings = ranking_wordings(self.domain, self.prompt, self.answer)
            return {**super().identity(), "prompt_hashes": [wording.hash for wording in wordings]}

    config: Config

    def language_model(self) -> LanguageModel.Config:
        """Who is asked."""
        return self.config.language_model

    @property
    def prompts_need_fit(self) -> bool:
        """True with a retriever."""
        return self.config.retriever is not None

    def prompts(self, train: TrainingData, queries: Queries, seed: int) -> Sequence[Prompt]:
        """One for each query and permutation; with a retriever as if it proposed the most popular items.

        Raises `BenchError` where the whole catalogue would have to be shown.
        """
        candidates = queries.candidates
        if self.config.retriever is not None:
            popular = np.argsort(-train.item_counts(), kind="stable")[: self.config.retrieved]
            candidates = np.tile(popular, (len(queries), 1))
        asked = RankingPrompts(self.config, train.items, seed).asked(queries, self._shown_whole(candidates))
        return [ranking.prompt for ranking in asked]

    def fit(self, train: TrainingData, run: Run) -> None:
        """Fit the retriever, if there is one, and open the language model; nothing is asked yet."""
        self._n_items, self._seed = train.n_items, run.seed
        self._prompts = RankingPrompts(self.config, train.items, run.seed)
        self._ledger = Ledger()
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
        return [*proposed, *self._ledger.remarks()]

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): minus the mean rank; NaN for what was not retrieved, and for queries that have nothing to
        ask, as no item of the history, or no candidate, has a title.

        Raises `BenchError` where no request succeeds, and before anything is asked where the whole catalogue would have
        to be shown.
        """
        candidates = self._shown_whole(queries.candidates) if self._retriever is None else self._retrieve(queries)
        read = self._read(list(self._prompts.asked(queries, candidates)))
        answered = {row: list(group) for row, group in groupby(read, key=lambda pair: pair[0].row)}
        width = self._n_items if queries.candidates is None else queries.candidates.shape[1]
        scores = np.full((len(queries), width), np.nan, dtype=np.float32)
        for row, user in enumerate(queries.users.tolist()):
            items = np.unique(candidates[row][candidates[row] != PAD]).astype(np.int64)
            answers = answered.get(row, [])
            ranks = [_ranks(items, ranking, reading) for ranking, reading in answers]
            self._ledger.entries[user] = _entry(items, answers, ranks)
            if not ranks:
                continue
            columns = items if queries.candidates is None else queries.candidates[row]
            asked_about = np.isin(columns, items)
            places = items if queries.candidates is None else np.flatnonzero(asked_about)
            scores[row, places] = -np.mean(ranks, axis=0)[np.searchsorted(items, columns[asked_about])]
        return scores

    def prompt_places(self, queries: Queries) -> Items:
        """int64 (B, C): where each candidate stands in the first permutation's prompt, -1 where it is not shown."""
        candidates = self._shown_whole(queries.candidates) if self._retriever is None else self._retrieve(queries)
        columns = np.arange(self._n_items)[None] if queries.candidates is None else queries.candidates
        places = np.full((len(queries), columns.shape[1]), -1, dtype=np.int64)
        for ranking in self._prompts.asked(queries, candidates):
            if ranking.permutation == 0:
                place_of = dict(zip(ranking.shown.tolist(), range(len(ranking.shown)), strict=True))
                row = columns[0 if queries.candidates is None else ranking.row].tolist()
                places[ranking.row] = [place_of.get(item, -1) for item in row]
        return places

    def _read(self, asked: list[AskedRanking]) -> Iterator[tuple[AskedRanking, Reading]]:
        completions = self._model.complete([ranking.prompt for ranking in asked])
        if asked and all(completion.failed for completion in completions):
            raise BenchError(f"llm-ranker: all {len(asked):,} requests failed; the first: {completions[0].error}")
        for ranking, completion in zip(asked, completions, strict=True):
            yield ranking, _reading(completion, ranking, self.config)

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


def _ranks(items: Items, ranking: AskedRanking, reading: Reading) -> npt.NDArray[np.float64]:
    """float64 (n,): the rank of each item (codes, ascending) from 0; those that the answer lacks share the mean of the
    places left over."""
    ranked = len(reading.order)
    ranks = np.full(len(items), (ranked + len(items) - 1) / 2)
    ranks[np.searchsorted(items, ranking.shown[list(reading.order)])] = np.arange(ranked)
    return ranks


def _entry(
    items: Items, answered: list[tuple[AskedRanking, Reading]], ranks: list[npt.NDArray[np.float64]]
) -> QueryEntry:
    shown = len(answered[0][0].shown) if answered else 0
    places = [
        np.array(rank[np.searchsorted(items, ranking.shown)])
        for rank, (ranking, reading) in zip(ranks, answered, strict=True)
        if reading.order
    ]
    told = [rank for rank, (_, reading) in zip(ranks, answered, strict=True) if reading.order]
    return QueryEntry(
        outcomes=tuple(reading.outcome for _, reading in answered),
        shown=shown,
        untitled=len(items) - shown if answered else 0,
        unranked=sum(len(items) - len(reading.order) for _, reading in answered),
        shortened=sum(ranking.shortened for ranking, _ in answered),
        told_apart=answered[0][0].told_apart if answered else 0,
        by_third=rank_by_third(places),
        agreement=agreement(told),
    )
