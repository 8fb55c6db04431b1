"""A user's history in plain words, as a control: what a rationale is worth beyond the titles it was made from."""

from typing import Any, Literal

from pydantic import Field

from llmrec_bench import Config, StageRun, TrainingData
from llmrec_bench_plugins.stages.served_targets import check_served
from llmrec_bench_plugins.stages.user_histories import Cutoff, UserText, user_histories
from llmrec_bench_plugins.stages.wording import cut_titles, numbered_history


class HistoryTitles(Config):
    """The titles of a user's latest items, as a prompt would show them; no language model is asked."""

    kind: Literal["titles"] = "titles"
    """The history itself in place of a rationale."""
    cutoff: Cutoff = "earliest"
    """Which items may be shown, as for rationales."""
    history_length: int = Field(20, ge=1, le=1000)
    """How many of the latest items are shown."""
    title_words: int | None = Field(None, ge=1)
    """How many words of a title are shown, at most; null: all."""

    def identity(self) -> dict[str, Any]:
        """Without `title_words` where titles are whole: what was built before there was the option stays known."""
        plain = super().identity()
        if self.title_words is None:
            del plain["title_words"]
        return plain

    def read(self, train: TrainingData, run: StageRun) -> list[UserText]:
        """One text for each history."""
        titles = cut_titles(train.items["title"], self.title_words)
        histories = list(user_histories(train, self.cutoff, self.history_length))
        check_served("user-text-embeddings", train, self.cutoff, histories, run.log)
        texts = []
        for history in histories:
            shown = [item for item in history.items if titles[item]]
            run.saw(history.user, shown)
            texts.append(UserText(history.user, history.serves, numbered_history([titles[i] for i in shown])))
        return texts
