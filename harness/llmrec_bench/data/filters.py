"""Filters over a log, applied in the order the suite gives them; the funnel keeps what each one left."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from llmrec_bench.config import Config


@dataclass(frozen=True)
class Events:
    """Interactions as columns, sorted by user and time; equal times keep the order of the file."""

    users: npt.NDArray[np.int32]
    """int32 (N,)"""
    items: npt.NDArray[np.int32]
    """int32 (N,)"""
    times: npt.NDArray[np.int64] | None
    """int64 (N,) seconds"""
    ratings: npt.NDArray[np.float32] | None
    """float32 (N,)"""
    reviews: pd.Series | None
    """N texts"""
    features: pd.Series | None = None
    """N texts: what of the item each review is about"""

    def __len__(self) -> int:
        return len(self.users)

    def keep(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Events":
        """The rows selected by a mask or by positions, in that order."""
        return replace(
            self,
            users=self.users[rows],
            items=self.items[rows],
            times=None if self.times is None else self.times[rows],
            ratings=None if self.ratings is None else self.ratings[rows],
            reviews=None if self.reviews is None else self.reviews[rows],
            features=None if self.features is None else self.features[rows],
        )


@dataclass(frozen=True)
class FunnelStep:
    """What was left after one step of preparation."""

    step: str
    users: int
    items: int
    interactions: int


class DropDuplicates(Config):
    """Keep one event of every (user, item) pair."""

    filter: Literal["drop-duplicates"]
    keep: Literal["first", "last"] = "first"
    """Which of a user's events with the same item stays."""

    def mask(self, events: Events, titled: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        pairs = events.users.astype(np.int64) * len(titled) + events.items
        if self.keep == "last":
            pairs = pairs[::-1]
        # A hash table, where np.unique would sort: the difference is tens of seconds at 10 million rows.
        mask = ~pd.Series(pairs).duplicated().to_numpy()
        return mask[::-1] if self.keep == "last" else mask


class KCore(Config):
    """Drop users and items with too few events."""

    filter: Literal["k-core"]
    users: int = Field(default=5, ge=1)
    """Fewest events a user must have."""
    items: int = Field(default=5, ge=1)
    """Fewest events an item must have."""
    mode: Literal["iterative", "one_pass"] = "iterative"
    """`iterative` repeats until nothing changes, a true k-core. `one_pass` counts once before dropping anything,
    as SASRec's preparation does, so that some users and items end below the limit."""

    def mask(self, events: Events, titled: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        mask = np.ones(len(events), dtype=bool)
        left = -1
        while left != (left := int(mask.sum())):
            user_counts = np.bincount(events.users[mask], minlength=int(events.users.max(initial=0)) + 1)
            item_counts = np.bincount(events.items[mask], minlength=len(titled))
            mask &= (user_counts[events.users] >= self.users) & (item_counts[events.items] >= self.items)
            if self.mode == "one_pass":
                break
        return mask


class TitledItems(Config):
    """Drop events with items that have no title."""

    filter: Literal["titled-items"]

    def mask(self, events: Events, titled: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        return titled[events.items]


class Latest(Config):
    """Keep the latest events of each user."""

    filter: Literal["latest"]
    n: int = Field(ge=1)
    """How many events a user keeps at most."""

    def mask(self, events: Events, titled: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        counts = np.bincount(events.users, minlength=1)
        from_end = np.cumsum(counts)[events.users] - np.arange(len(events))
        return from_end <= self.n


class SampleUsers(Config):
    """Keep a random sample of users with their whole histories."""

    filter: Literal["sample-users"]
    n: int = Field(ge=1)
    """How many users to keep; all of them where there are fewer."""
    seed: int = 0
    """Seed of Python's `random.Random(seed).sample` over the users left, in the order of their ids."""

    def mask(self, events: Events, titled: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        present = np.unique(events.users)
        chosen = random.Random(self.seed).sample(range(len(present)), min(self.n, len(present)))
        return np.isin(events.users, present[chosen])


class ActivityGroup(Config):
    """Keep one of several groups of users, from the least to the most active, with their whole histories."""

    filter: Literal["activity-group"]
    of: int = Field(ge=1)
    """How many groups: users sorted by their number of events, ties in the order of their ids, and cut into groups
    whose sizes differ by one at most, the larger ones first."""
    group: int = Field(ge=1)
    """Which one to keep, 1 for the least active."""

    @model_validator(mode="after")
    def _one_of_them(self) -> "ActivityGroup":
        if self.group > self.of:
            raise ValueError(f"group {self.group} should be from 1 to {self.of}")
        return self

    def mask(self, events: Events, titled: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        # As the figure `activity` cuts users by their training interactions.
        users, counts = np.unique(events.users, return_counts=True)
        group = np.array_split(np.argsort(counts, kind="stable"), self.of)[self.group - 1]
        return np.isin(events.users, users[group])


Filter = Annotated[
    DropDuplicates | KCore | TitledItems | Latest | SampleUsers | ActivityGroup, Field(discriminator="filter")
]
"""One entry under `filters:`; each has `mask(events, titled) -> bool (N,)`, the rows to keep, where `titled` is
bool (I,), the items that have a title."""


def apply_filters(
    events: Events, filters: Sequence[Filter], titled: npt.NDArray[np.bool_]
) -> tuple[Events, list[FunnelStep]]:
    """The events that pass every filter, and the funnel from `read` down."""
    funnel = [_count("read", events)]
    for entry in filters:
        events = events.keep(entry.mask(events, titled))
        options = entry.model_dump(exclude={"filter"})
        label = entry.filter + "".join(f" {key}={value}" for key, value in options.items())
        funnel.append(_count(label, events))
    return events, funnel


def _count(step: str, events: Events) -> FunnelStep:
    users = np.count_nonzero(np.bincount(events.users)) if len(events) else 0
    items = np.count_nonzero(np.bincount(events.items)) if len(events) else 0
    return FunnelStep(step, int(users), int(items), len(events))
