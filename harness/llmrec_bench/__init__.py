"""llmrec-bench: fair comparisons of LLM-based recommendation methods.

The names in `__all__` are the public API. They load on first use, so that `bench --help` need not wait for numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmrec_bench.config import Config, Operational
    from llmrec_bench.data.sequences import PAD, Sequences
    from llmrec_bench.data.source import DataSource, Log
    from llmrec_bench.data.training import Queries, TrainingData
    from llmrec_bench.errors import BenchError
    from llmrec_bench.execute.run import run_plan
    from llmrec_bench.hookspecs import hookimpl
    from llmrec_bench.llm.language_model import Completion, LanguageModel, LanguageModelOptions, Usage
    from llmrec_bench.llm.metered import MeteredModel
    from llmrec_bench.llm.prompt import Message, Prompt, PromptFile, ask
    from llmrec_bench.method import Method, Run, Scores
    from llmrec_bench.method_option import ChosenMethod, MethodOptions
    from llmrec_bench.metrics.explained_pairs import ExplainedPairs
    from llmrec_bench.metrics.metric import OverallMetric, PairTextMetric, PerUserMetric, TextMetric
    from llmrec_bench.metrics.rankings import Rankings
    from llmrec_bench.plan import Plan, make_plan
    from llmrec_bench.plugins import Catalog, load_catalog
    from llmrec_bench.search_space import Choice, Range
    from llmrec_bench.stage import Stage, StageRun, TransferableStage
    from llmrec_bench.store import Record, Store
    from llmrec_bench.suite import Suite, load_suite
    from llmrec_bench.table_text import render_tables
    from llmrec_bench.tables.build import build_tables
    from llmrec_bench.tables.table import Table

_HOMES = {
    "BenchError": "errors",
    "Catalog": "plugins",
    "Choice": "search_space",
    "ChosenMethod": "method_option",
    "Completion": "llm.language_model",
    "Config": "config",
    "DataSource": "data.source",
    "ExplainedPairs": "metrics.explained_pairs",
    "LanguageModel": "llm.language_model",
    "LanguageModelOptions": "llm.language_model",
    "Log": "data.source",
    "Message": "llm.prompt",
    "MeteredModel": "llm.metered",
    "Method": "method",
    "Operational": "config",
    "MethodOptions": "method_option",
    "OverallMetric": "metrics.metric",
    "PAD": "data.sequences",
    "PairTextMetric": "metrics.metric",
    "PerUserMetric": "metrics.metric",
    "Plan": "plan",
    "Prompt": "llm.prompt",
    "PromptFile": "llm.prompt",
    "Queries": "data.training",
    "Range": "search_space",
    "Rankings": "metrics.rankings",
    "Record": "store",
    "Run": "method",
    "Scores": "method",
    "Sequences": "data.sequences",
    "Stage": "stage",
    "StageRun": "stage",
    "TransferableStage": "stage",
    "Store": "store",
    "Suite": "suite",
    "Table": "tables.table",
    "TextMetric": "metrics.metric",
    "TrainingData": "data.training",
    "Usage": "llm.language_model",
    "ask": "llm.prompt",
    "build_tables": "tables.build",
    "hookimpl": "hookspecs",
    "load_catalog": "plugins",
    "load_suite": "suite",
    "make_plan": "plan",
    "render_tables": "table_text",
    "run_plan": "execute.run",
}

__all__ = [
    "PAD",
    "BenchError",
    "Catalog",
    "Choice",
    "ChosenMethod",
    "Completion",
    "Config",
    "DataSource",
    "ExplainedPairs",
    "LanguageModel",
    "LanguageModelOptions",
    "Log",
    "Message",
    "MeteredModel",
    "Method",
    "MethodOptions",
    "Operational",
    "OverallMetric",
    "PairTextMetric",
    "PerUserMetric",
    "Plan",
    "Prompt",
    "PromptFile",
    "Queries",
    "Range",
    "Rankings",
    "Record",
    "Run",
    "Scores",
    "Sequences",
    "Stage",
    "StageRun",
    "Store",
    "Suite",
    "Table",
    "TextMetric",
    "TrainingData",
    "TransferableStage",
    "Usage",
    "ask",
    "build_tables",
    "hookimpl",
    "load_catalog",
    "load_suite",
    "make_plan",
    "render_tables",
    "run_plan",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'llmrec_bench' has no attribute '{name}'")
    return getattr(import_module(f"llmrec_bench.{_HOMES[name]}"), name)
