"""What a table holds, whatever prints it."""

from dataclasses import dataclass
from typing import Literal

NEAR_CHANCE = "≈"
"""Stands behind a number that a random order of the candidates might have got."""

CellStatus = Literal["complete", "partial", "failed", "missing", "unmeasured", "undefined", "published"]
Direction = Literal["higher", "lower", "neither"]
Mark = Literal["best", "second"]


@dataclass(frozen=True)
class Change:
    """A cell minus that of the baseline."""

    mean: float | None
    """Over users, of the difference of their values, averaged over the seeds that both have; over these seeds where
    the metric has no value for a user or the test is over seeds. None where nobody has both."""
    low: float | None
    """Of the 95 % interval of the mean; None where there is too little to tell, as are the next four."""
    high: float | None
    p: float | None
    """Two-sided."""
    p_corrected: float | None
    """Over the tests of the whole table."""
    effect_size: float | None
    """Cohen's d_z: the mean by the standard deviation of the differences."""
    relative: float | None
    """The mean by that of the baseline; None where that is 0."""
    users: int
    seeds: int
    """How many of each it rests on."""
    spread: float | None
    """Standard deviation of the users' differences."""
    variance_users: float | None
    """Of the differences by user and seed, what lies between users; None with fewer than two users or seeds, as are the
    next two (`llmrec_bench.stats.VarianceSplit`)."""
    variance_seeds: float | None
    variance_residual: float | None


@dataclass(frozen=True)
class Cell:
    """One number over seeds, or the reason why there is none."""

    status: CellStatus
    """`complete`: every seed; `partial`: some seeds failed or are missing, the mean is over the others;
    `failed`, `missing`: no seed; `unmeasured`: run before the suite asked for this metric; `undefined`: the metric has
    no value here; `published`: of a row that has published numbers and none of ours."""
    mean: float | None
    std: float | None
    """Sample standard deviation over seeds (n - 1); None with fewer than two."""
    values: dict[int, float]
    """By seed."""
    near_chance: bool
    """The mean is below the chance level, or above it by less than two standard errors over users; False where the
    metric has no such level or the records do not tell."""
    change: Change | None = None
    """None in the baseline's own row and where nothing is compared."""


@dataclass(frozen=True)
class ComparedCell(Cell):
    """A cell of a column that the table's file of published numbers has."""

    published: float | None = None
    """In the unit of ours; None where the file has no such row."""
    published_std: float | None = None
    difference: float | None = None
    """Ours minus the published mean."""


@dataclass(frozen=True)
class Row:
    """One method."""

    method: str
    settings: str
    """Where its options come from: `default`, the name of the method's own settings, `own` for others that the suite
    gives, or `tuned` with the number of fits; `published` where the row has no numbers of ours."""
    cells: tuple[Cell, ...]
    trials: dict[int, str]
    """Ids by seed, of what was planned."""
    simulated: bool = False
    """A simulated language model wrote some of what its numbers rest on."""


@dataclass(frozen=True)
class Against:
    """What the rows of a table are held against, and how."""

    baseline: str
    test: str
    correction: str
    family: int
    """How many tests the table asks for on all its data sets; they were corrected together."""


@dataclass(frozen=True)
class Table:
    """One data set's results, ready to be shown."""

    name: str
    title: str
    dataset: str
    simulated: bool
    columns: tuple[str, ...]
    """Metrics, as `NDCG@10`; with the group of users behind it where the table is sliced, as `NDCG@10 tail`."""
    rows: tuple[Row, ...]
    chance: tuple[float | None, ...]
    """Mean over seeds of what a random order of the candidates gets, by column; None where there is no such level."""
    seeds: tuple[int, ...]
    protocol_hash: str
    fingerprint: str
    notes: tuple[str, ...]
    directions: tuple[Direction, ...] = ()
    """Which way is better, by column."""
    sizes: tuple[int, ...] | None = None
    """Users in the group of each column; None where the table is not sliced."""
    against: Against | None = None

    @property
    def marks(self) -> dict[tuple[int, int], Mark]:
        """The best and the second best cell of each column, by row and column; equal ones share their mark.

        Cells that lack a seed are out of it, as their mean is over other runs. A column of one value, or of a metric of
        which neither way is better, has no mark."""
        found: dict[tuple[int, int], Mark] = {}
        for column, direction in enumerate(self.directions):
            cells = {i: row.cells[column] for i, row in enumerate(self.rows)}
            means = {i: c.mean for i, c in cells.items() if c.status == "complete" and c.mean is not None}
            ordered = sorted(set(means.values()), reverse=direction == "higher")
            if direction == "neither" or len(ordered) < 2:
                continue
            best = [i for i, mean in means.items() if mean == ordered[0]]
            found |= {(i, column): "best" for i in best}
            if len(best) == 1:
                found |= {(i, column): "second" for i, mean in means.items() if mean == ordered[1]}
        return found
