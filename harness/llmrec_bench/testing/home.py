"""Where a plugin's code lies."""

import inspect
import sys
from pathlib import Path


def home_of(kind: type) -> Path:
    """The folder of the outermost package that a class is in, or the file of a module in no package."""
    outermost = sys.modules[kind.__module__.partition(".")[0]]
    if getattr(outermost, "__path__", None):
        return Path(next(iter(outermost.__path__))).resolve()
    return Path(inspect.getfile(kind)).resolve()
