"""Values by seed -> a cell."""

import math
import statistics
from collections.abc import Mapping, Sequence

from llmrec_bench.plan import Trial
from llmrec_bench.store import Record
from llmrec_bench.tables.table import Cell, CellStatus


def cell_over_seeds(trials: Sequence[Trial], records: Mapping[str, Record], values: Mapping[int, float | None]) -> Cell:
    """The cell of one method's trials, from the values of those that are finished and measured, by seed; None or NaN
    where a metric is undefined."""
    if not values:
        return Cell(lacking(trials, records), None, None, {}, False)
    defined = {seed: value for seed, value in values.items() if value is not None and not math.isnan(value)}
    if len(defined) < len(values):
        return Cell("undefined", None, None, defined, False)
    return Cell(
        "complete" if len(defined) == len(trials) else "partial",
        statistics.fmean(defined.values()),
        statistics.stdev(defined.values()) if len(defined) > 1 else None,
        defined,
        False,
    )


def lacking(trials: Sequence[Trial], records: Mapping[str, Record]) -> CellStatus:
    """Why none of the trials has a value."""
    states = {records[t.id].status for t in trials if t.id in records}
    return "failed" if "failed" in states else "unmeasured" if states else "missing"
