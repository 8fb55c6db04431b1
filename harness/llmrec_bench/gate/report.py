"""What a gate found, whatever prints it."""

from dataclasses import dataclass
from typing import Literal

from llmrec_bench.suite import ProtocolUse

Verdict = Literal["worse", "better", "small", "unclear", "none", "untested", "shown"]


@dataclass(frozen=True)
class Comparison:
    """One metric of one method on one data set, now and in the baseline."""

    dataset: str
    method: str
    metric: str
    simulated: bool
    """The data are made, or a simulated language model is behind the method, now or then."""
    verdict: Verdict
    """`worse`, `better`: significant, and larger than the minimum effect; `small`: significant, and no larger;
    `unclear`: larger, and not significant; `none`: neither; `untested`: too few users or seeds for a test; `shown`:
    the metric has no better direction, and does not gate. The last two have no interval and no p."""
    baseline: float | None
    """Mean over seeds; None where undefined."""
    baseline_std: float | None
    now: float | None
    now_std: float | None
    difference: float | None
    """Now minus baseline, over those that have both values."""
    low: float | None
    """The lower end of the difference's 95 % interval."""
    high: float | None
    p: float | None
    p_corrected: float | None
    effect_size: float | None
    """Cohen's d_z; None where all differ by the same amount."""
    unit: Literal["users", "seeds"]
    """What is paired: seeds where the metric has no value for a single user."""
    units: int
    left_out: int
    """Of these units, without a value in one of the two."""
    minimum: float
    """The minimum effect, in the metric's unit."""
    detectable: float | None
    """The true difference that such a test is likely to find; None where the differences have no spread."""
    same: bool
    """Every value is as it was."""


@dataclass(frozen=True)
class Gap:
    """Something of the baseline that there is nothing to compare with."""

    dataset: str
    method: str
    """Empty where all methods are meant."""
    metric: str
    """Empty where all metrics are meant."""
    reason: str


@dataclass(frozen=True)
class Gate:
    """A suite held against its baseline."""

    suite: str
    profile: str | None
    seeds: tuple[int, ...]
    """Those compared: the baseline's."""
    protocols: tuple[ProtocolUse, ...]
    """Those of the suite."""
    min_effect: str
    family: int
    """How many tests the baseline asks for, those that could not be made included."""
    comparisons: tuple[Comparison, ...]
    gaps: tuple[Gap, ...]
    changed: tuple[str, ...]
    """Methods of another version or with other options than in the baseline; no reason not to compare."""
    new: tuple[str, ...]
    """What the baseline does not have, and so is not held against anything."""
    not_asked: int
    """Methods of the baseline, by data set, that were left out on request."""

    def of(self, *verdicts: Verdict) -> list[Comparison]:
        """The comparisons that came out so."""
        return [found for found in self.comparisons if found.verdict in verdicts]

    @property
    def same(self) -> int:
        """How many comparisons found every value as it was."""
        return sum(found.same for found in self.comparisons)

    @property
    def exit_status(self) -> int:
        """1 where something is worse, else 2 where something was not measured, else 0."""
        return 1 if self.of("worse") else 2 if self.gaps else 0
