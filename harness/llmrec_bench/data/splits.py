"""Splits: which events are for training, which for validation, and which are held out for the test."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from llmrec_bench.config import Config
from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.training import Queries
from llmrec_bench.errors import BenchError

Counts = npt.NDArray[np.int64]
Share = Annotated[float, Field(ge=0, lt=1)]


class LeaveOneOut(Config):
    """Each user's last event is the test, the second last the validation, the rest is training."""

    kind: Literal["leave-one-out"] = "leave-one-out"
    """Users with fewer than 3 events are for training only."""

    def describe(self) -> str:
        """`leave-one-out`."""
        return self.kind


class _Shares(Config):
    train: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Share of the earliest events."""
    validation: Share = 0.1
    """Share of the events after the training ones; 0 holds out none."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the latest events."""

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, but is {total:g}")
        return self

    def _shares(self) -> str:
        return ":".join(f"{100 * share:g}" for share in (self.train, self.validation, self.test))


class Ratio(_Shares):
    """The latest share of each user's events is the test, the share before it the validation.

    Both shares are rounded down but hold at least one event, and training gets the rest, at least one event.
    Users with too few events for that (3; 2 without validation) are for training only.
    """

    kind: Literal["ratio"] = "ratio"
    """Share by share along each user's own events."""

    def describe(self) -> str:
        """`per-user ratio 80:10:10`."""
        return f"per-user ratio {self._shares()}"


class GlobalTime(_Shares):
    """Two moments cut the events of all users; a user is asked once about everything after the cut.

    Validation is what happens from the first cut to the second, the test what happens from the second on.
    Histories hold everything before their cut, so a user who comes later has an empty one.
    """

    kind: Literal["global-time"] = "global-time"
    """Needs a data set with times."""
    validation_from: int | None = None
    """First second of validation (Unix time); give it with `test_from`, instead of shares."""
    test_from: int | None = None
    """First second of the test (Unix time)."""

    @model_validator(mode="after")
    def _one_way_to_cut(self) -> Self:
        if self.validation_from is None and self.test_from is None:
            return self
        if self.validation_from is None or self.test_from is None:
            raise ValueError("validation_from and test_from go together")
        if self.validation_from > self.test_from:
            raise ValueError("validation_from must not be later than test_from")
        if self.model_fields_set & {"train", "validation", "test"}:
            raise ValueError("give either the shares or the moments, not both")
        return self

    def describe(self) -> str:
        """`global time 80:10:10`, or the two moments."""
        if self.test_from is None:
            return f"global time {self._shares()}"
        return f"global time, validation from {self.validation_from}, test from {self.test_from}"

    def cuts(self, times: npt.NDArray[np.int64]) -> tuple[int, int]:
        """First second of validation and of the test.

        A cut by shares is the time of the first event past the share; events of that very second come after it.
        """
        if self.validation_from is not None and self.test_from is not None:
            return self.validation_from, self.test_from
        first, second = (
            min(int(len(times) * share + 1e-9), len(times) - 1) for share in (self.train, self.train + self.validation)
        )
        ordered = np.partition(times, (first, second))
        return int(ordered[first]), int(ordered[second])


SplitRule = Annotated[LeaveOneOut | Ratio | GlobalTime, Field(discriminator="kind")]


@dataclass(frozen=True)
class Split:
    """Every event of a data set in one of three parts."""

    train: Sequences
    """U rows; a row is empty where all of a user's events are held out."""
    validation: Queries
    """One for each user with validation events, without candidates; histories are training events."""
    validation_targets: Sequences
    """One row per validation query."""
    test: Queries
    """One for each user with test events, without candidates; histories are training and validation events."""
    test_targets: Sequences
    """One row per test query. Stays in the harness."""


def split(sequences: Sequences, rule: LeaveOneOut | Ratio | GlobalTime) -> Split:
    """The events of U users (oldest first) in three parts, by position or by time.

    A query's cut time is that of its latest known event; under a global cut it is the last second before it.
    Raises `BenchError` where the rule needs times that are missing, or leaves no training or no test event.
    """
    if not len(sequences.items):
        raise BenchError("split: there is no event to split")
    if isinstance(rule, GlobalTime):
        if sequences.times is None:
            raise BenchError(
                "split: global-time needs a data set with times, and this one has none; use leave-one-out or ratio"
            )
        validation_from, test_from = rule.cuts(sequences.times)
        known = sequences.times < validation_from
        held_out = sequences.times >= test_from
        cuts: tuple[int | None, int | None] = (validation_from - 1, test_from - 1)
    else:
        validation_counts, test_counts = _held_out_counts(sequences.lengths, rule)
        to_end = np.repeat(sequences.offsets[1:], sequences.lengths) - np.arange(len(sequences.items))
        held_out = to_end <= np.repeat(test_counts, sequences.lengths)
        known = to_end > np.repeat(test_counts + validation_counts, sequences.lengths)
        cuts = (None, None)
    if not known.any() or not held_out.any():
        part = "training" if not known.any() else "test"
        longest = int(sequences.lengths.max(initial=0))
        raise BenchError(
            f"split: {rule.describe()} leaves no {part} event of {len(sequences.items):,} "
            f"by {len(sequences):,} users, the busiest with {longest}"
        )
    train = sequences.keep(known)
    validation, validation_targets = _queries(train, sequences.keep(~known & ~held_out), cuts[0])
    test, test_targets = _queries(sequences.keep(~held_out), sequences.keep(held_out), cuts[1])
    return Split(train, validation, validation_targets, test, test_targets)


def _held_out_counts(lengths: Counts, rule: LeaveOneOut | Ratio) -> tuple[Counts, Counts]:
    """int64 (U,) each: validation and test events of users by how many events they have."""
    if isinstance(rule, LeaveOneOut):
        both = (lengths >= 3).astype(np.int64)
        return both, both
    least = 1 if rule.validation else 0
    # The small number keeps 0.29 * 100 = 28.999... from losing an event.
    test = np.floor(lengths * rule.test + 1e-9).astype(np.int64).clip(1, np.maximum(lengths - 1 - least, 1))
    validation = np.floor(lengths * rule.validation + 1e-9).astype(np.int64)
    validation = np.minimum(np.maximum(validation, least), lengths - 1 - test)
    enough = lengths >= 2 + least
    return np.where(enough, validation, 0), np.where(enough, test, 0)


def _queries(known: Sequences, targets: Sequences, cut: int | None) -> tuple[Queries, Sequences]:
    """One query for every user with targets, and the targets in the same rows."""
    users = np.flatnonzero(targets.lengths)
    histories = known.take(users)
    cut_times: npt.NDArray[np.int64] | None = None
    if cut is not None:
        cut_times = np.full(len(users), cut, dtype=np.int64)
    elif histories.times is not None:
        # By position every query has at least one known event.
        cut_times = histories.times[histories.offsets[1:] - 1]
    return Queries(users.astype(np.int32), histories, cut_times, None), targets.take(users)
