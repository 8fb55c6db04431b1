"""The checks as test classes: what a plugin's own tests subclass."""

import functools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from llmrec_bench.config import Config
from llmrec_bench.data.source import DataSource
from llmrec_bench.llm.language_model import LanguageModel
from llmrec_bench.method import Method
from llmrec_bench.metrics.metric import RankingMetric, TextMetric
from llmrec_bench.plugins import installed_catalog
from llmrec_bench.stage import Stage
from llmrec_bench.testing.check import Check, run_check, unknown_names
from llmrec_bench.testing.dataset_checks import DATA_SOURCE_CHECKS
from llmrec_bench.testing.language_model_checks import LANGUAGE_MODEL_CHECKS
from llmrec_bench.testing.method_checks import METHOD_CHECKS
from llmrec_bench.testing.metric_checks import METRIC_CHECKS
from llmrec_bench.testing.offers import expected_failures, subject_of
from llmrec_bench.testing.stage_checks import STAGE_CHECKS
from llmrec_bench.testing.text_metric_checks import TEXT_METRIC_CHECKS


class _Cases:
    """A test for each check of a kind. A failure that the plugin expects is shown as one, with its reason."""

    options: ClassVar[Mapping[str, Any] | Config] = {}
    """What to check it with: small ones, and those without a default."""
    _checks: ClassVar[Sequence[Check[Any]]]
    _plugin: ClassVar[str]
    """The attribute that names the class under check."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for check in vars(cls).get("_checks", ()):
            setattr(cls, f"test_{check.name.replace('-', '_')}", _test_of(check))

    @classmethod
    def kind(cls) -> type:
        """The class under check."""
        found: type = getattr(cls, cls._plugin)
        return found

    def test_expected_failures_are_of_known_checks(self) -> None:
        """A reason that belongs to no check would never be shown."""
        unknown = unknown_names(self._checks, expected_failures(self.kind()))
        assert not unknown, unknown[0].reason


def _test_of(check: Check[Any]) -> Callable[[_Cases], None]:
    def test(self: _Cases) -> None:
        cases: Any = type(self)
        found = run_check(check, _subject(cases), expected_failures(self.kind()))
        if found.status == "expected failure":
            import pytest  # whoever runs a test has it

            pytest.xfail(found.reason)
        assert found.status == "passed", found.reason

    test.__doc__ = check.sentence
    return test


@functools.cache
def _subject(cases: Any) -> Any:
    """Shared by all tests of a class."""
    own = tempfile.mkdtemp(dir=_folder().name)
    return subject_of(cases.kind(), cases.options, installed_catalog(), Path(own))


@functools.cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="bench-check-")  # removed with the interpreter


class MethodTests(_Cases):
    """`class TestMine(MethodTests): method = Mine`."""

    method: ClassVar[type[Method]]
    _checks = METHOD_CHECKS
    _plugin = "method"


class StageTests(_Cases):
    """`class TestMine(StageTests): stage = Mine`."""

    stage: ClassVar[type[Stage]]
    _checks = STAGE_CHECKS
    _plugin = "stage"


class LanguageModelTests(_Cases):
    """`class TestMine(LanguageModelTests): language_model = Mine`."""

    language_model: ClassVar[type[LanguageModel]]
    _checks = LANGUAGE_MODEL_CHECKS
    _plugin = "language_model"


class DataSourceTests(_Cases):
    """`class TestMine(DataSourceTests): dataset = Mine`."""

    dataset: ClassVar[type[DataSource]]
    _checks = DATA_SOURCE_CHECKS
    _plugin = "dataset"


class MetricTests(_Cases):
    """`class TestMine(MetricTests): metric = Mine`."""

    metric: ClassVar[type[RankingMetric]]
    _checks = METRIC_CHECKS
    _plugin = "metric"


class TextMetricTests(_Cases):
    """`class TestMine(TextMetricTests): metric = Mine`."""

    metric: ClassVar[type[TextMetric]]
    _checks = TEXT_METRIC_CHECKS
    _plugin = "metric"
