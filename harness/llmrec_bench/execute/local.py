"""The local engine: worker processes, each holding one trial at a time."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
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
        while waiting or any(member.job for member in team):
            for i, member in enumerate(team):
                if member.job is None and waiting:
                    job = waiting.popleft()
                    if member.interpreter != job.interpreter:
                        member.dismiss()
                        team[i] = _hire(job.interpreter)
                    team[i].take(job)
            busy = [member for member in team if member.job is not None]
            ready = wait([end for m in busy for end in (m.link, m.process.sentinel)], LOOK_SECONDS if limits else None)
            for i, member in enumerate(team):
                if member.job is None:
                    continue
                job = member.job
                heard = None
                if member.link in ready or member.process.sentinel in ready:
                    heard = _hear(member, watcher)
                if heard is None and member.job is not None:
                    heard = _stop(member, watcher, limits)
                if heard is None:
                    continue
                if heard.died:
                    member.link.close()
                    team[i] = _hire(member.interpreter)
                waiting.extendleft(reversed(after(job, heard.failure)))  # what others wait for goes first


@dataclass
class _Member:
    process: BaseProcess | WorkerApart
    link: Connection
    interpreter: Path | None = None
    """Whose Python it is; None for this one's."""
    job: Job | None = None
    phase: str = ""
    """Of the job, as last heard of."""
    started: float = 0.0
    """When it took the job, of `time.monotonic()`."""

    def take(self, job: Job) -> None:
        self.job, self.phase, self.started = job, "", time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it died idle; its sentinel says so
            self.link.send(job)

    def dismiss(self) -> None:
        """Of a worker that has nothing to do: it leaves when its link is closed."""
        self.link.close()
        self.process.join(timeout=5)
        self.process.kill()


@dataclass(frozen=True)
class _Heard:
    """How a worker's job ended."""

    failure: Failure | None
    died: bool = False


def _hear(member: _Member, watcher: Watcher) -> _Heard | None:
    """Read what a worker says; None while its job goes on. Where it died, its trial is written down as failed."""
    job = member.job
    assert job is not None
    alive = member.process.is_alive()  # asked first: what it said before it died is still in the pipe
    try:
        while member.link.poll():
            kind, value = member.link.recv()
            if kind == "phase":
                member.phase = value
                watcher.phase(job, value)
            elif kind == "finished":
                member.job = None
                watcher.finished(job, value)
                return _Heard(value)
            elif kind == "unread":
                member.job = None
                return replace(_lost(job, value, watcher), died=False)
            elif kind == "stopped":
                raise BenchError(value)
        if alive:
            return None
    except (EOFError, ConnectionResetError):
        pass
    member.process.join()
    reason = _reason(member.process.exitcode)
    failure = Failure(phase="", kind="WorkerDied", message=f"the worker process {reason}", traceback="")
    return _lost(job, failure, watcher)


def _stop(member: _Member, watcher: Watcher, limits: Limits) -> _Heard | None:
    """End a worker whose trial has passed its limits; None where it has not, or what it holds is a stage."""
    job, process_id = member.job, member.process.pid
    if job is None or job.stage is not None or process_id is None or member.phase == "write":
        return None  # what is being written is done
    failure = limits.passed(member.phase, member.started, process_id)
    if failure is None:
        return None
    kill_with_children(process_id)
    member.process.join()
    return _lost(job, failure, watcher)


def _lost(job: Job, failure: Failure, watcher: Watcher) -> _Heard:
    """Write down a job that went with its worker."""
    from llmrec_bench.execute.trial import store_failure

    if job.stage is None:
        store_failure(job, failure, [])
    watcher.finished(job, failure)
    return _Heard(failure, died=True)


def _reason(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = "; the machine may have run out of memory" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"
    return f"ended itself with exit code {exitcode}"


@contextlib.contextmanager
def _team(size: int) -> Iterator[list[_Member]]:
    team = [_hire() for _ in range(size)]
    try:
        yield team
    finally:
        for member in team:
            member.link.close()
            if member.job is not None:
                member.process.kill()
        for member in team:
            member.process.join(timeout=5)
            member.process.kill()


def _hire(interpreter: Path | None = None) -> _Member:
    if interpreter is not None:
        apart = WorkerApart(interpreter)
        return _Member(apart, apart.link, interpreter)
    # spawn: a forked child would inherit the locks of numpy's and arrow's thread pools in any state.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Member(process, ours)


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
