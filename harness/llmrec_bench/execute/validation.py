"""`run.validate`: what scores come to on the validation queries."""

from collections.abc import Callable, Mapping

from llmrec_bench.data.training import Queries, TrainingData
from llmrec_bench.errors import BenchError
from llmrec_bench.evaluate import rank
from llmrec_bench.method import Scores
from llmrec_bench.metrics.metric import Metric, RankingMetric
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

    Raises `BenchError` for another metric or one of texts, and where the split holds out no validation event.
    """
    name, _, k = metric.partition("@")
    kind = known.get(name)
    if kind is None or not issubclass(kind, RankingMetric) or not k.isdigit() or int(k) < 1:
        what = "METRIC@K with a known metric of rankings, such as NDCG@10"
        raise BenchError(f"validation metric '{metric}' should be {what}")
    queries, targets = training.validation, training.validation_targets
    if not len(queries):
        raise BenchError("the split holds out no validation event, which early stopping needs")
    at_cutoff = protocol.model_copy(update={"cutoffs": (int(k),)})
    rankings = rank(score, queries, targets, at_cutoff, popularity, seed, label)
    return kind().overall(rankings, int(k))
