"""SLIM's teacher: a large language model reasons about users in three steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

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
from llmrec_bench_plugins.stages.asking import ask_all
from llmrec_bench_plugins.stages.rationale_steps import parse_steps
from llmrec_bench_plugins.stages.rationales import rationale_texts, texts_for_test, write_rationales
from llmrec_bench_plugins.stages.served_targets import check_served
from llmrec_bench_plugins.stages.user_histories import Cutoff, UserHistory, UserText, user_histories
from llmrec_bench_plugins.stages.wording import Domain, cut_titles, rationale_prompt, wording


class TeacherRationales(Stage):
    """A large language model summarises what a user prefers, names kinds of item that match, and items of these kinds
    (SLIM, section on rationale generation; the prompt's wording is a reconstruction)."""

    name: ClassVar[str] = "teacher-rationales"
    version: ClassVar[str] = "1"

    kind: Literal["teacher"] = "teacher"
    """The teacher's own rationales."""
    writer: LanguageModelOptions
    """Who is asked; the paper has gpt-3.5-turbo."""
    domain: Domain = "movies"
    """Whose words the prompt uses: `movies` or `products`."""
    products: str = "products"
    """What the prompt calls the items where they are no movies."""
    cutoff: Cutoff = "earliest"
    """Which items a rationale may be made from. `earliest`: those before the last training item, one call a user, and
    no target it serves is among them. `per_split`: one each for the last training item, validation and test.
    `single_train`: all training items, so that training meets texts that were shown their targets; probably closest to
    the paper, which does not say."""
    history_length: int = Field(20, ge=1, le=1000)
    """How many of the latest items the prompt shows; the paper leaves it unsaid."""
    title_words: int | None = Field(None, ge=1)
    """Show so many words of a title, at most; null: all. Titles of shops may reach a hundred and more."""
    users: int | None = Field(None, ge=1)
    """Ask about so many users only, drawn by `seed`; null: all. The paper distils 1000 (Games) or 2000."""
    seed: int = Field(0, ge=0)
    """Draws the users."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The wording that the domain chooses."""
        return [wording("rationale", self.domain)]

    def identity(self) -> dict[str, Any]:
        """Without `title_words` where titles are whole: what was built before there was the option stays known."""
        plain = super().identity()
        if self.title_words is None:
            del plain["title_words"]
        return plain

    def language_model(self) -> LanguageModel.Config:
        """The writer."""
        return self.writer

    def prompts(self, train: TrainingData) -> Sequence[Prompt]:
        """One for each history."""
        return [prompt for _, prompt in self._asked(train)]

    def read(self, train: TrainingData, run: StageRun) -> list[UserText]:
        """What the teacher wrote."""
        return rationale_texts(run.artifact(self))

    def texts_about_users(self, folder: Path) -> Mapping[int, str]:
        """The rationales that serve the test."""
        return texts_for_test(folder)

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Write the rationales. Raises `BenchError` where no user has a history, or no request succeeds."""
        asked = self._asked(train)
        if not asked:
            raise BenchError(f"stage '{self.name}': no user has a history of titled items to ask about")
        check_served(self.name, train, self.cutoff, (history for history, _ in asked), run.log)
        prompts = [prompt for _, prompt in asked]
        texts = ask_all(run, self.writer, prompts, self.name, "these users have no rationale")
        whole = sum(parse_steps(text).whole for text in texts)
        run.log(f"{whole:,} of {len(texts):,} rationales have all three steps")
        write_rationales(out, train, run, ((history, text) for (history, _), text in zip(asked, texts, strict=True)))

    def _asked(self, train: TrainingData) -> list[tuple[UserHistory, Prompt]]:
        """Histories of titled items, and what is asked about each."""
        tokens = train.items["token"].astype(str).tolist()
        titles = cut_titles(train.items["title"], self.title_words)
        histories = []
        for history in user_histories(train, self.cutoff, self.history_length):
            shown = tuple(item for item in history.items if titles[item])
            if shown:
                histories.append(replace(history, items=shown))
        users = list(dict.fromkeys(history.user for history in histories))
        if self.users is not None and self.users < len(users):
            users = np.random.default_rng(self.seed).choice(users, self.users, replace=False).tolist()
        chosen = set(users)
        return [(history, self._prompt(history, tokens, titles)) for history in histories if history.user in chosen]

    def _prompt(self, history: UserHistory, tokens: Sequence[str], titles: Sequence[str]) -> Prompt:
        items, words = [tokens[item] for item in history.items], [titles[item] for item in history.items]
        return rationale_prompt(self.domain, items, words, self.products)
