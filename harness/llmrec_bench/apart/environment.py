"""Another environment's interpreter, asked what is installed there."""

import json
import os
import subprocess
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from llmrec_bench.errors import BenchError


def interpreter_of(folder: Path) -> Path:
    """The Python of a virtual environment. Raises `BenchError` where there is none."""
    for place in ("bin/python", "Scripts/python.exe"):
        if (folder / place).exists():
            return folder.absolute() / place  # not resolved: the link is what makes it this environment's
    raise BenchError(f"{folder} is no virtual environment (it has no bin/python); make one with python -m venv")


def own_variables() -> dict[str, str]:
    """The environment variables of this process without those that would lead another Python to this one's packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


class Environment:
    """What is installed in another environment, and what its methods make of their options."""

    def __init__(self, folder: Path) -> None:
        """Starts the interpreter. Raises `BenchError` where that fails, llmrec-bench is not installed there, or is
        another version than here."""
        self.folder, self.interpreter = folder, interpreter_of(folder)
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process; a pipe that nobody reads fills
        self._process = subprocess.Popen(
            [self.interpreter, "-P", "-m", "llmrec_bench.apart.answer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env=own_variables(),
            text=True,
            encoding="utf-8",
        )
        self.inventory = self._hear()
        here, there = version("llmrec-bench"), self.inventory["version"]
        if here != there:
            raise BenchError(f"{folder} has llmrec-bench {there}, and here runs {here}; install the same there")

    def resolve(self, method: str, options: dict[str, Any]) -> dict[str, Any]:
        """`config` and `identity`, the method's options in full and what of them names a result, or `faults`, a
        sentence for each."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"method": method, "options": options}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; its last words are heard below
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        process = self._process
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            self._words.seek(0)
            words = self._words.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise BenchError(f"{self.folder}: its Python ended at once: {words[-1]}; is llmrec-bench installed there?")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(f"{self.folder}: {answer['error']}")
        return answer


@cache
def open_environment(folder: Path) -> Environment:
    """The environment in a folder, asked once in a process. Raises `BenchError` as `Environment` does."""
    return Environment(folder)
