"""Paths as a suite writes them: `~`, environment variables, and folders that hold the wanted file."""

import difflib
import os
import re
from pathlib import Path

from llmrec_bench import BenchError

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def located(path: Path) -> Path:
    """`path` with `~` and environment variables written out; a relative one starts at the working directory.

    Raises `BenchError` for a variable that is unset or empty, and where nothing lies at the path.
    """
    for match in _VARIABLE.finditer(str(path)):
        variable = match[1] or match[2]
        if not os.environ.get(variable):
            raise BenchError(f"{path}: the environment variable {variable} is not set; set it or write the path out")
    found = Path(os.path.expandvars(path)).expanduser()
    if not found.exists():
        raise BenchError(f"{found}: no such file or folder{_nearest(found)}")
    return found


def one_file(folder: Path, patterns: tuple[str, ...], meaning: str) -> Path:
    """The one file in `folder` that matches any of the glob patterns.

    Raises `BenchError` for none and for several, naming them; `meaning` says what was looked for.
    """
    files = files_like(folder, patterns)
    if len(files) == 1:
        return files[0]
    wanted = " or ".join(patterns)
    if not files:
        raise BenchError(f"{folder}: no {meaning} in this folder (looked for {wanted})")
    names = ", ".join(file.name for file in files)
    raise BenchError(f"{folder}: more than one {meaning} in this folder ({names}); give the path of one")


def files_like(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    """The files in `folder` that match any of the glob patterns, by name."""
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def _nearest(path: Path) -> str:
    """A hint: the file of a similar name beside it, or the folder that is missing already."""
    if not path.parent.is_dir():
        return f" (nor the folder {path.parent})"
    close = difflib.get_close_matches(path.name, [file.name for file in path.parent.iterdir()], n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
