"""The local engine: worker processes, each holding one trial at a time."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from llmrec_bench.errors import BenchError
from llmrec_bench.execute.job import Job
from llmrec_bench.execute.limits import LOOK_SECONDS, NO_LIMITS, Limits, kill_with_children
from llmrec_bench.execute.worker import work
from llmrec_bench.execute.worker_apart import WorkerApart
from llmrec_bench.store import Failure

# One thread a trial: sums come out the same however many workers share the machine.
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Watcher(Protocol):
    """Somebody who wants to know how a run is getting on."""

    def phase(self, job: Job, phase: str) -> None:
        """A job has entered a phase: load, build, fit, validate, score, measure or write."""

    def finished(self, job: Job, failure: Failure | None) -> None:
        """A trial's record, a search's fit or a stage's artifact is stored, or there is a reason why not."""

    def notice(self, message: str) -> None:
        """Something went wrong beside the trials."""


def run_jobs(
    jobs: Sequence[Job],
    workers: int,
    watcher: Watcher,
    after: Callable[[Job, Failure | None], Sequence[Job]] = lambda job, failure: (),
    limits: Limits = NO_LIMITS,
) -> None:
    """Run every job, and then what `after` names once it is finished or has failed; returns when all are done.

    `workers` processes share the jobs; 0 runs them in this process, for a debugger. A worker that dies, or whose trial
    passes its limits, leaves a failed record for the trial it held, and is replaced. Raises `BenchError` where a
    record cannot be stored, and for limits without a worker process that could be ended.
    """
    if workers == 0:
        if limits:
            raise BenchError("--workers 0: a limit ends the process that a trial runs in; leave out one of them")
        from llmrec_bench.execute.trial import Workbench

        bench = Workbench()
        waiting = deque(jobs)
        while waiting:
            job = waiting.popleft()
            failure = bench.run(job, lambda phase, job=job: watcher.phase(job, phase))  # type: ignore[misc]
            watcher.finished(job, failure)
            waiting.extendleft(reversed(after(job, failure)))
        return
    waiting = deque(jobs)
    more_to_come = any(job.fit or job.stage for job in jobs)
    with _threads_limited(), _team(workers if more_to_come else min(workers, len(jobs))) as team:
        while waiting or any(seat.job for seat in team):
            while waiting and (idle := [seat for seat in team if seat.job is None]):
                job = waiting.popleft()
                # A worker of the right interpreter is kept for its jobs where there is one; else one that is not there
                # yet is hired.
                seat = min(idle, key=lambda s: (not s.suits(job), s.worker is not None))
                seat.take(job)
            busy = [seat for seat in team if seat.job is not None]
            workers_at_work = [seat.worker for seat in busy if seat.worker is not None]
            ends = [end for worker in workers_at_work for end in (worker.link, worker.process.sentinel)]
            ready = set(wait(ends, LOOK_SECONDS if limits else None))
            for seat in busy:
                held, worker = seat.job, seat.worker
                assert held is not None
                assert worker is not None
                heard = _hear(seat, watcher) if {worker.link, worker.process.sentinel} & ready else None
                if heard is None:
                    heard = _stop(seat, watcher, limits)
                if heard is not None:
                    waiting.extendleft(reversed(after(held, heard.failure)))  # what others wait for goes first


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess | WorkerApart
    link: Connection
    interpreter: Path | None = None
    """Whose Python it is; None for this one's."""


@dataclass
class _Seat:
    """Room for one worker at a time."""

    worker: _Worker | None = None
    """None until a job comes."""
    job: Job | None = None
    phase: str = ""
    """Of the job, as last heard of."""
    started: float = 0.0
    """When the worker took the job, of `time.monotonic()`."""

    def suits(self, job: Job) -> bool:
        """Whether the worker that is here can run it."""
        worker = self.worker
        return worker is not None and worker.interpreter == job.interpreter and worker.process.is_alive()

    def take(self, job: Job) -> None:
        """Have the worker run the job, a new one where the one that is here cannot."""
        if not self.suits(job):
            self.clear()
            self.worker = _hire(job.interpreter)
        assert self.worker is not None
        self.job, self.phase, self.started = job, "", time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it died idle; its sentinel says so
            self.worker.link.send(job)

    def clear(self) -> None:
        """Let the worker go; where it is idle nothing is lost."""
        if self.worker is not None:
            self.worker.link.close()
            self.worker.process.kill()
            self.worker.process.join()
        self.worker = None


@dataclass(frozen=True)
class _Heard:
    """How a worker's job ended."""

    failure: Failure | None


def _hear(seat: _Seat, watcher: Watcher, ended: Failure | None = None) -> _Heard | None:
    """Read what a worker says; None while its job goes on. Where it died, its trial is written down as failed, for the
    reason in `ended` where it was made to."""
    job, worker = seat.job, seat.worker
    assert job is not None
    assert worker is not None
    alive = worker.process.is_alive()  # asked first: what it said before it died is still in the pipe
    try:
        while worker.link.poll():
            kind, value = worker.link.recv()
            if kind == "phase":
                seat.phase = value
                watcher.phase(job, value)
            elif kind == "finished":
                seat.job = None
                watcher.finished(job, value)
                return _Heard(value)
            elif kind == "unread":
                return _lost(seat, job, value, watcher)
            elif kind == "stopped":
                raise BenchError(value)
        if alive:
            return None
    except (EOFError, ConnectionResetError):
        pass
    worker.process.join()
    reason = _reason(worker.process.exitcode)
    died = Failure(phase="", kind="WorkerDied", message=f"the worker process {reason}", traceback="")
    return _lost(seat, job, ended or died, watcher)


def _stop(seat: _Seat, watcher: Watcher, limits: Limits) -> _Heard | None:
    """End a worker whose trial has passed its limits; None where it has not, or what it holds is a stage."""
    job, worker = seat.job, seat.worker
    assert job is not None
    assert worker is not None
    process_id = worker.process.pid
    assert process_id is not None  # it was started
    if job.stage is not None or limits.passed(seat.phase, seat.started, process_id) is None:
        return None
    heard = _hear(seat, watcher)  # it may have got further meanwhile
    if heard is not None or seat.phase == "write":  # what is being written is done
        return heard
    passed = limits.passed(seat.phase, seat.started, process_id)
    if passed is None:
        return None
    kill_with_children(process_id)
    worker.process.join()
    return _hear(seat, watcher, passed)  # its last words may be that it was done


def _lost(seat: _Seat, job: Job, failure: Failure, watcher: Watcher) -> _Heard:
    """Write down a job that its worker could not bring to an end."""
    from llmrec_bench.execute.trial import store_failure

    seat.job = None
    if job.stage is None:
        store_failure(job, failure, [])
    watcher.finished(job, failure)
    return _Heard(failure)


def _reason(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = "; the machine may have run out of memory" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"
    return f"ended itself with exit code {exitcode}"


@contextlib.contextmanager
def _team(size: int) -> Iterator[list[_Seat]]:
    team = [_Seat() for _ in range(size)]
    try:
        yield team
    finally:
        for seat in team:
            seat.clear()


def _hire(interpreter: Path | None) -> _Worker:
    if interpreter is not None:
        apart = WorkerApart(interpreter)
        return _Worker(apart, apart.link, interpreter)
    # spawn: a forked child would inherit the locks of numpy's and arrow's thread pools in any state.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


@contextlib.contextmanager
def _threads_limited() -> Iterator[None]:
    earlier = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
