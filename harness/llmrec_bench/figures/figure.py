"""What a figure holds, whatever prints it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from llmrec_bench.tables.table import Cell, CellStatus


@dataclass(frozen=True)
class Part:
    """A group of users or a bin of items."""

    label: str
    """`G1`, the group of the least active users, or `B1`, the bin of the most popular items, and so on."""
    size: int
    """Users or items."""
    least: int | None
    """The smallest number of training interactions of any of them; None in an empty part."""
    most: int | None
    """The largest."""

    @classmethod
    def of(cls, label: str, counts: npt.NDArray[np.int64]) -> "Part":
        """From the training interactions of its users or items."""
        least, most = (int(counts.min()), int(counts.max())) if len(counts) else (None, None)
        return cls(label, len(counts), least, most)

    def describe(self, members: str) -> str:
        """`G1: 12 users with 1 to 3`."""
        ends = list(dict.fromkeys(f"{end:,}" for end in (self.least, self.most) if end is not None))
        return f"{self.label}: {self.size:,} {members}" + (f" with {' to '.join(ends)}" if ends else "")


@dataclass(frozen=True)
class Line:
    """One method."""

    method: str
    cells: tuple[Cell, ...]
    """One for each part."""
    simulated: bool
    """A simulated language model wrote some of what its numbers rest on."""


@dataclass(frozen=True)
class Curves:
    """A number of each method for each part of one data set's users or items."""

    name: str
    title: str
    kind: str
    dataset: str
    simulated: bool
    measured: str
    """What the cells are, as `NDCG@10`."""
    parts: tuple[Part, ...]
    lines: tuple[Line, ...]
    training: tuple[float, ...] | None
    """The same of the training data, by part; None where that says nothing."""
    seeds: tuple[int, ...]
    protocol_hash: str
    fingerprint: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ShownList:
    """What one method would have shown a user."""

    method: str
    simulated: bool
    titles: tuple[str, ...] | None
    """The first few, best first; None where the trial is not finished."""
    place: int | None
    """Of the target, from 1; None where it is not among the places that are searched."""


@dataclass(frozen=True)
class StageText:
    """What a stage wrote about a user."""

    stage: str
    """Name, and the first six digits of its key."""
    methods: tuple[str, ...]
    """Those that use the stage."""
    simulated: bool
    text: str | None
    """None where the artifact is not kept any more; '' where it says nothing about the user."""


@dataclass(frozen=True)
class Case:
    """One user. All texts are one line, without control characters."""

    user: str
    history: tuple[str, ...]
    """Titles of the latest items before the target, oldest first."""
    earlier: int
    """How many items came before those."""
    targets: tuple[str, ...]
    lists: tuple[ShownList, ...]
    texts: tuple[StageText, ...]


@dataclass(frozen=True)
class Cases:
    """Users of one data set for whom the last method finds what the first one misses."""

    name: str
    title: str
    kind: str
    dataset: str
    simulated: bool
    cutoff: int
    gained: int | None
    """How many users there are whom only the last method serves; None where nothing can be compared."""
    lost: int | None
    """How many whom only the first one serves."""
    cases: tuple[Case, ...]
    seeds: tuple[int, ...]
    protocol_hash: str
    fingerprint: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """One method minus another."""

    first: str
    second: str
    simulated: tuple[str, ...]
    """Which of the two rest on what a simulated language model wrote."""
    status: CellStatus
    """`complete`: over every seed; `partial`: over those that both have finished; `failed`, `missing`, `unmeasured`:
    they have no seed in common, and why; `undefined`: no user has a value in both."""
    mean: float | None = None
    """Over users, of the difference of their values, averaged over seeds."""
    low: float | None = None
    """Of the 95 % interval of the mean, over users."""
    high: float | None = None
    p: float | None = None
    """Of the two-sided t-test, paired by user."""
    p_corrected: float | None = None
    """Over the family of the figure, by Holm."""
    effect_size: float | None = None
    """Cohen's d_z; None also where every user differs by the same amount, which leaves no spread to compare it with."""
    users: int = 0
    """Those with a value in both, at every seed counted."""
    left_out: int = 0
    """The others."""
    by_seed: dict[int, float] = field(default_factory=dict)
    """The mean over the same users at each seed counted."""
    agreeing: int = 0
    """How many of these have the sign of the mean."""


@dataclass(frozen=True)
class Differences:
    """What methods gain over others on one data set, tested."""

    name: str
    title: str
    kind: str
    dataset: str
    simulated: bool
    measured: str
    """What is compared, as `NDCG@10`."""
    rows: tuple[Difference, ...]
    family: int
    """How many tests the figure has on all its data sets; they were corrected together."""
    seeds: tuple[int, ...]
    protocol_hash: str
    fingerprint: str
    notes: tuple[str, ...]


Figure = Curves | Cases | Differences
