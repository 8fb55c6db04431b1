"""A named check, what came of it, and failures that an author expects and gives a reason for."""

import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from llmrec_bench.errors import BenchError, suggest

SubjectT = TypeVar("SubjectT")
TakenT = TypeVar("TakenT", contravariant=True)

Status = Literal["passed", "failed", "expected failure"]


@dataclass(frozen=True)
class Check(Generic[TakenT]):
    """Something that has to hold for every plugin of a kind."""

    name: str
    """`same-seed` of a function `same_seed`."""
    sentence: str
    """What holds, as a person reads it."""
    fault: Callable[[TakenT], str | None]
    """What is wrong, in one line; None where nothing is. What it raises is a fault too."""


@dataclass(frozen=True)
class Finding:
    """What came of one check."""

    check: str
    status: Status
    reason: str = ""
    """Why it failed, or why the author expects it to."""

    def __str__(self) -> str:
        return f"{self.check}: {self.status}{f': {self.reason}' if self.reason else ''}"


def named(*functions: Callable[[SubjectT], str | None]) -> tuple[Check[SubjectT], ...]:
    """Checks called as their functions are, with the first sentence of their docstrings."""
    return tuple(
        Check(f.__name__.strip("_").replace("_", "-"), inspect.cleandoc(f.__doc__ or "").split("\n\n")[0], f)
        for f in functions
    )


def run_check(check: Check[SubjectT], subject: SubjectT, expected: Mapping[str, str]) -> Finding:
    """What comes of a check. `expected` gives reasons by check; one that passes all the same has failed, for what is
    said of it is no longer so."""
    try:
        fault = check.fault(subject)
    except BenchError as error:
        fault = _one_line(error)
    except (Exception, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__}: {_one_line(error)} ({Path(last.filename).name}:{last.lineno})"
    reason = expected.get(check.name)
    if reason is None:
        return Finding(check.name, "passed") if fault is None else Finding(check.name, "failed", fault)
    if fault is None:
        return Finding(check.name, "failed", "passes, though expected_failures says that it fails; take it out there")
    return Finding(check.name, "expected failure", reason)


def run_checks(checks: Sequence[Check[SubjectT]], subject: SubjectT, expected: Mapping[str, str]) -> Iterator[Finding]:
    """What comes of each check, in order; names in `expected` that no check has come first."""
    yield from unknown_names(checks, expected)
    for check in checks:
        yield run_check(check, subject, expected)


def unknown_names(checks: Sequence[Check[SubjectT]], expected: Mapping[str, str]) -> list[Finding]:
    """A failure for each name in `expected` that no check has."""
    known = [check.name for check in checks]
    return [
        Finding("expected-failures", "failed", f"there is no check '{name}'{suggest(name, known)}")
        for name in expected
        if name not in known
    ]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or "no message"
