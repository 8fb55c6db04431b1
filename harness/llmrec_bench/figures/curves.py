"""Values of each trial by part -> the lines of a figure, over seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from llmrec_bench.figures.figure import Curves, Line, Part
from llmrec_bench.figures.scene import Scene
from llmrec_bench.tables.cells import cell_over_seeds

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
        protocol_hash=scene.protocol.hash,
        fingerprint=scene.prepared.dataset.fingerprint,
        notes=tuple(notes),
    )


def _line(scene: Scene, label: str, values: Mapping[str, Values], parts: int) -> Line:
    trials = scene.of(label)
    by_seed = {t.seed: values[t.id] for t in trials if t.id in values}
    by_part = [{seed: float(row[part]) for seed, row in by_seed.items()} for part in range(parts)]
    cells = tuple(cell_over_seeds(trials, scene.records, of_part) for of_part in by_part)
    return Line(label, cells, scene.simulates(label))
