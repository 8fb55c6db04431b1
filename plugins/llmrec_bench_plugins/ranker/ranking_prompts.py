"""Queries -> prompts for a ranking: which items are shown, in which words and in which order."""

import html
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from llmrec_bench import PAD, BenchError, Config, Prompt, Queries
from llmrec_bench_plugins.ranker.procedures import ListWise, PairWise, Procedure
from llmrec_bench_plugins.ranker.prompt_order import Order, Places, drawn, prompt_order
from llmrec_bench_plugins.stages.wording import (
    Domain,
    RankingAnswer,
    RankingForm,
    cut_titles,
    ranking_prompt,
)

_SHUFFLE_HISTORY = 1_000_000
"""A use of chance beside the permutations of candidates, which are numbered from 0."""
_ANONYMOUS = 1_000_002


Items = npt.NDArray[np.int64]


class PromptOptions(Config):
    """What a prompt for a ranking shows, and how."""

    domain: Domain = "movies"
    """Whose words the prompt uses: `movies` or `products`."""
    products: str = "products"
    """What the prompt calls the items where they are no movies."""
    prompt: RankingForm = "sequential"
    """`sequential`: the history in order. `recency-focused`: the last item is pointed out once more. `in-context`: the
    last item is shown as the right answer to the history before it."""
    answer: RankingAnswer = "numbers"
    """What the model is to list: the candidates' numbers, or their titles as in LLMRank."""
    history_length: int = Field(50, ge=1, le=10_000)
    """How many of the latest items are shown; items without a title are not."""
    history_order: Literal["as-is", "reversed", "shuffled"] = "as-is"
    """Controls: what the order of the history is worth. Each user's history is shuffled anew."""
    item_text: Literal["title", "title-and-category", "anonymous"] = "title"
    """How an item is told of; the category stands in brackets behind the title. `anonymous`, a control: a number drawn
    by the run's seed stands for the title, so that whatever a model still finds, it has not from knowing the items (the
    simulated model does not read titles, and finds them all the same)."""
    title_words: int | None = Field(None, ge=1)
    """Show so many words of a title, at most; null: all."""
    order: Order = "seeded"
    """How the candidates of a prompt are ordered: at random for each query by the run's seed, or as in the recorded
    rankings of MovieLens-100K. Never as they were handed over."""
    procedure: Procedure = ListWise()
    """`{kind: list-wise}`: one prompt for all candidates. `{kind: sliding-window}` and `{kind: pair-wise}`: several,
    with the same words about fewer candidates, for lists that are too long for one."""
    permutations: int = Field(1, ge=1, le=100)
    """Ask so many times with the candidates in another order, and take the mean of a candidate's ranks (bootstrapping);
    LLMRank has 3."""
    longest_prompt: int | None = Field(None, ge=100)
    """At most so many characters: the oldest items of the history are left out until it fits; null: no limit."""

    @model_validator(mode="after")
    def _asks_what_makes_sense(self) -> "PromptOptions":
        if self.order == "recorded" and self.permutations > 1:
            raise ValueError("one order was recorded; use `permutations: 1`, or `order: seeded`")
        if self.order == "recorded" and not isinstance(self.procedure, ListWise):
            raise ValueError(
                f"the recorded rankings are of whole lists, and `procedure: {{kind: {self.procedure.kind}}}` asks "
                "about parts of them; use `{kind: list-wise}`, or `order: seeded`"
            )
        if isinstance(self.procedure, PairWise) and self.permutations > 1:
            raise ValueError("`{kind: pair-wise}` asks in both orders, and there are no others; use `permutations: 1`")
        return self


@dataclass(frozen=True)
class CandidateList:
    """What a query is to have ranked, in one of its permutations."""

    row: int
    """Of the query."""
    permutation: int
    history: tuple[int, ...]
    """Item codes, in the order they are shown in."""
    items: Items
    """int64 (n,): item codes of the candidates, in the order that prompts first show them in."""


@dataclass(frozen=True)
class AskedRanking:
    """One prompt about candidates of a list."""

    shown: npt.NDArray[np.int64]
    """int64 (n,): item codes in the order of the prompt."""
    titles: tuple[str, ...]
    """As shown."""
    prompt: Prompt
    shortened: bool
    """Items of the history were left out to fit `longest_prompt`."""
    told_apart: npt.NDArray[np.bool_]
    """bool (n,): whose title got a number, as another of these candidates has the same."""


class RankingPrompts:
    """Makes prompts from item texts."""

    def __init__(self, options: PromptOptions, items: pd.DataFrame, seed: int) -> None:
        """`items` are I rows as `TrainingData.items`; `seed` is the run's."""
        self._options, self._seed = options, seed
        self._tokens = items["token"].astype(str).tolist()
        titles = [" ".join(html.unescape(title).split()) for title in items["title"]]
        self._titles = cut_titles(titles, options.title_words)
        if options.item_text == "anonymous":
            numbers = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_ANONYMOUS,))).permutation(
                len(items)
            )
            titles = [f"item {number + 1}" if title else "" for number, title in zip(numbers, titles, strict=True)]
            self._titles = titles
        if options.item_text == "title-and-category":
            if "category" not in items:
                raise BenchError("llm-ranker: `item_text: title-and-category`, but the data set has no categories")
            self._titles = [
                f"{title} ({category})" if title and category else title
                for title, category in zip(self._titles, map(_category, items["category"]), strict=True)
            ]
        self._titled = np.array([bool(title) for title in self._titles], dtype=bool)

    def history(self, queries: Queries, row: int) -> list[int]:
        """The items (codes) that may be shown of a query's history, oldest first unless reversed or shuffled."""
        items = queries.histories[row]
        latest = items[self._titled[items]][-self._options.history_length :]
        match self._options.history_order:
            case "reversed":
                latest = latest[::-1]
            case "shuffled":
                latest = drawn(self._seed, int(queries.users[row]), _SHUFFLE_HISTORY).permutation(latest)
        return latest.tolist()

    def lists(self, queries: Queries, items: Sequence[Items]) -> Iterator[CandidateList]:
        """What each query is to have ranked, of its candidates as `candidate_items` gives them: those with a title.
        Nothing is asked of a query without a history to show, or without a candidate to show."""
        for row, user in enumerate(queries.users.tolist()):
            history, titled = tuple(self.history(queries, row)), items[row][self._titled[items[row]]]
            if not history or not len(titled):
                continue
            for permutation in range(self._options.permutations):
                order = prompt_order(self._options.order, len(titled), self._seed, user, permutation)
                yield CandidateList(row, permutation, history, titled[order])

    def ask(self, about: CandidateList, places: Places, repeat: int) -> AskedRanking:
        """The prompt that shows the candidates at these places of a list, when it has been asked `repeat` times before.

        Raises `BenchError` where it is longer than `longest_prompt` with one item of the history.
        """
        shown, sample = about.items[places], about.permutation + repeat * self._options.permutations
        plain = [self._titles[item] for item in shown.tolist()]
        titles = tell_apart(plain) if self._options.answer == "titles" else plain
        told_apart = np.zeros(len(plain), dtype=bool)
        if titles is not plain:
            told_apart[:] = [own != title for own, title in zip(plain, titles, strict=True)]
        longest, kept = self._options.longest_prompt, about.history
        prompt = self._prompt(kept, shown, titles, sample)
        while longest is not None and prompt.characters > longest:
            if len(kept) == 1:
                raise BenchError(
                    f"llm-ranker: a prompt of {len(shown)} candidates and one item of the history has "
                    f"{prompt.characters:,} characters, and `longest_prompt` is {longest:,}; raise it, show fewer "
                    "candidates, or fewer words of a title (`title_words`)"
                )
            # What is oldest stands last in a reversed history, and anywhere in a shuffled one.
            kept = kept[:-1] if self._options.history_order == "reversed" else kept[1:]
            prompt = self._prompt(kept, shown, titles, sample)
        return AskedRanking(shown, tuple(titles), prompt, len(kept) < len(about.history), told_apart)

    def _prompt(
        self, history: Sequence[int], shown: npt.NDArray[np.int64], titles: Sequence[str], sample: int
    ) -> Prompt:
        options = self._options
        return ranking_prompt(
            options.domain,
            [self._tokens[item] for item in history],
            [self._titles[item] for item in history],
            [self._tokens[item] for item in shown.tolist()],
            titles,
            options.prompt,
            options.answer,
            options.products,
            sample,
        )


def candidate_items(candidates: npt.NDArray[np.integer]) -> list[Items]:
    """The items (codes, ascending) among each row of candidates (B, C), each once."""
    ordered = np.sort(candidates, axis=1).astype(np.int64)
    first = ordered != PAD
    first[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    return [row[kept] for row, kept in zip(ordered, first, strict=True)]


def tell_apart(titles: Sequence[str]) -> list[str]:
    """The titles, equal ones with (1), (2) ... behind them."""
    counts, taken, seen = Counter(titles), set(titles), Counter[str]()
    named = []
    for title in titles:
        if counts[title] == 1:
            named.append(title)
            continue
        seen[title] += 1
        while f"{title} ({seen[title]})" in taken:  # another title reads like this one with its number
            seen[title] += 1
        named.append(f"{title} ({seen[title]})")
    return named


def _category(value: object) -> str:
    """A category as read, or several, in words."""
    if isinstance(value, str):
        return ", ".join(part.strip() for part in value.split("|") if part.strip())
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(map(str, value))
    return ""
