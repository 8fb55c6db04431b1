"""Metric formulas: over ranks and top lists in numpy only, over texts with the help of their packages."""

from llmrec_bench.hookspecs import hookimpl
from llmrec_bench.metrics.accuracy import HR, MAP, MRR, NDCG, Precision, Recall
from llmrec_bench.metrics.coverage import Entropy, Gini, InvalidRate, ItemCoverage, UserCoverage
from llmrec_bench.metrics.metric import Metric
from llmrec_bench.metrics.novelty import EFD, EPC, EFDFree, EPCFree
from llmrec_bench.metrics.popularity import ACLT, APLT, ARP
from llmrec_bench.metrics.text import (
    Bleu1,
    Bleu4,
    FeatureCoverage,
    FeatureDiversity,
    FeatureMatch,
    Rouge1,
    Rouge2,
    RougeL,
    UniqueSentenceRatio,
)


@hookimpl
def register_metrics() -> list[type[Metric]]:
    """The metrics that every installation has."""
    return [
        HR, NDCG, MRR, Recall, Precision, MAP,
        EFD, EPC, EFDFree, EPCFree,
        ARP, APLT, ACLT,
        Gini, Entropy, ItemCoverage, UserCoverage, InvalidRate,
        Bleu1, Bleu4, Rouge1, Rouge2, RougeL,
        UniqueSentenceRatio, FeatureCoverage, FeatureDiversity, FeatureMatch,
    ]  # fmt: skip
