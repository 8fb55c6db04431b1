"""A plugin with four users who review what they buy, and a method that explains by a template."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench import DataSource, Log, Method, PairTextMetric, Queries, Run, Scores, TrainingData, hookimpl

SOLD = {
    "ann": [("i4", "fine", ""), ("i2", "lasts all day", "battery life"), ("i3", "", "")],
    "bob": [("i1", "lasts all day", "battery life"), ("i3", "so red", "Lamp"), ("i4", "", "")],
    "cy": [("i4", "", ""), ("i1", "it lasts", "battery life"), ("i2", "", "")],
    "di": [("i2", "charge it rarely", "battery life"), ("i3", "shines", "lamp"), ("i1", "", "")],
}
"""By user, oldest first: item, review and its feature; the last is for validation."""
TESTED = {
    "ann": ("i1", "battery life is short", "battery life"),
    "bob": ("i2", "the screen is great", "screen"),
    "cy": ("i3", "a red lamp", "Lamp"),
    "di": ("i4", "works fine", ""),
}


class Booth(DataSource):
    """Four users and four items."""

    name = "booth"
    reference = "Made for these tests; MIT."
    simulated = True

    silent: bool = False
    """Nobody reviews anything."""

    def read(self) -> Log:
        rows = [(user, *sale) for user in SOLD for sale in [*SOLD[user], TESTED[user]]]
        events = pd.DataFrame(rows, columns=["user", "item", "review", "feature"])
        titles = pd.DataFrame({"title": ["One", "Two", "Three", "Four"]}, index=["i1", "i2", "i3", "i4"])
        return Log(events[["user", "item"]] if self.silent else events, titles)


class Template(Method):
    """Scores by popularity, and explains with the feature of an item's first training review."""

    name = "template"
    version = "1"

    class Config(Method.Config):
        """What to say, and what goes wrong."""

        word: str = "great"
        """Praise."""
        fate: Literal["well", "mute", "short", "numbers", "one-text", "raise", "surrogate", "set"] = "well"
        """What `explain` returns."""

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        self.counts = train.item_counts().astype(np.float32)
        self.asked = False
        named = pd.DataFrame({"item": [], "feature": []}) if train.reviews is None else train.reviews
        first = named[named["feature"] != ""].drop_duplicates("item")
        self.features: dict[int, str] = dict(zip(first["item"], first["feature"], strict=True))

    def score(self, queries: Queries) -> Scores:
        assert not self.asked  # explanations come last
        if queries.candidates is None:
            return np.tile(self.counts, (len(queries), 1))
        return self.counts[queries.candidates]

    def explain(self, users: npt.NDArray[np.int32], items: npt.NDArray[np.int32]) -> Any:
        assert users.dtype == items.dtype == np.int32
        assert users.shape == items.shape
        self.asked = True
        texts = [f"the {self.features[i]} is {self.config.word}" if i in self.features else "" for i in items.tolist()]
        match self.config.fate:
            case "mute":
                return None
            case "short":
                return texts[:-1]
            case "numbers":
                return [*texts[:-1], 7]
            case "one-text":
                return "fine"
            case "raise":
                raise RuntimeError("lost for words")
            case "surrogate":
                return ["\ud800", *texts[1:]]
            case "set":
                return {f"{place} {text}" for place, text in enumerate(texts)}
        return texts


class Length(PairTextMetric):
    """Words of a text."""

    name = "Length"
    direction = "neither"
    bounds = (0.0, float("inf"))
    formula = "|t_p|"
    source = "these tests"

    def per_pair(self, pairs: Any) -> npt.NDArray[np.float64]:
        return np.array([len(text.split()) for text in pairs.texts], dtype=np.float64)


@hookimpl
def register_datasets() -> list[type[DataSource]]:
    return [Booth]


@hookimpl
def register_methods() -> list[type[Method]]:
    return [Template]


@hookimpl
def register_metrics() -> list[type[PairTextMetric]]:
    return [Length]
