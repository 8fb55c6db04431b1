"""A worker in another environment: the same life, under another interpreter.

`multiprocessing` hands its children this process's import paths, which is what an environment of its own is to be kept
from; so this one starts bare and gets its links by number.
"""

import os
import subprocess
import sys
import threading
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from llmrec_bench.apart.environment import own_variables


class WorkerApart:
    """What `multiprocessing.Process` is for other workers, as far as the engine asks."""

    def __init__(self, interpreter: Path) -> None:
        """Starts it."""
        self.link, theirs = Pipe()
        ended, held = os.pipe()  # `held` is closed when the worker ends, and `ended` then readable
        gone, here = os.pipe()  # the other way round: so the worker learns that this process has ended
        self._ended, self._here = os.fdopen(ended), os.fdopen(here, "w")  # closed when this object goes
        self._process = subprocess.Popen(
            [interpreter, "-P", "-m", "llmrec_bench.execute.worker_apart", str(theirs.fileno()), str(gone)],
            pass_fds=(theirs.fileno(), held, gone),
            stdin=subprocess.DEVNULL,
            env=own_variables(),
        )
        theirs.close()
        os.close(held)
        os.close(gone)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def sentinel(self) -> int:
        """A descriptor that is readable once the process has ended."""
        return self._ended.fileno()

    @property
    def exitcode(self) -> int | None:
        """None while it lives; minus the number of the signal that ended it."""
        return self._process.poll()

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, so many seconds at most."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return

    def kill(self) -> None:
        """End it, if it lives."""
        self._process.kill()


def _leave_at_end_of(descriptor: int) -> None:
    os.read(descriptor, 1)  # nothing is ever written
    os._exit(1)


def _main() -> None:
    from llmrec_bench.execute.provenance import versions
    from llmrec_bench.execute.worker import serve

    link, gone = (int(word) for word in sys.argv[1:])
    threading.Thread(target=_leave_at_end_of, args=(gone,), daemon=True).start()
    serve(Connection(link), {**versions(), "environment": "its own"})


if __name__ == "__main__":
    _main()
