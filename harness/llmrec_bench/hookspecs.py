"""The whole extension surface: what a plugin may register, and what it is told."""

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from llmrec_bench.data.source import DataSource
    from llmrec_bench.llm.language_model import LanguageModel
    from llmrec_bench.method import Method
    from llmrec_bench.metrics.metric import Metric
    from llmrec_bench.store import Record

API_VERSION = 1
"""Of these hooks and of the public names. A plugin may say which one it is made for: `llmrec_bench_api = 1` in the
module of its entry point."""

hookspec = pluggy.HookspecMarker("llmrec_bench")
hookimpl = pluggy.HookimplMarker("llmrec_bench")


@hookspec
def register_methods() -> "list[type[Method]]":  # type: ignore[empty-body]
    """Method classes to offer. Called once, when the catalog is made."""


@hookspec
def register_datasets() -> "list[type[DataSource]]":  # type: ignore[empty-body]
    """Data source classes to offer. Called once, when the catalog is made."""


@hookspec
def register_metrics() -> "list[type[Metric]]":  # type: ignore[empty-body]
    """Metric classes to offer. Called once, when the catalog is made."""


@hookspec
def register_language_models() -> "list[type[LanguageModel]]":  # type: ignore[empty-body]
    """Classes of language model providers to offer. Called once, when the catalog is made."""


@hookspec
def trial_finished(record: "Record") -> None:
    """Called in the main process after each trial's record is safely stored, failed trials included."""
