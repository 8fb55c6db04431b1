"""Whether a language model knows users' histories by heart, as a caution beside its rankings."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from llmrec_bench import (
    BenchError,
    LanguageModel,
    LanguageModelOptions,
    Prompt,
    PromptFile,
    Stage,
    StageRun,
    TrainingData,
)
from llmrec_bench_plugins.ranker.answers import normalised
from llmrec_bench_plugins.ranker.title_recall import plain
from llmrec_bench_plugins.stages.asking import ask_all
from llmrec_bench_plugins.stages.wording import Domain, next_items_prompt, wording

RECALL = "next_items.json"
_LABEL = re.compile(r"\A\s*(?:[-*•]\s+|\d+\s*[.):]+\s*)")


@dataclass(frozen=True)
class _Begun:
    """A user's training items (codes): the first, which are shown, and those that follow."""

    user: int
    shown: list[int]
    following: list[int]


class NextItemRecall(Stage):
    """A language model is shown how users' training histories begin, and asked how they go on.

    Beside the items it names stands how many the most popular ones would be. Far above these, it may remember the
    users; good guesses are above them, too. Of the held-out items it is neither shown nor asked any.
    """

    name: ClassVar[str] = "next-item-recall"
    version: ClassVar[str] = "1"

    asked: LanguageModelOptions
    """Who is asked; the same model as for the rankings, or the caution is another's."""
    domain: Domain = "movies"
    """Whose words the prompt uses: `movies` or `products`."""
    products: str = "products"
    """What the prompt calls the items where they are no movies."""
    users: int = Field(50, ge=1)
    """How many users, drawn by `seed` among those with enough training items that have a title."""
    shown: int = Field(5, ge=1)
    """How many of a user's first items are shown."""
    following: int = Field(5, ge=1)
    """How many of the items after these are to be named; as many lines of an answer count."""
    seed: int = Field(0, ge=0)
    """Draws the users."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The wording."""
        return [wording("next-items", self.domain)]

    def language_model(self) -> LanguageModel.Config:
        """Who is asked."""
        return self.asked

    def prompts(self, train: TrainingData) -> Sequence[Prompt]:
        """One a user."""
        return self._prompts(train, self._drawn(train))

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Write `next_items.json`, and remark how many items were named. Raises `BenchError` where no user has enough
        training items, or no request succeeds."""
        drawn = self._drawn(train)
        if not drawn:
            raise BenchError(
                f"stage '{self.name}': no user has {self.shown + self.following} different training items with a "
                "title; lower `shown` or `following`"
            )
        prompts = self._prompts(train, drawn)
        answers = ask_all(run, self.asked, prompts, self.name, "nothing counts as named for these users")
        titles, counts = train.items["title"].tolist(), train.item_counts()
        popular = [item for item in np.argsort(-counts, kind="stable").tolist() if titles[item]]
        named = chance = 0
        for begun, answer in zip(drawn, answers, strict=True):
            run.saw(begun.user, [*begun.shown, *begun.following])
            named += hits(answer, [titles[item] for item in begun.following], self.following)
            top = [item for item in popular if item not in begun.shown][: self.following]
            chance += len(set(top) & set(begun.following))
        asked = len(drawn) * self.following
        found = {"users": len(drawn), "items": asked, "named": named, "popular": chance}
        (out / RECALL).write_text(json.dumps(found) + "\n")
        run.remark(
            f"{self.asked.model} names {named:,} of the {asked:,} training items that {len(drawn):,} users came to "
            f"after their first {self.shown}; the most popular items are {chance:,} of them. "
            "What is above may be remembered"
        )

    def _prompts(self, train: TrainingData, drawn: Sequence[_Begun]) -> list[Prompt]:
        tokens, titles = train.items["token"].astype(str).tolist(), train.items["title"].tolist()
        return [
            next_items_prompt(
                self.domain,
                [tokens[item] for item in begun.shown],
                [" ".join(titles[item].split()) for item in begun.shown],
                self.following,
                self.products,
            )
            for begun in drawn
        ]

    def _drawn(self, train: TrainingData) -> list[_Begun]:
        titled = np.array([bool(title) for title in train.items["title"]], dtype=bool)
        known = []
        for user in range(train.n_users):
            row = train.sequences[user]
            items = list(dict.fromkeys(row[titled[row]].tolist()))[: self.shown + self.following]
            if len(items) == self.shown + self.following:
                known.append(_Begun(user, items[: self.shown], items[self.shown :]))
        chosen = np.random.default_rng(self.seed).choice(len(known), min(self.users, len(known)), replace=False)
        return [known[place] for place in sorted(chosen.tolist())]


def hits(answer: str, titles: Sequence[str], k: int) -> int:
    """How many of the titles the first k lines of an answer name, each counted once; without regard to case,
    punctuation, a number before the title and what stands in brackets behind it."""
    lines = [line for line in answer.splitlines() if normalised(line)][:k]
    named = {plain(line) for line in lines} | {plain(_LABEL.sub("", line)) for line in lines}
    return sum(plain(title) in named for title in titles)
