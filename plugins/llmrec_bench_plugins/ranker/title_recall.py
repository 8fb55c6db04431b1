"""Whether a language model knows a data set's titles by heart, as a caution beside its rankings."""

import json
import re
from collections.abc import Sequence
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
from llmrec_bench_plugins.stages.asking import ask_all
from llmrec_bench_plugins.stages.wording import Domain, title_recall_prompt, title_recall_wording

RECALL = "recall.json"
_TAIL = re.compile(r"\s*\([^()]*\)\s*\Z")


class TitleRecall(Stage):
    """A language model is shown how titles begin, and asked how they go on; nothing of the data set is shown besides.

    What it completes it has met before, maybe with the interactions. It says nothing of the opposite: a title that is
    not completed may be known all the same.
    """

    name: ClassVar[str] = "title-recall"
    version: ClassVar[str] = "1"

    asked: LanguageModelOptions
    """Who is asked; the same model as for the rankings, or the caution is another's."""
    domain: Domain = "movies"
    """What the prompt calls an item: a movie or a product."""
    titles: int = Field(100, ge=1)
    """How many titles, drawn by `seed` among those of two words and more."""
    seed: int = Field(0, ge=0)
    """Draws the titles."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The wording."""
        return [title_recall_wording()]

    def language_model(self) -> LanguageModel.Config:
        """Who is asked."""
        return self.asked

    def prompts(self, train: TrainingData) -> Sequence[Prompt]:
        """One a title."""
        tokens = train.items["token"].astype(str)
        return [
            title_recall_prompt(self.domain, tokens[i], _beginning(train.items["title"][i])) for i in self._drawn(train)
        ]

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Write `recall.json`, and remark how many titles were completed. Raises `BenchError` where no title has two
        words, or no request succeeds."""
        drawn = self._drawn(train)
        if not len(drawn):
            raise BenchError("stage 'title-recall': no title of the data set has two words to tell a beginning by")
        answers = ask_all(run, self.asked, self.prompts(train), self.name, "these titles count as not completed")
        titles = [train.items["title"][i] for i in drawn]
        completed = [completes(answer, title) for answer, title in zip(answers, titles, strict=True)]
        (out / RECALL).write_text(json.dumps({"titles": len(titles), "completed": sum(completed)}) + "\n")
        run.remark(
            f"{self.asked.model} completes {sum(completed):,} of {len(titles):,} titles of the data set from their "
            "first words; what it remembers it need not infer"
        )

    def _drawn(self, train: TrainingData) -> list[int]:
        long = np.array([i for i, title in enumerate(train.items["title"]) if len(_words(title)) > 1], dtype=np.int64)
        chosen = np.random.default_rng(self.seed).choice(long, min(self.titles, len(long)), replace=False)
        return sorted(chosen.tolist())


def completes(answer: str, title: str) -> bool:
    """Whether the answer is the title, without regard to case, punctuation and what stands in brackets at its end."""
    return plain(answer) == plain(title)


def plain(title: str) -> str:
    """A title without case, punctuation and what stands in brackets at its end, such as a year."""
    return normalised(_TAIL.sub("", title))


def _words(title: str) -> list[str]:
    return _TAIL.sub("", title).split()


def _beginning(title: str) -> str:
    """The first half of the title's words, rounded down, at least one."""
    words = _words(title)
    return " ".join(words[: max(1, len(words) // 2)])
