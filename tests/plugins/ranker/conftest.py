"""Language models that answer by a rule, and rankers fitted with them."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from llmrec_bench import Completion, LanguageModel, Prompt, Queries, Run, Sequences, TrainingData, Usage
from llmrec_bench.evaluate import rank
from llmrec_bench.metrics.accuracy import HR
from llmrec_bench.metrics.rankings import Popularity
from llmrec_bench.protocol import Protocol
from llmrec_bench_plugins.ranker.llm_ranker import LLMRanker


class Scripted(LanguageModel):
    """Answers by a rule, and keeps what it was asked."""

    name = "scripted"
    version = "1"
    asked: list[Prompt] = []  # noqa: RUF012 - of all instances; the fixture empties it

    class Config(LanguageModel.Config):
        provider: Literal["scripted"] = "scripted"
        model: str = "rule"
        says: str = "echo"
        """`echo`: the numbers in the prompt's order; `first N`: the first N of them; `sorts`: by the items' codes, the
        lowest first; `fails`; `refuses`; any other text is the answer."""

    config: Config

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        self.asked.extend(prompts)
        for i, prompt in enumerate(prompts):
            labels = re.findall(r"\[(\d+)\] ", prompt.messages[0].content)
            usage = Usage(10, 5)
            match self.config.says.split():
                case ["echo"]:
                    yield i, Completion(", ".join(labels), "stop", usage, 0.0)
                case ["first", n]:
                    yield i, Completion(", ".join(labels[: int(n)]), "stop", usage, 0.0)
                case ["sorts"]:
                    codes = [int(token[1:]) for token in prompt.items[-len(labels) :]]
                    order = sorted(range(len(labels)), key=codes.__getitem__)
                    yield i, Completion(", ".join(labels[place] for place in order), "stop", usage, 0.0)
                case ["fails"]:
                    yield i, Completion("", "failed", error="the server is on fire")
                case ["refuses"]:
                    yield i, Completion("No.", "refused", usage, 0.0)
                case _:
                    yield i, Completion(self.config.says, "stop", usage, 0.0)


@pytest.fixture
def scripted() -> type[LanguageModel]:
    return Scripted


@pytest.fixture
def asked() -> list[Prompt]:
    """The prompts that scripted models are asked from now on."""
    Scripted.asked.clear()
    return Scripted.asked


@pytest.fixture
def make_ranker(make_run: Callable[..., Run]) -> Callable[..., LLMRanker]:
    """`make_ranker(train, says, seed=0, **options)`: fitted, with a scripted model."""

    def make(train: TrainingData, says: str = "echo", seed: int = 0, **options: object) -> LLMRanker:
        ranker = LLMRanker(LLMRanker.Config(language_model=Scripted.Config(says=says), **options))
        ranker.fit(train, make_run(train, seed=seed, models=[Scripted]))
        return ranker

    return make


@pytest.fixture
def named(make_training: Callable[..., TrainingData]) -> Callable[..., TrainingData]:
    """`named(titles, rows=...)`: training data whose items have these titles."""

    def make(titles: Sequence[str], rows: Sequence[Sequence[int]] = ((0,),), **columns: Sequence[str]) -> TrainingData:
        train = make_training(rows, n_items=len(titles))
        items = pd.DataFrame({"token": train.items["token"], "title": titles, **columns})
        return TrainingData(train.sequences, items, train.validation, train.validation_targets, "named")

    return make


@pytest.fixture
def hit_rate() -> Callable[..., float]:
    """`hit_rate(ranker, queries, targets, k, n_items)` under the protocol's expected ties."""

    def measured(ranker: LLMRanker, queries: Queries, targets: Sequence[int], k: int, n_items: int) -> float:
        relevant = Sequences(np.arange(len(targets) + 1), np.array(targets, dtype=np.int32))
        popularity = Popularity(np.ones(n_items, dtype=np.int64), 1)
        found = rank(ranker.score, queries, relevant, Protocol(cutoffs=(k,)), popularity, 0, "llm-ranker")
        return HR().overall(found, k)

    return measured
