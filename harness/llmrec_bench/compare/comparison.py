"""What the comparison of two runs holds, whatever prints it. A and B are the two runs, in the order given."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["tested", "mixed", "unmeasured", "unfinished", "undefined"]


@dataclass(frozen=True)
class MetricDifference:
    """One metric of one method on one data set, B minus A."""

    dataset: str
    method: str
    metric: str
    simulated: bool
    """The data are made, or a simulated language model is behind the method, in A or in B."""
    status: Status
    """`mixed`: of another protocol, other data or other candidates, and so not tested; `unmeasured`: one run lacks the
    metric; `unfinished`: no seed is finished in both; `undefined`: no user has a value in both."""
    seeds: tuple[int, ...]
    """Those that both have."""
    first: float | None = None
    """A's mean over these seeds and over the users that count."""
    second: float | None = None
    """B's."""
    mean: float | None = None
    low: float | None = None
    """The lower end of the 95 % interval."""
    high: float | None = None
    p: float | None = None
    """Of the two-sided t-test paired by user."""
    p_corrected: float | None = None
    effect_size: float | None = None
    """Cohen's d_z; None where all users differ by the same amount."""
    users: int = 0
    left_out: int = 0
    """Users without a value in one of the two."""


@dataclass(frozen=True)
class FlippedUser:
    """A user whom one run serves and the other does not."""

    user: str
    first: float
    """A's hit rate for this user, averaged over seeds."""
    second: float
    history: tuple[str, ...] | None
    """The latest titles, oldest first; None where the data cannot be read."""
    earlier: int
    """How many came before these."""
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Flips:
    """How many users of a method are found by one run only."""

    dataset: str
    method: str
    metric: str
    """The hit rate at the largest cut-off that both have."""
    simulated: bool
    gained: int
    """Averaged over seeds below one half in A and above it in B."""
    lost: int
    """The other way round."""
    users_gained: tuple[FlippedUser, ...]
    """The first few, in the order of the data set."""
    users_lost: tuple[FlippedUser, ...]


@dataclass(frozen=True)
class Change:
    """Something that A and B have otherwise."""

    subject: str
    """A method or a data set with where it stands; empty for the whole run."""
    what: str
    first: str
    second: str


@dataclass(frozen=True)
class Cost:
    """What one method took, the mean over the seeds that both have; None where a record does not tell."""

    dataset: str
    method: str
    first_fit_seconds: float | None
    second_fit_seconds: float | None
    first_ranking_seconds: float | None
    second_ranking_seconds: float | None
    first_peak_bytes: int | None
    second_peak_bytes: int | None
    """The largest of any seed."""


@dataclass(frozen=True)
class RunComparison:
    """Two runs side by side."""

    first: str
    """A's folder."""
    second: str
    differences: tuple[MetricDifference, ...]
    family: int
    """How many tests there are, those not shown or not possible included."""
    flips: tuple[Flips, ...]
    methods: tuple[Change, ...]
    """Options, versions and stages of methods."""
    conditions: tuple[Change, ...]
    """Protocol, data and candidates."""
    provenance: tuple[Change, ...]
    costs: tuple[Cost, ...]
    only_first: tuple[str, ...]
    """Methods and seeds that B lacks."""
    only_second: tuple[str, ...]
    notes: tuple[str, ...]
