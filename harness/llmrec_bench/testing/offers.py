"""From a plugin's class to its subject and checks, whatever kind of plugin it is."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from llmrec_bench.config import Config
from llmrec_bench.data.source import DataSource
from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.llm.language_model import LanguageModel
from llmrec_bench.method import Method
from llmrec_bench.metrics.metric import RankingMetric, TextMetric
from llmrec_bench.plugins import Catalog
from llmrec_bench.stage import Stage
from llmrec_bench.testing.check import Check, Finding, run_checks
from llmrec_bench.testing.dataset_checks import DATA_SOURCE_CHECKS, DataSourceSubject
from llmrec_bench.testing.given_options import configured
from llmrec_bench.testing.language_model_checks import LANGUAGE_MODEL_CHECKS, LanguageModelSubject
from llmrec_bench.testing.method_checks import METHOD_CHECKS, MethodSubject
from llmrec_bench.testing.metric_checks import METRIC_CHECKS, MetricSubject
from llmrec_bench.testing.stage_checks import STAGE_CHECKS, StageSubject
from llmrec_bench.testing.text_metric_checks import TEXT_METRIC_CHECKS, TextMetricSubject

Options = Mapping[str, Any] | Config


def checks_for(kind: type) -> Sequence[Check[Any]]:
    """The checks of what a class is. Raises `BenchError` for a class that is no plugin."""
    checks: list[tuple[type, Sequence[Check[Any]]]] = [
        (Method, METHOD_CHECKS),
        (DataSource, DATA_SOURCE_CHECKS),
        (RankingMetric, METRIC_CHECKS),
        (TextMetric, TEXT_METRIC_CHECKS),
        (LanguageModel, LANGUAGE_MODEL_CHECKS),
        (Stage, STAGE_CHECKS),
    ]
    for base, found in checks:
        if issubclass(kind, base):
            return found
    raise BenchError(f"{kind.__qualname__} is neither a method, data source, metric, language model nor stage")


def subject_of(kind: type, options: Options, catalog: Catalog, folder: Path) -> Any:
    """What the checks of a class take. Raises `BenchError` for options that it refuses or that are lacking."""
    if issubclass(kind, Method):
        return MethodSubject(kind, configured(kind.Config, options, f"method '{kind.name}'", catalog), catalog, folder)
    if issubclass(kind, DataSource):
        return DataSourceSubject(configured(kind, options, f"data source '{kind.name}'", catalog), catalog)
    if issubclass(kind, LanguageModel):
        config = configured(kind.Config, options, f"language model '{kind.name}'", catalog)
        return LanguageModelSubject(kind, config, catalog, folder)
    if issubclass(kind, Stage):
        return StageSubject(configured(kind, options, f"stage '{kind.name}'", catalog), catalog, folder)
    if issubclass(kind, RankingMetric | TextMetric):
        if options:
            raise BenchError(f"metric '{kind.name}' has no options")
        return MetricSubject(kind) if issubclass(kind, RankingMetric) else TextMetricSubject(kind)
    raise BenchError(f"{kind.__qualname__} is neither a method, data source, metric, language model nor stage")


def refuse_options(kind: type, options: Options, catalog: Catalog) -> None:
    """Raises what `check_plugin` would raise of the options, and checks nothing."""
    with tempfile.TemporaryDirectory(prefix="bench-check-") as folder:
        subject_of(kind, options, catalog, Path(folder))


def check_plugin(kind: type, options: Options, catalog: Catalog) -> Iterator[Finding]:
    """What comes of every check of a class, one after another.

    Raises `BenchError` for options that it refuses, or that have no default and are not given.
    """
    with tempfile.TemporaryDirectory(prefix="bench-check-") as folder:
        subject = subject_of(kind, options, catalog, Path(folder))
        yield from run_checks(checks_for(kind), subject, expected_failures(kind))


def expected_failures(kind: type) -> Mapping[str, str]:
    """What a class declares, by check."""
    declared: Mapping[str, str] = getattr(kind, "expected_failures", {})
    return declared


def named_plugins(catalog: Catalog, name: str, kind: str | None) -> list[tuple[str, type]]:
    """(kind, class) of everything of a name, or of one kind only; stages are those among the options of methods.

    Raises `BenchError` with the close match for a name nobody offers.
    """
    offered: dict[str, Mapping[str, type]] = {
        "method": catalog.methods,
        "dataset": catalog.datasets,
        "metric": catalog.metrics,
        "language-model": catalog.language_models,
        "stage": stages_offered(catalog),
    }
    asked = {known: plugins for known, plugins in offered.items() if kind in (None, known)}
    found = [(known, plugins[name]) for known, plugins in asked.items() if name in plugins]
    if not found:
        what = kind or "plugin"
        broken = ", ".join(f"plugin '{b.name}' ({b.reason})" for b in catalog.broken)
        close = suggest(name, [known for plugins in asked.values() for known in plugins])
        raise BenchError(f"no {what} is called '{name}'{close}{f'; not loaded: {broken}' if broken else ''}")
    return found


def stages_offered(catalog: Catalog) -> dict[str, type[Stage]]:
    """Every stage that an option of some method may hold, at any depth, by name."""
    found: dict[str, type[Stage]] = {}
    reached: set[type] = set()
    waiting: list[type] = [method.Config for method in catalog.methods.values()]
    while waiting:
        config = waiting.pop()
        if config in reached:
            continue
        reached.add(config)
        if issubclass(config, Stage) and hasattr(config, "name"):
            found.setdefault(config.name, config)
        for field in config.model_fields.values() if issubclass(config, Config) else ():
            waiting.extend(_configs_in(field.annotation))
    return found


def _configs_in(annotation: Any) -> Iterator[type[Config]]:
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, Config):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _configs_in(argument)
