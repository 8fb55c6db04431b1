"""A small plugin: one method, one data source, one metric, one language model, and a diary of finished trials."""

import os
from pathlib import Path
from typing import Any

from llmrec_bench import DataSource, LanguageModel, Method, OverallMetric, hookimpl
from llmrec_bench_example.fullness import Fullness
from llmrec_bench_example.last_seen import LastSeen
from llmrec_bench_example.parrot import Parrot
from llmrec_bench_example.ring import Ring

llmrec_bench_api = 1


@hookimpl
def register_methods() -> list[type[Method]]:
    return [LastSeen]


@hookimpl
def register_datasets() -> list[type[DataSource]]:
    return [Ring]


@hookimpl
def register_metrics() -> list[type[OverallMetric]]:
    return [Fullness]


@hookimpl
def register_language_models() -> list[type[LanguageModel]]:
    return [Parrot]


@hookimpl
def trial_finished(record: Any) -> None:
    diary = os.environ.get("LLMREC_BENCH_EXAMPLE_DIARY")
    if diary:
        with Path(diary).open("a", encoding="utf-8") as lines:
            lines.write(f"{record.method.name} {record.seed} {record.status}\n")
