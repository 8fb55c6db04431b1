"""Whether a plugin left alone what it was given: the same data made anew are what to compare with."""

from typing import Any

import numpy as np
import pandas as pd

from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.training import Queries, TrainingData


def changed_training(ours: TrainingData, pristine: TrainingData) -> str | None:
    """What of the training data is not as it was, such as `train.items`; None where everything is."""
    if not pd.DataFrame(ours.items).equals(pristine.items):
        return "train.items"
    for name in ("reviews", "validation_reviews"):
        if (theirs := getattr(pristine, name)) is not None and not theirs.equals(getattr(ours, name)):
            return f"train.{name}"
    for name in ("sequences", "validation_targets"):
        column = _changed_column(getattr(ours, name), getattr(pristine, name))
        if column is not None:
            return f"train.{name}.{column}"
    inside = changed_queries(ours.validation, pristine.validation)
    return None if inside is None else f"train.validation: {inside}"


def changed_queries(ours: Queries, pristine: Queries) -> str | None:
    """What of the queries is not as it was, such as `queries.users`; None where everything is."""
    for name in ("users", "cut_times", "candidates"):
        if not _same(getattr(ours, name), getattr(pristine, name)):
            return f"queries.{name}"
    column = _changed_column(ours.histories, pristine.histories)
    return None if column is None else f"queries.histories.{column}"


def _changed_column(ours: Sequences, pristine: Sequences) -> str | None:
    columns = ("offsets", "items", "times", "ratings")
    return next((name for name in columns if not _same(getattr(ours, name), getattr(pristine, name))), None)


def _same(ours: Any, pristine: Any) -> bool:
    return ours is pristine or (ours is not None and pristine is not None and np.array_equal(ours, pristine))
