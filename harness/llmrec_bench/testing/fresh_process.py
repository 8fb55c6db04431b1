"""Other interpreters: what importing a plugin does in a new one, and work handed to one that was spawned."""

import functools
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

FRAMEWORKS = ("torch", "transformers", "recbole", "tensorflow", "jax", "peft")
"""What takes seconds to import: everybody who lists plugins would wait for it."""

_SECONDS = 120

_IMPORT = f"""
import importlib, json, sys
dialled = []
def listen(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        dialled.append(str(arguments[1] if event == "socket.connect" else arguments[0]))
        raise OSError("no network while a plugin is imported")
sys.addaudithook(listen)
fault = ""
try:
    importlib.import_module(sys.argv[1])
except BaseException as error:
    fault = " ".join(f"{{type(error).__name__}}: {{error}}".split())
frameworks = [name for name in {FRAMEWORKS!r} if name in sys.modules]
print(json.dumps({{"fault": fault, "dialled": dialled, "frameworks": frameworks}}))
"""


@dataclass(frozen=True)
class ImportReport:
    """What importing a module did in an interpreter that had loaded nothing."""

    fault: str
    """What it raised, in one line; '' where nothing."""
    dialled: list[str]
    """Addresses that it asked the network for."""
    frameworks: list[str]
    """Those of `FRAMEWORKS` that it loaded."""


@functools.cache
def import_report(module: str) -> ImportReport:
    """Import a module in a new interpreter, without a network."""
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT, module],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    if done.returncode:
        return ImportReport(f"the interpreter ended with status {done.returncode}", [], [])
    return ImportReport(**json.loads(done.stdout.splitlines()[-1]))


def in_another_process(function: Callable[..., ResultT], *arguments: Any) -> ResultT:
    """What a function returns in a process that was spawned, to which it and its arguments are sent pickled.

    Raises whatever pickling or the function raises, and `TimeoutError` where it comes to no end within two minutes.
    """
    message = pickle.dumps((function, arguments))
    pool, worker = _worker()
    try:
        result: ResultT = pool.submit(_unpack, sys.path, message).result(timeout=_SECONDS)
    except (BrokenProcessPool, TimeoutError) as error:
        _worker.cache_clear()  # the next check gets another one
        # It died, or hangs: what waits for it at the end of this process would wait for ever. What the function raised
        # itself left it idle.
        for child in multiprocessing.active_children():
            if child.pid == worker:
                child.kill()
        if isinstance(error, TimeoutError) and not str(error):
            raise TimeoutError(f"came to no end within {_SECONDS} seconds") from None
        raise
    return result


@functools.cache
def _worker() -> tuple[ProcessPoolExecutor, int]:
    """The pool, and the id of its one process."""
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    return pool, pool.submit(os.getpid).result(timeout=_SECONDS)


def _unpack(path: list[str], message: bytes) -> Any:
    sys.path[:] = path
    function, arguments = pickle.loads(message)
    return function(*arguments)
