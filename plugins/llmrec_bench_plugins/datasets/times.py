"""Times as whole seconds."""

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from llmrec_bench import BenchError

TimeUnit = Literal["seconds", "milliseconds"]

# As seconds this is the year 5138, as milliseconds it is March 1973: on either side the other unit was meant.
_WATERSHED = 1e11


def likely_unit(time: float) -> TimeUnit:
    """The unit in which `time` falls into our days."""
    return "milliseconds" if time >= _WATERSHED else "seconds"


def whole_seconds(path: Path, values: npt.NDArray[np.float64], unit: TimeUnit) -> npt.NDArray[np.int64]:
    """int64 (N,) seconds, fractions cut off downwards, from float64 (N,) values in `unit`.

    Raises `BenchError` where the values make sense in the other unit only.
    """
    latest = float(values.max(initial=0.0))
    likely = likely_unit(latest)
    if latest > 0 and likely != unit:
        raise BenchError(f"{path}: times up to {latest:.0f} cannot be {unit}; they look like {likely} (`time_unit`)")
    return np.floor(values if unit == "seconds" else values / 1000).astype(np.int64)
