"""Groups of test queries: by activity, by the target's popularity, by what is known of the user, by the clock."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmrec_bench.data.splits import Split
from llmrec_bench.errors import BenchError
from llmrec_bench.plan import PreparedData
from llmrec_bench.suite_tables import Slice

Rows = npt.NDArray[np.int64]
"""int64: rows of the test queries, ascending."""

ACTIVITY_GROUPS = 5
_HISTORY_FROM = (0, 6, 11, 21, 51)
"""The smallest history of each group."""


@dataclass(frozen=True, eq=False)
class Group:
    """Some of the test queries."""

    label: str
    """Behind a metric, as in `NDCG@10 tail`."""
    says: str
    """Which those are: `120 users with 3 to 5 training interactions`."""
    rows: Rows


def slice_queries(data: PreparedData, by: Slice) -> list[Group]:
    """The groups of a data set's test queries, none of them empty. Together they hold each query at most once:
    `popularity` and `cold` leave out a query whose targets belong to different groups.

    Raises `BenchError` where the groups need times and the data set has none.
    """
    return [group for group in _SLICES[by](data) if len(group.rows)]


def activity_groups(lengths: npt.NDArray[np.int64], groups: int) -> list[Rows]:
    """Places in `lengths` (B,), the training interactions of users in code order, cut into groups from the shortest on.

    Users of equal length stay in code order, also across a cut; sizes differ by one at most, the larger ones first.
    """
    return np.array_split(np.argsort(lengths, kind="stable"), groups)


def _activity(data: PreparedData) -> list[Group]:
    lengths = data.split.train.lengths[data.split.test.users]
    found = []
    for number, rows in enumerate(activity_groups(lengths, ACTIVITY_GROUPS), 1):
        held = _ends(lengths[rows])
        found.append(Group(f"G{number}", f"{len(rows):,} users with {held} training interactions", np.sort(rows)))
    return found


def _popularity(data: PreparedData) -> list[Group]:
    """Items from the most to the least popular, cut where a third and two thirds of the training interactions lie
    before; an item on a cut belongs to the more popular side."""
    counts = data.split.train.item_counts(data.dataset.n_items)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    part = np.empty(len(counts), dtype=np.int64)
    part[order] = np.minimum(before * 3 // max(1, int(counts.sum())), 2)
    found = []
    for number, label in enumerate(("head", "middle", "tail")):
        rows = _all_targets_in(data.split, part == number)
        held = _ends(counts[part == number])
        items = int((part == number).sum())
        says = f"{len(rows):,} users whose target is among the {items:,} items with {held} training users"
        found.append(Group(label, says, rows))
    return found


def _cold(data: PreparedData) -> list[Group]:
    counts = data.split.train.item_counts(data.dataset.n_items)
    cold, known = (_all_targets_in(data.split, held) for held in (counts == 0, counts > 0))
    return [
        Group("cold", f"{len(cold):,} users whose target nobody has in training", cold),
        Group("known", f"{len(known):,} users whose target somebody has", known),
    ]


def _history(data: PreparedData) -> list[Group]:
    lengths = data.split.test.histories.lengths
    place = np.searchsorted(_HISTORY_FROM, lengths, side="right") - 1
    found = []
    for number, start in enumerate(_HISTORY_FROM):
        last = number + 1 == len(_HISTORY_FROM)
        label = f"{start}+" if last else f"{start}-{_HISTORY_FROM[number + 1] - 1}"
        rows = np.flatnonzero(place == number)
        found.append(Group(label, f"{len(rows):,} users with {label} items before the target", rows))
    return found


def _shared_time(data: PreparedData) -> list[Group]:
    """Where the last known event and the first target have one time, their order is the file's, not the user's."""
    test, targets = data.split.test, data.split.test_targets
    if targets.times is None or test.histories.times is None:
        raise BenchError(f"slice shared-time: data set '{data.dataset.name}' has no times; take another slice")
    with_both = np.flatnonzero((test.histories.lengths > 0) & (targets.lengths > 0))
    last = test.histories.times[test.histories.offsets[with_both + 1] - 1]
    shared = last == targets.times[targets.offsets[with_both]]
    one, other = with_both[shared], with_both[~shared]
    return [
        Group("shared", f"{len(one):,} users whose target has the time of the event before it", one),
        Group("distinct", f"{len(other):,} users whose target is later", other),
    ]


def _all_targets_in(split: Split, held: npt.NDArray[np.bool_]) -> Rows:
    """Rows of the queries that have targets, all of them among the items that `held`, bool (I,), marks."""
    targets = split.test_targets
    inside = np.bincount(targets.rows()[held[targets.items]], minlength=len(targets))
    return np.flatnonzero((inside == targets.lengths) & (inside > 0))


def _ends(counts: npt.NDArray[np.int64]) -> str:
    """`3 to 5`, `3` or `0`."""
    return " to ".join(dict.fromkeys(f"{end:,}" for end in (counts.min(), counts.max()))) if len(counts) else "no"


_SLICES: dict[Slice, Callable[[PreparedData], list[Group]]] = {
    "activity": _activity,
    "popularity": _popularity,
    "cold": _cold,
    "history": _history,
    "shared-time": _shared_time,
}
