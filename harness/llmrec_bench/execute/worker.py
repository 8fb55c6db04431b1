"""The life of a worker process: take a job, run it, say so."""

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from llmrec_bench.errors import BenchError
from llmrec_bench.store import Failure


def work(link: Connection) -> None:
    """Serve the run that holds the other end of `link`, until it closes it."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    serve(link, {})


def serve(link: Connection, provenance: dict[str, Any]) -> None:
    """Run job after job. `provenance` is what this process knows better than the run does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process answers Ctrl-C
    os.dup2(2, 1)  # standard output is for what was asked for, such as one JSON object; plugins print beside it
    from llmrec_bench.execute.trial import Workbench

    bench = Workbench()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            try:
                job = link.recv()
            except (EOFError, ConnectionError):
                return
            except Exception as error:  # what the job consists of does not exist here
                trace = traceback.format_exc()
                failure = Failure(phase="", kind=type(error).__name__, message=str(error), traceback=trace)
                link.send(("unread", failure))
                continue
            job = replace(job, provenance={**job.provenance, **provenance})
            try:
                failed = bench.run(job, lambda phase: link.send(("phase", phase)))
            except BenchError as error:
                link.send(("stopped", str(error)))
                return
            link.send(("finished", failed))


def _leave_with_parent() -> None:
    """A killed run must not leave workers behind that go on writing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
