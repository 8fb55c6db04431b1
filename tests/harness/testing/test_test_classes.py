"""The checks as test classes, run by pytest as a plugin's author runs them."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

TESTS = '''
from typing import ClassVar

from broken_metrics import Percent, SoundMetric
from llmrec_bench.testing import MetricTests


class Declared(Percent):
    """Says that it counts in percent."""

    expected_failures: ClassVar = {"value-range": "it counts in percent"}


class Misspelt(SoundMetric):
    """Names no check."""

    expected_failures: ClassVar = {"value-rage": "it is angry"}


class TestSound(MetricTests):
    metric = SoundMetric

    def test_ties(self):
        """One of its own in place of the kit's."""


class TestBroken(MetricTests):
    metric = Percent


class TestDeclared(MetricTests):
    metric = Declared


class TestMisspelt(MetricTests):
    metric = Misspelt
'''


def test_each_check_is_a_test(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "300", "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    for name in ("declarations", "value_range", "query_order", "ties", "chance_level", "import_without_network"):
        assert f"PASSED test_mine.py::TestSound::test_{name}" in lines
    failed = [line for line in lines if line.startswith("FAILED")]
    assert [line.split(" - ")[0].split("::", 1)[1] for line in failed] == [
        "TestBroken::test_value_range",
        "TestMisspelt::test_expected_failures_are_of_known_checks",
    ]
    assert "4.16667 at 1 is outside the bounds 0 to 1" in failed[0]
    assert "there is no check 'value-rage'; did you mean 'value-range'?" in failed[1]
    assert "XFAIL test_mine.py::TestDeclared::test_value_range - it counts in percent" in lines
