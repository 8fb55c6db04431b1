"""Ctrl-C in the middle of a plugin's own code, at the same place every time."""

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from llmrec_bench.testing.home import home_of

_STOPS = 5
"""Places where a long call is stopped; a short one is stopped at each line."""


def lines_run(call: Callable[[], object], kind: type) -> int:
    """How many lines of the package that `kind` is in a call runs."""
    counter = _Counter(kind, None)
    counter.trace(call)
    return counter.lines


def stops(lines: int) -> list[int]:
    """Lines of a call to stop it at, counted from 1: a few of many, the first and the last among them, or each."""
    if lines <= _STOPS * 3:
        return list(range(1, lines + 1))
    return sorted({int(line) for line in np.linspace(1, lines, _STOPS)})


def interrupted(call: Callable[[], object], kind: type, line: int) -> bool:
    """Run a call up to the given line of its package's, counted from 1; False where it came to its end all the same."""
    try:
        _Counter(kind, line).trace(call)
    except _Stop:
        return True
    return False


class _Stop(KeyboardInterrupt):
    """As a plugin sees Ctrl-C; a real one is not taken for it."""


class _Counter:
    def __init__(self, kind: type, stop: int | None) -> None:
        home = home_of(kind)
        self._home = os.path.join(home, "") if home.is_dir() else str(home)
        self._inside: dict[str, bool] = {}
        self._stop = stop
        self.lines = 0

    def trace(self, call: Callable[[], object]) -> None:
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            call()
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in self._inside:
            self._inside[file] = os.path.realpath(file).startswith(self._home)
        return self._line if self._inside[file] else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self._stop:
                raise _Stop
        return self._line
