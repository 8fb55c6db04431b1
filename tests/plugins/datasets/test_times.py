"""Times as whole seconds."""

from pathlib import Path

import numpy as np
import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.times import TimeUnit, whole_seconds


def test_fractions_are_cut_off_downwards() -> None:
    seconds = whole_seconds(Path("a"), np.array([881250949.9, -0.5, 0.0]), "seconds")
    assert seconds.tolist() == [881250949, -1, 0]
    assert seconds.dtype == np.int64
    assert whole_seconds(Path("a"), np.array([1396720544263.0]), "milliseconds").tolist() == [1396720544]


@pytest.mark.parametrize(
    ("value", "unit", "likely"),
    [(1396720544263.0, "seconds", "milliseconds"), (1396720544.0, "milliseconds", "seconds")],
)
def test_the_wrong_unit_is_refused(value: float, unit: TimeUnit, likely: str) -> None:
    with pytest.raises(BenchError, match=f"log.csv: times up to {value:.0f} cannot be {unit}; they look like {likely}"):
        whole_seconds(Path("log.csv"), np.array([5.0, value]), unit)


def test_counters_from_zero_are_seconds() -> None:
    assert whole_seconds(Path("a"), np.arange(3.0), "seconds").tolist() == [0, 1, 2]
