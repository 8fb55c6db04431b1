"""MovieLens-100K as `suites/backbones.yaml` prepares it, for every trainer the same, and one evaluator for all."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from llmrec_bench import Queries, Scores, TrainingData, load_catalog, load_suite
from llmrec_bench.data.dataset import load_dataset
from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.splits import LeaveOneOut, Split, split
from llmrec_bench.evaluate import rank
from llmrec_bench.metrics import register_metrics
from llmrec_bench.metrics.rankings import Popularity
from llmrec_bench.protocol import Protocol

SUITE = Path(__file__).resolve().parents[2] / "suites" / "backbones.yaml"
METRICS = {metric.name: metric() for metric in register_metrics()}


@dataclass(frozen=True)
class MovieLens:
    """The data and their leave-one-out split."""

    sequences: Sequences
    items: pd.DataFrame
    parts: Split

    def training(self) -> TrainingData:
        """What a method may see."""
        return TrainingData(self.parts.train, self.items, self.parts.validation, self.parts.validation_targets, "")

    def ndcg(self, scores_of: Callable[[Queries], Scores], part: str, k: int = 10) -> float:
        """NDCG@k over the whole catalogue, seen items masked, ties in expectation; `part` is validation or test."""
        queries, targets = getattr(self.parts, part), getattr(self.parts, f"{part}_targets")
        popularity = Popularity(self.training().item_counts(), self.training().n_users)
        rankings = rank(scores_of, queries, targets, Protocol(cutoffs=(k,)), popularity, 0, "trainer")
        return METRICS["NDCG"].overall(rankings, k)

    def write_atomic(self, folder: Path) -> None:
        """RecBole's file of the same interactions: codes as tokens and, so that ties cannot be sorted otherwise,
        places in the sequence as times."""
        rows, items = self.sequences.rows(), self.sequences.items
        places = np.arange(len(items)) - self.sequences.offsets[rows]
        table = pd.DataFrame({"user_id:token": rows, "item_id:token": items, "timestamp:float": places})
        folder.mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / f"{folder.name}.inter", sep="\t", index=False)


def load() -> MovieLens:
    """Read from the installed recbole package."""
    suite = load_suite(SUITE, load_catalog())
    entry = next(entry for entry in suite.datasets if entry.label == "ml-100k")
    dataset = load_dataset(entry.label, entry.source, entry.preparation)
    return MovieLens(dataset.sequences, dataset.items, split(dataset.sequences, LeaveOneOut()))
