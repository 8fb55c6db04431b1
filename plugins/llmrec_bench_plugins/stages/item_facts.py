"""What a language model knows of each item, from the title alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import pandas as pd

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
from llmrec_bench_plugins.stages.scenario_factors import FactorsName, factors, factors_file
from llmrec_bench_plugins.stages.wording import Domain, item_facts_prompt, wording

FACTS = "facts.parquet"
"""One row an item, in code order: `token` and `text`, '' where there is no answer."""


class ItemFacts(Stage):
    """A language model describes each item of the catalogue; it is shown the title, and no interaction."""

    name: ClassVar[str] = "item-facts"
    version: ClassVar[str] = "1"

    kind: Literal["facts"] = "facts"
    """What a language model writes about the item."""
    writer: LanguageModelOptions
    """Who is asked."""
    domain: Domain = "movies"
    """Whose words the prompt uses: `movies` or `products`."""
    factors: FactorsName | None = None
    """What the facts are about: `films`, `games`, `shop`, or the path of a text file like theirs; null: `films` for
    movies, `shop` for products."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The wording that the domain chooses, and the factors."""
        return [wording("item-facts", self.domain), factors_file(self.factors, self.domain)]

    def identity(self) -> dict[str, Any]:
        """What the factors say, which is among the wordings, and not where they stand."""
        return {option: value for option, value in super().identity().items() if option != "factors"}

    def language_model(self) -> LanguageModel.Config:
        """The writer."""
        return self.writer

    def prompts(self, train: TrainingData) -> Sequence[Prompt]:
        """One an item, in code order; items without a title are not asked about."""
        items = zip(train.items["token"].astype(str), train.items["title"], strict=True)
        about = factors(factors_file(self.factors, self.domain), "facts")
        return [item_facts_prompt(self.domain, token, title, about) for token, title in items if title]

    def read(self, train: TrainingData, run: StageRun) -> list[str]:
        """I texts, '' where an item has none."""
        texts: list[str] = pd.read_parquet(run.artifact(self) / FACTS)["text"].tolist()
        return texts

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Write `facts.parquet`. Raises `BenchError` where no item has a title or none of the requests succeeds."""
        prompts = self.prompts(train)
        if not prompts:
            raise BenchError("stage 'item-facts': no item of the data set has a title to ask about")
        texts = ask_all(run, self.writer, prompts, self.name, "these items have no facts")
        told = {prompt.items[0]: text for prompt, text in zip(prompts, texts, strict=True)}
        tokens = train.items["token"].astype(str)
        facts = pd.DataFrame({"token": tokens, "text": [told.get(token, "") for token in tokens]})
        facts.to_parquet(out / FACTS, index=False)
