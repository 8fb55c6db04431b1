"""`run.validate`: what scores come to on the validation queries."""

from collections.abc import Callable, Mapping

from llmrec_bench.data.training import Queries, TrainingData
from llmrec_bench.errors import BenchError
from llmrec_bench.evaluate import rank
from llmrec_bench.method import Scores
from llmrec_bench.metrics.metric import Metric
from llmrec_bench.metrics.rankings import Popularity
from llmrec_bench.protocol import Protocol


def validation_value(
    score: Callable[[Queries], Scores],
    metric: str,
    known: Mapping[str, type[Metric]],
    training: TrainingData,
    popularity: Popularity,
    protocol: Protocol,
    seed: int,
    label: str,
) -> float:
    """The value of a metric such as `NDCG@10`, one of `known`, under the protocol at that cut-off.

    Raises `BenchError` for another metric, and where the split holds out no validation event.
    """
    name, _, k = metric.partition("@")
    if name not in known or not k.isdigit() or int(k) < 1:
        raise BenchError(f"validation metric '{metric}' should be METRIC@K with a known metric, such as NDCG@10")
    queries, targets = training.validation, training.validation_targets
    if not len(queries):
        raise BenchError("the split holds out no validation event, which early stopping needs")
    at_cutoff = protocol.model_copy(update={"cutoffs": (int(k),)})
    rankings = rank(score, queries, targets, at_cutoff, popularity, seed, label)
    return known[name]().overall(rankings, int(k))
