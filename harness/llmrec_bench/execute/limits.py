"""What a trial may take at most, and the worker processes that take more."""

import contextlib
import time
from dataclasses import dataclass

import psutil

from llmrec_bench.store import Failure

LOOK_SECONDS = 0.25
"""How often somebody looks; a trial may take this much longer than it may."""


@dataclass(frozen=True)
class Limits:
    """Of one trial, or one fit of a search. Stages have none: what they wait for is not in a method's hands."""

    minutes: float | None = None
    """From when a worker takes it to its last written byte."""
    gib: float | None = None
    """Resident memory of the worker process and those it started, in GiB (2**30 bytes)."""

    def __bool__(self) -> bool:
        return self.minutes is not None or self.gib is not None

    def passed(self, phase: str, started: float, process_id: int) -> Failure | None:
        """Why a worker's trial has to end now; None while it may go on. `started` is a `time.monotonic()`."""
        if self.minutes is not None and time.monotonic() - started > self.minutes * 60:
            message = f"not done within {self.minutes:g} minutes (--trial-minutes)"
            return Failure(phase=phase, kind="TimeLimit", message=message, traceback="")
        if self.gib is not None and (held := _resident_bytes(process_id)) > self.gib * 2**30:
            message = f"held {held / 2**30:.2f} GiB of memory, more than {self.gib:g} (--trial-gib)"
            return Failure(phase=phase, kind="MemoryLimit", message=message, traceback="")
        return None


NO_LIMITS = Limits()


def kill_with_children(process_id: int) -> None:
    """Kill a worker and what it started."""
    for member in reversed(_family(process_id)):
        with contextlib.suppress(psutil.Error):
            member.kill()


def _family(process_id: int) -> list[psutil.Process]:
    """A process and all it started; empty where it has just ended."""
    try:
        own = psutil.Process(process_id)
        return [own, *own.children(recursive=True)]
    except psutil.Error:
        return []


def _resident_bytes(process_id: int) -> int:
    """Of a process and all it started; pages that they share are counted for each."""
    held = 0
    for member in _family(process_id):
        with contextlib.suppress(psutil.Error):
            held += member.memory_info().rss
    return held
