"""Mistakes a user can mend, as opposed to faults of ours."""

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """A user's mistake: one line saying where, what was given and what would work. Shown without a traceback."""


class SuiteErrors(BenchError):
    """Every mistake found in one suite, in file order; `mistakes` holds one line each."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


def suggest(given: str, known: Iterable[str]) -> str:
    """The closest known name as `; did you mean 'x'?`, else the names that would work, else an empty string."""
    names = sorted(known)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(names)}" if names else ""
