"""Who follows a run: live lines on a terminal, plain lines elsewhere."""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from llmrec_bench.cost_text import duration_text
from llmrec_bench.execute.job import Job
from llmrec_bench.execute.run import Progress, SearchProgress
from llmrec_bench.llm.budget import BudgetReached
from llmrec_bench.plan import PlannedStage
from llmrec_bench.store import Failure


class RunView:
    """Shows which trials run, how many are done and left, and about how long the rest will take."""

    def __init__(self, console: Console, workers: int) -> None:
        self._console = console
        self._workers = max(1, workers)
        self._live: Live | None = None
        self._running: dict[str, tuple[Job, str]] = {}
        self._started: dict[str, float] = {}
        self._seconds: dict[tuple[str, str], list[float]] = {}
        self._left: list[tuple[str, str]] = []
        self._done = self._total = self._failed = 0
        self._what = "trials"

    @contextmanager
    def open(self) -> Iterator["RunView"]:
        """Show the live lines while the block runs; they are cleared at its end."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(get_renderable=self._render, console=self._console, transient=True, refresh_per_second=4) as live:
            self._live = live
            yield self

    def begin(
        self, progress: Sequence[Progress], searches: Sequence[SearchProgress], stages: Sequence[PlannedStage]
    ) -> "RunView":
        """Learn what is to be run, and from stored records how long such trials take."""
        self._total = len(progress)
        for p in progress:
            key = (p.trial.dataset.label, p.trial.method.label)
            if p.state == "finished":
                self._done += 1
            else:
                self._left.append(key)
            if p.record is not None and p.record.resources is not None:
                spent = p.record.resources
                answering = spent.score_seconds + spent.rank_seconds + spent.explain_seconds
                self._seconds.setdefault(key, []).append(spent.fit_seconds + answering)
        for found in searches:
            self._what = "jobs"
            key = (found.search.dataset.label, found.search.method.label)
            missing = found.search.tuning.fits - len(found.fits)
            self._total += found.search.tuning.fits
            self._done += len(found.fits)
            self._left += [key] * missing
            self._seconds.setdefault(key, []).extend(fit.fit_seconds for fit in found.fits)
        for planned in stages:
            self._what = "jobs"
            self._total += 1
            self._left.append((planned.dataset.label, planned.stage.name))
        return self

    def phase(self, job: Job, phase: str) -> None:
        """A job has entered a phase."""
        self._started.setdefault(job.label, time.monotonic())
        self._running[job.label] = (job, phase)

    def finished(self, job: Job, failure: Failure | None) -> None:
        """A trial's record, a search's fit or a stage's artifact is stored, or there is a reason why not."""
        trial = job.trial
        key = (trial.dataset.label, trial.method.label if job.stage is None else job.stage.stage.name)
        seconds = time.monotonic() - self._started.pop(job.label, time.monotonic())
        self._running.pop(job.label, None)
        self._seconds.setdefault(key, []).append(seconds)
        self._left.remove(key)
        self._done += 1
        found = ""
        if job.fit is not None and (fit := job.store.fit(job.fit.search.id, job.fit.number)) is not None:
            found = "" if fit.value is None else f"{fit.metric} {fit.value:.4f} on validation, "
        line = f"[{self._done}/{self._total}] {job.label}: "
        if failure is not None:
            self._failed += 1
            first = (failure.message.strip() or "no message").splitlines()[0]
            stopped = "left for another run" if failure.kind == BudgetReached.__name__ else "FAILED"
            line += f"{stopped} in {failure.phase or 'its process'} ({failure.kind}: {first})"
        else:
            line += f"{found}{duration_text(seconds)}"
        if self._left and not self._console.is_terminal:
            line += f"; {len(self._left)} left, {self._time_left()}"
        self._console.print(Text(line, style="red" if failure else ""), soft_wrap=True)

    def notice(self, message: str) -> None:
        """Something went wrong beside the trials."""
        self._console.print(Text(message, style="red"), soft_wrap=True)

    def _render(self) -> Text:
        now = time.monotonic()
        lines = [
            f"  {job.label}: {phase}, {duration_text(now - self._started[job.label])}"
            for job, phase in list(self._running.values())
        ]
        failed = f", {self._failed} failed" if self._failed else ""
        done = f"{self._done} of {self._total} {self._what} done{failed}"
        lines.append(f"{done}, {len(self._left)} left, {self._time_left()}")
        return Text("\n".join(lines))

    def _time_left(self) -> str:
        """From trials of the same method, on the same data set where one is done; nothing is guessed for the others."""
        total, untimed = 0.0, dict[str, None]()
        for key in self._left:
            _, method = key
            elsewhere = [s for (_, other), spans in self._seconds.items() if other == method for s in spans]
            like = self._seconds.get(key) or elsewhere
            if like:
                total += statistics.fmean(like)
            else:
                untimed[method] = None
        running = sum(time.monotonic() - start for start in self._started.values())
        span = duration_text(max(0.0, total - running) / self._workers)
        return f"more than {span} left ({', '.join(untimed)} not timed yet)" if untimed else f"about {span} left"
