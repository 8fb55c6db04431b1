"""The kit for plugin authors: what has to hold for a plugin, as named checks, as test classes, and as a command.

The names in `__all__` are public. `bench check NAME` runs the same checks.
"""

from llmrec_bench.testing.cases import (
    DataSourceTests,
    LanguageModelTests,
    MethodTests,
    MetricTests,
    StageTests,
    TextMetricTests,
)
from llmrec_bench.testing.check import Finding
from llmrec_bench.testing.metric_checks import drawn_rankings
from llmrec_bench.testing.offers import check_plugin
from llmrec_bench.testing.text_metric_checks import drawn_pairs
from llmrec_bench.testing.tiny_data import TinyData, TinySplit, tiny_split
from llmrec_bench.testing.workshop import build_on_tiny_data, fit_to_tiny_data

__all__ = [
    "DataSourceTests",
    "Finding",
    "LanguageModelTests",
    "MethodTests",
    "MetricTests",
    "StageTests",
    "TextMetricTests",
    "TinyData",
    "TinySplit",
    "build_on_tiny_data",
    "check_plugin",
    "drawn_pairs",
    "drawn_rankings",
    "fit_to_tiny_data",
    "tiny_split",
]
