"""Values of each trial by part -> the lines of a figure, over seeds."""

import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from llmrec_bench.figures.figure import Curves, Line, Part
from llmrec_bench.figures.scene import Scene
from llmrec_bench.plan import Trial
from llmrec_bench.store import Record
from llmrec_bench.tables import Cell, CellStatus

Values = npt.NDArray[np.float64]


def build_curves(
    scene: Scene,
    measured: str,
    parts: Sequence[Part],
    values: Mapping[str, Values],
    notes: Sequence[str],
    training: Values | None = None,
) -> Curves:
    """A line for each method, from float64 (P,) values by trial id: one a part, NaN where it is undefined."""
    return Curves(
        name=scene.figure.name,
        title=scene.figure.entry.title,
        kind=scene.figure.entry.kind,
        dataset=scene.dataset,
        simulated=scene.simulated,
        measured=measured,
        parts=tuple(parts),
        lines=tuple(_line(scene, label, values, len(parts)) for label in scene.labels),
        training=None if training is None else tuple(training.tolist()),
        seeds=scene.seeds,
        protocol_hash=scene.plan.suite.protocol.hash,
        fingerprint=scene.prepared.dataset.fingerprint,
        notes=tuple(notes),
    )


def _line(scene: Scene, label: str, values: Mapping[str, Values], parts: int) -> Line:
    trials = scene.of(label)
    mine = [scene.records[t.id] for t in trials if t.id in scene.records]
    by_seed = {t.seed: values[t.id] for t in trials if t.id in values}
    cells = (_cell(trials, mine, {seed: float(row[part]) for seed, row in by_seed.items()}) for part in range(parts))
    return Line(label, tuple(cells), scene.simulates(label))


def _cell(trials: Sequence[Trial], mine: Sequence[Record], values: dict[int, float]) -> Cell:
    if not values:
        states = {record.status for record in mine}
        status: CellStatus = "failed" if "failed" in states else "unmeasured" if states else "missing"
        return Cell(status, None, None, {}, False)
    if any(math.isnan(value) for value in values.values()):
        defined = {seed: value for seed, value in values.items() if not math.isnan(value)}
        return Cell("undefined", None, None, defined, False)
    return Cell(
        "complete" if len(values) == len(trials) else "partial",
        statistics.fmean(values.values()),
        statistics.stdev(values.values()) if len(values) > 1 else None,
        values,
        False,
    )
