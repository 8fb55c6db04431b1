"""What a language model knows of each item, from the title alone."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd

from llmrec_bench import BenchError, LanguageModel, LanguageModelOptions, Prompt, Stage, StageRun, TrainingData
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

    def identity(self) -> dict[str, object]:
        """With the hash of the wording that the domain chooses."""
        return {**super().identity(), "wording": wording("item-facts", self.domain).hash}

    def language_model(self) -> LanguageModel.Config:
        """The writer."""
        return self.writer

    def prompts(self, train: TrainingData) -> Sequence[Prompt]:
        """One an item, in code order; items without a title are not asked about."""
        items = zip(train.items["token"].astype(str), train.items["title"], strict=True)
        return [item_facts_prompt(self.domain, token, title) for token, title in items if title]

    def read(self, train: TrainingData, run: StageRun) -> list[str]:
        """I texts, '' where an item has none."""
        texts: list[str] = pd.read_parquet(run.artifact(self) / FACTS)["text"].tolist()
        return texts

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Write `facts.parquet`. Raises `BenchError` where no item has a title or none of the requests succeeds."""
        prompts = self.prompts(train)
        if not prompts:
            raise BenchError("stage 'item-facts': no item of the data set has a title to ask about")
        completions = run.llm(self.writer).complete(prompts)
        failed = [completion for completion in completions if completion.failed]
        if len(failed) == len(completions):
            raise BenchError(f"stage 'item-facts': all {len(failed):,} requests failed; the first: {failed[0].error}")
        for reason, count in Counter(completion.error for completion in failed).most_common():
            run.log(f"{count:,} of {len(completions):,} requests failed, these items have no facts: {reason}")
        refused = sum(completion.finish_reason == "refused" for completion in completions)
        if refused:
            run.log(f"{refused:,} of {len(completions):,} requests were refused, these items have no facts")
        told = {
            prompt.items[0]: completion.text.strip()
            for prompt, completion in zip(prompts, completions, strict=True)
            if completion.finish_reason not in ("failed", "refused")
        }
        tokens = train.items["token"].astype(str)
        facts = pd.DataFrame({"token": tokens, "text": [told.get(token, "") for token in tokens]})
        facts.to_parquet(out / FACTS, index=False)
