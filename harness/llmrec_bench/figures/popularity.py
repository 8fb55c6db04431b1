"""How the places of the lists are spread over popular and unpopular items."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.figures.curves import build_curves
from llmrec_bench.figures.figure import Curves, Part
from llmrec_bench.figures.scene import Scene
from llmrec_bench.suite_figures import PopularityEntry


def popularity_bins(counts: npt.NDArray[np.int64], bins: int) -> npt.NDArray[np.int64]:
    """int64 (I,): the bin of each item, 0 for those with the largest `counts` (I,).

    Items of equal count are taken in code order, also across a cut; sizes differ by one at most, the larger ones first.
    """
    found = np.empty(len(counts), dtype=np.int64)
    for number, items in enumerate(np.array_split(np.argsort(-counts, kind="stable"), bins)):
        found[items] = number
    return found


def shares(bins: npt.NDArray[np.int64], n_bins: int) -> npt.NDArray[np.float64]:
    """float64 (n_bins,): the share of each bin among `bins`, NaN where there is nothing to share."""
    return np.bincount(bins, minlength=n_bins) / len(bins) if len(bins) else np.full(n_bins, np.nan)


def build_popularity(scene: Scene, entry: PopularityEntry) -> Curves:
    """The share of the places in the stored lists that goes to each bin, over seeds, beside that of the training
    interactions."""
    data = scene.prepared
    train = data.split.train
    counts = np.bincount(train.items, minlength=data.dataset.n_items).astype(np.int64)
    bin_of = popularity_bins(counts, entry.bins)
    codes = pd.Index(data.dataset.items["token"])
    values = {}
    for trial in scene.finished:
        lists = scene.store.top_lists(trial.id)
        items = codes.get_indexer(lists["item"][lists["rank"] <= entry.cutoff])
        values[trial.id] = shares(bin_of[items], entry.bins)
    parts = [Part.of(f"B{number + 1}", counts[bin_of == number]) for number in range(entry.bins)]
    own = [
        f"The share of the first {entry.cutoff} places of all lists that goes to each bin of items. Items are sorted "
        "by training interactions, most first, ties by item code, and cut into bins of equal size; 'training data' is "
        "the share of these interactions.",
        f"Training interactions: {'; '.join(part.describe('items') for part in parts)}.",
    ]
    measured = f"share of the first {entry.cutoff} places"
    training = shares(bin_of[train.items], entry.bins)
    return build_curves(scene, measured, parts, values, scene.notes(own, set()), training)
