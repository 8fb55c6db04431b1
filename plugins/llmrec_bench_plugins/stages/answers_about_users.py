"""What a language model writes about users, shown the titles of their histories."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from llmrec_bench import BenchError, LanguageModel, LanguageModelOptions, Prompt, Stage, StageRun, TrainingData
from llmrec_bench_plugins.stages.asking import ask_all
from llmrec_bench_plugins.stages.rationales import rationale_texts, texts_for_test, write_rationales
from llmrec_bench_plugins.stages.served_targets import check_served
from llmrec_bench_plugins.stages.user_histories import Cutoff, UserHistory, UserText, titled_histories
from llmrec_bench_plugins.stages.wording import Domain, cut_titles


class AnswersAboutUsers(Stage):
    """One answer for each history; a subclass says what is asked."""

    wanted: ClassVar[str]
    """What a user lacks whose request failed."""

    writer: LanguageModelOptions
    """Who is asked."""
    domain: Domain = "movies"
    """Whose words the prompt uses: `movies` or `products`."""
    products: str = "products"
    """What the prompt calls the items where they are no movies."""
    cutoff: Cutoff = "earliest"
    """Which items a text may be made from. `earliest`: those before the last training item, one call a user, and
    no target it serves is among them. `per_split`: one each for the last training item, validation and test.
    `single_train`: all training items, so that training meets texts that were shown their targets. `first_half`: the
    first half of the training items, rounded up (KAR's), which can serve all of the second half."""
    history_length: int = Field(20, ge=1, le=1000)
    """How many of the latest items the prompt shows; with `first_half` how many of the first, at most."""
    title_words: int | None = Field(None, ge=1)
    """Show so many words of a title, at most; null: all. Titles of shops may reach a hundred and more."""

    @abstractmethod
    def prompt(self, items: Sequence[str], titles: Sequence[str]) -> Prompt:
        """What is asked about a history (tokens and titles, oldest first)."""

    def review(self, texts: Sequence[str], log: Callable[[str], None]) -> None:
        """Log what there is to say of the answers; here nothing."""

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
        return [prompt for _, prompt in self.asked(train)]

    def read(self, train: TrainingData, run: StageRun) -> list[UserText]:
        """What the language model wrote."""
        return rationale_texts(run.artifact(self))

    def texts_about_users(self, folder: Path) -> Mapping[int, str]:
        """The texts that serve the test."""
        return texts_for_test(folder)

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Write the texts. Raises `BenchError` where no user has a history, or no request succeeds."""
        asked = self.asked(train)
        if not asked:
            raise BenchError(f"stage '{self.name}': no user has a history of titled items to ask about")
        check_served(self.name, train, self.cutoff, (history for history, _ in asked), run.log)
        prompts = [prompt for _, prompt in asked]
        texts = ask_all(run, self.writer, prompts, self.name, f"these users have no {self.wanted}")
        self.review(texts, run.log)
        write_rationales(out, train, run, ((history, text) for (history, _), text in zip(asked, texts, strict=True)))

    def asked(self, train: TrainingData) -> list[tuple[UserHistory, Prompt]]:
        """Histories of titled items, and what is asked about each."""
        tokens = train.items["token"].astype(str).tolist()
        titles = cut_titles(train.items["title"], self.title_words)
        return [
            (history, self.prompt([tokens[item] for item in history.items], [titles[item] for item in history.items]))
            for history in titled_histories(train, self.cutoff, self.history_length, titles)
        ]
