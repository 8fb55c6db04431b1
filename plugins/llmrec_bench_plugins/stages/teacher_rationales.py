"""SLIM's teacher: a large language model reasons about users in three steps."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from llmrec_bench import Prompt, PromptFile, TrainingData
from llmrec_bench_plugins.stages.answers_about_users import AnswersAboutUsers
from llmrec_bench_plugins.stages.rationale_steps import parse_steps
from llmrec_bench_plugins.stages.user_histories import UserHistory
from llmrec_bench_plugins.stages.wording import rationale_prompt, wording


class TeacherRationales(AnswersAboutUsers):
    """A large language model summarises what a user prefers, names kinds of item that match, and items of these kinds
    (SLIM, section on rationale generation; the prompt's wording is a reconstruction).

    The paper asks gpt-3.5-turbo. It leaves unsaid how many items it shows, and which; the cut-off `single_train` is
    probably closest to it.
    """

    name: ClassVar[str] = "teacher-rationales"
    version: ClassVar[str] = "1"
    wanted: ClassVar[str] = "rationale"

    kind: Literal["teacher"] = "teacher"
    """The teacher's own rationales."""
    users: int | None = Field(None, ge=1)
    """Ask about so many users only, drawn by `seed`; null: all. The paper distils 1000 (Games) or 2000."""
    seed: int = Field(0, ge=0)
    """Draws the users."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The wording that the domain chooses."""
        return [wording("rationale", self.domain)]

    def prompt(self, items: Sequence[str], titles: Sequence[str]) -> Prompt:
        """SLIM's three steps."""
        return rationale_prompt(self.domain, items, titles, self.products)

    def review(self, texts: Sequence[str], log: Callable[[str], None]) -> None:
        """How many are in the form asked for."""
        log(f"{sum(parse_steps(text).whole for text in texts):,} of {len(texts):,} rationales have all three steps")

    def asked(self, train: TrainingData) -> list[tuple[UserHistory, Prompt]]:
        """All histories of the users drawn."""
        asked = super().asked(train)
        users = list(dict.fromkeys(history.user for history, _ in asked))
        if self.users is not None and self.users < len(users):
            users = np.random.default_rng(self.seed).choice(users, self.users, replace=False).tolist()
        chosen = set(users)
        return [(history, prompt) for history, prompt in asked if history.user in chosen]
