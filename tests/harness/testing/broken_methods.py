"""Methods that break a promise each. `breaks` names the check that has to notice."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import ConfigDict

from llmrec_bench import Method, Queries, Run, Scores, TrainingData


class Sound(Method):
    """Score every item by its training users."""

    name = "sound"
    version = "1"
    breaks: ClassVar[str] = ""

    class Config(Method.Config):
        """No options."""

    def fit(self, train: TrainingData, run: Run) -> None:
        self.counts = train.item_counts().astype(np.float32)

    def score(self, queries: Queries) -> Scores:
        if queries.candidates is None:
            return np.tile(self.counts, (len(queries), 1))
        return self.counts[queries.candidates]


class Undocumented(Sound):
    """Has an option that nobody explains."""

    breaks = "options-documented"

    class Config(Method.Config):
        width: int = 3


class Unserial(Sound):
    """Has an option that JSON makes a list of."""

    breaks = "options-round-trip"

    class Config(Method.Config):
        chosen: Any = frozenset({1})
        """A set."""


class Lax(Sound):
    """Takes any option."""

    breaks = "unknown-options"

    class Config(Method.Config):
        model_config = ConfigDict(extra="allow")


class Doubled(Sound):
    """Returns double precision."""

    breaks = "shape-and-dtype"

    def score(self, queries: Queries) -> Scores:
        return super().score(queries).astype(np.float64)


class Listed(Sound):
    """Returns a list."""

    breaks = "shape-and-dtype"

    def score(self, queries: Queries) -> Any:
        return super().score(queries).tolist()


class Flat(Sound):
    """Returns the same row for everybody, once."""

    breaks = "shape-and-dtype"

    def score(self, queries: Queries) -> Scores:
        return super().score(queries)[:1]


class Infinite(Sound):
    """Says -inf for what it does not score."""

    breaks = "shape-and-dtype"

    def score(self, queries: Queries) -> Scores:
        scores = super().score(queries).copy()
        scores[:, ::2] = -np.inf
        return scores


class Moody(Sound):
    """Draws without a seed."""

    breaks = "same-seed"

    def fit(self, train: TrainingData, run: Run) -> None:
        self.counts = np.random.default_rng().random(train.n_items, dtype=np.float32)


class Hoarder(Sound):
    """Adds to what earlier fits left."""

    breaks = "refit-forgets"
    counts: Any = 0

    def fit(self, train: TrainingData, run: Run) -> None:
        self.counts = self.counts + train.item_counts().astype(np.float32)


class Standardised(Sound):
    """Divides by the spread over the block."""

    breaks = "batch-size"

    def score(self, queries: Queries) -> Scores:
        scores = super().score(queries)
        lengths = queries.histories.lengths[:, None]
        return (scores * (lengths / lengths.mean() if len(lengths) else 1)).astype(np.float32)


class Queued(Sound):
    """Serves the first best."""

    breaks = "query-order"

    def score(self, queries: Queries) -> Scores:
        return super().score(queries) - np.arange(len(queries), dtype=np.float32)[:, None]


class Echo(Sound):
    """Prefers what stands first."""

    breaks = "candidate-order"

    def score(self, queries: Queries) -> Scores:
        scores = super().score(queries)
        return scores - np.arange(scores.shape[1], dtype=np.float32) / 10


class Presumptuous(Sound):
    """Takes it that everybody has a last item."""

    breaks = "strangers"

    def score(self, queries: Queries) -> Scores:
        last = queries.histories.items[queries.histories.offsets[1:] - 1]
        return super().score(queries) + (last[:, None] % 2).astype(np.float32)


class Tidy(Sound):
    """Sorts the training items where they stand."""

    breaks = "data-untouched"

    def fit(self, train: TrainingData, run: Run) -> None:
        train.sequences.items.sort()
        super().fit(train, run)


class Scribbler(Sound):
    """Fills in titles."""

    breaks = "data-untouched"

    def fit(self, train: TrainingData, run: Run) -> None:
        train.items.loc[train.items["title"] == "", "title"] = "untitled"
        super().fit(train, run)


class Seeder(Sound):
    """Seeds numpy for the whole process."""

    breaks = "random-state"

    def fit(self, train: TrainingData, run: Run) -> None:
        np.random.seed(run.seed)
        super().fit(train, run)


class Spy(Sound):
    """Looks up the stack for the answers."""

    breaks = "label-firewall"

    def score(self, queries: Queries) -> Scores:
        scores = super().score(queries).copy()
        frame = sys._getframe()
        while frame is not None and "targets" not in frame.f_locals:
            frame = frame.f_back
        if frame is not None:
            scores[np.arange(len(queries)), frame.f_locals["targets"].items[: len(queries)]] += 100
        return scores


def _make_homeless() -> type[Method]:
    class Homeless(Sound):
        """Stands where no other process finds it."""

        breaks = "another-process"

    return Homeless


Homeless = _make_homeless()


class HalfKept(Sound):
    """Keeps its counts in a file, and trusts whatever file is there."""

    breaks = "interrupted-fit"

    def fit(self, train: TrainingData, run: Run) -> None:
        kept = Path("counts.npy")
        if not kept.exists():
            with kept.open("wb") as file:
                counts = train.item_counts()
                np.save(file, counts)
        self.counts = np.load(kept).astype(np.float32)


class Speechless(Sound):
    """Comes through fit and score, and fails where it is asked for remarks."""

    breaks = "smoke-run"

    @property
    def remarks(self) -> Sequence[str]:
        raise RuntimeError("nothing to say")


class Renamed(Sound):
    """Has other options than `method_options.json` says of its version."""

    name = "renamed"
    breaks = "version-raised"

    class Config(Method.Config):
        width: int = 3
        """Once called breadth."""


class SoundTeller(Sound):
    """Explains with what everybody said of an item."""

    breaks: ClassVar[str] = ""

    def explain(self, users: Any, items: Any) -> Any:
        return [f"{int(self.counts[item])} others have it" for item in items]


class Breathless(SoundTeller):
    """Leaves the last pair without a text."""

    breaks = "explanations"

    def explain(self, users: Any, items: Any) -> Any:
        return super().explain(users, items)[:-1]


class Fickle(SoundTeller):
    """Says another thing after every fit."""

    breaks = "explanations"
    fits: ClassVar[int] = 0

    def fit(self, train: TrainingData, run: Run) -> None:
        super().fit(train, run)
        Fickle.fits += 1

    def explain(self, users: Any, items: Any) -> Any:
        return [f"{self.fits} reasons"] * len(items)


class Eavesdropper(SoundTeller):
    """Tells what else is asked about."""

    breaks = "explanations-apart"

    def explain(self, users: Any, items: Any) -> Any:
        return [f"{(items == item).sum()} others are asked about" for item in items]
