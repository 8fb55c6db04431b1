"""The kit's own data set: small enough that every method fits in a blink, crooked enough to trip a careless one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from llmrec_bench.data.dataset import Dataset, Preparation, load_dataset
from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.data.source import DataSource, Log
from llmrec_bench.data.splits import LeaveOneOut, Split, split
from llmrec_bench.data.training import Queries, TrainingData
from llmrec_bench.metrics.rankings import Popularity
from llmrec_bench.plan import PreparedData

N_USERS = 40
"""Two of them have too few events to be asked about."""
N_ITEMS = 30
"""Four of them occur as test targets only."""
_COLD = 4
_KINDS = ("lamp", "chair", "kettle", "rope", "drum")
_COLOURS = ("red", "green", "blue", "grey", "white", "black")
_OPINIONS = ("I like {} things, and this one holds.", "Too {} for my taste.", "{}!", "", " ")
"""Of reviews: the last two are blank."""
_SECONDS_PER_DAY = 86_400


class TinyData(DataSource):
    """Forty users and thirty items with titles, categories, times and reviews, of which some are blank; users come back
    to items, and some events of a user share their time."""

    name = "tiny"
    reference = "Made by this project. MIT, as the code."
    simulated = True

    seed: int = 0
    """Draws everything."""
    swapped: bool = False
    """Whether the last events of the users are dealt out anew among them: what a method may see stays the same."""

    def read(self) -> Log:
        rng = np.random.default_rng(self.seed)
        lengths = np.array([1, 2, *rng.integers(3, 13, N_USERS - 2)])
        users = np.repeat(np.arange(N_USERS), lengths)
        items = rng.integers(0, N_ITEMS - _COLD, len(users))
        ends = np.cumsum(lengths)[2:] - 1
        items[ends[:_COLD]] = np.arange(N_ITEMS - _COLD, N_ITEMS)
        items[:_COLD] = np.arange(_COLD)
        days = np.concatenate([np.sort(rng.integers(0, 20, length)) for length in lengths])
        if self.swapped:
            # One place on, so that every user has another target wherever the next one's differs.
            items[ends] = np.roll(items[ends], 1)
        tokens = np.array([f"i{code:02}" for code in range(N_ITEMS)])
        events = pd.DataFrame({"user": [f"u{user:02}" for user in users], "item": tokens[items]})
        events["time"] = days.astype(np.int64) * _SECONDS_PER_DAY
        opinions = rng.integers(0, len(_OPINIONS), len(users))
        events["review"] = [_OPINIONS[o].format(_COLOURS[i % 6]) for o, i in zip(opinions, items, strict=True)]
        events["feature"] = [
            _COLOURS[i % 6] if _OPINIONS[o].strip() else "" for o, i in zip(opinions, items, strict=True)
        ]
        titles = [f"{_COLOURS[code % 6]} {_KINDS[code // 6]} {code}" for code in range(N_ITEMS - 1)]
        categories = [_KINDS[code // 6] for code in range(N_ITEMS)]
        texts = pd.DataFrame({"title": [*titles, ""], "category": categories}, index=pd.Index(tokens))
        return Log(events=events, items=texts)


@dataclass(frozen=True)
class TinySplit:
    """The tiny data set under the harness's own split, made anew for each check: a plugin may spoil what it gets."""

    source: TinyData
    dataset: Dataset
    split: Split
    training: TrainingData
    queries: Queries
    """B = 38: each with 12 candidates in a shuffled order, a few with less."""
    popularity: Popularity

    @property
    def whole_catalogue(self) -> Queries:
        """The same queries without candidates."""
        return replace(self.queries, candidates=None)


def tiny_split(source: TinyData | None = None) -> TinySplit:
    """The tiny data, split by leave-one-out."""
    source = TinyData() if source is None else source
    dataset = load_dataset("tiny", source, Preparation())
    parts = split(dataset.sequences, LeaveOneOut())
    prepared = PreparedData(dataset, parts)
    training = prepared.training(parts.validation, parts.validation_targets)
    rng = np.random.default_rng(1)
    candidates = np.stack([rng.permutation(dataset.n_items)[:12] for _ in range(len(parts.test))]).astype(np.int32)
    candidates[::7, 8:] = PAD
    queries = replace(parts.test, candidates=candidates)
    popularity = Popularity(parts.train.item_counts(dataset.n_items), int(np.count_nonzero(parts.train.lengths)))
    return TinySplit(source, dataset, parts, training, queries, popularity)


def rows_of(rows: Sequence[Sequence[int]], time: int | None) -> Sequences:
    """Sequences of the given rows, all at one time."""
    lengths = [len(row) for row in rows]
    times = None if time is None else np.full(sum(lengths), time, dtype=np.int64)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return Sequences(offsets, np.array([item for row in rows for item in row], dtype=np.int32), times)
