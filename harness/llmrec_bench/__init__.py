"""llmrec-bench: fair comparisons of LLM-based recommendation methods.

The names in `__all__` are the public API. They load on first use, so that `bench --help` need not wait for numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmrec_bench.config import Config
    from llmrec_bench.data.sequences import PAD, Sequences
    from llmrec_bench.data.source import DataSource, Log
    from llmrec_bench.data.training import Queries, TrainingData
    from llmrec_bench.errors import BenchError
    from llmrec_bench.hookspecs import hookimpl
    from llmrec_bench.method import Method, Run, Scores
    from llmrec_bench.metrics.metric import OverallMetric, PerUserMetric
    from llmrec_bench.metrics.rankings import Rankings

_HOMES = {
    "BenchError": "errors",
    "Config": "config",
    "DataSource": "data.source",
    "Log": "data.source",
    "Method": "method",
    "OverallMetric": "metrics.metric",
    "PAD": "data.sequences",
    "PerUserMetric": "metrics.metric",
    "Queries": "data.training",
    "Rankings": "metrics.rankings",
    "Run": "method",
    "Scores": "method",
    "Sequences": "data.sequences",
    "TrainingData": "data.training",
    "hookimpl": "hookspecs",
}

__all__ = [
    "PAD",
    "BenchError",
    "Config",
    "DataSource",
    "Log",
    "Method",
    "OverallMetric",
    "PerUserMetric",
    "Queries",
    "Rankings",
    "Run",
    "Scores",
    "Sequences",
    "TrainingData",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'llmrec_bench' has no attribute '{name}'")
    return getattr(import_module(f"llmrec_bench.{_HOMES[name]}"), name)
