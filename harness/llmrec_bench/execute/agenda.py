"""What to run next: stages, searches fit by fit, and the trials that wait for them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pydantic import ValidationError

from llmrec_bench.execute.job import FitOfSearch, Job
from llmrec_bench.execute.trial import store_failure
from llmrec_bench.llm.budget import BudgetReached
from llmrec_bench.plan import PlannedStage, Search, Trial
from llmrec_bench.search_space import whole_options
from llmrec_bench.store import Failure, SearchFit, Store, TuningPart
from llmrec_bench.tuning import Attempt, best_of, propose


class Agenda:
    """Knows of every job what can be done once it is finished."""

    def __init__(self, jobs: Sequence[Job], store: Store, finished: Callable[[Job, Failure | None], None]) -> None:
        """`jobs` are the trials to run, those of tuned methods with the options their search starts from; `finished`
        is told of those that can never run."""
        self._store, self._finished = store, finished
        self._ready: list[Job] = []
        self._waiting: dict[str, list[Job]] = {}
        self._searches: dict[str, Search] = {}
        self._fits: dict[str, list[SearchFit]] = {}
        self._unbuilt = stage_jobs(jobs)
        self._failures: dict[str, Failure] = {}
        self._started: set[str] = set()
        self._held: list[Job] = []
        for job in jobs:
            if any(planned.key in self._unbuilt for planned in job.stages):
                self._held.append(job)
            else:
                self._admit(job)

    def first(self) -> list[Job]:
        """What nothing else has to precede; stages and searches stand in front, for theirs is the longest way."""
        return [*self._buildable(), *self._admitted()]

    def after(self, job: Job, failure: Failure | None) -> list[Job]:
        """What can be run now that this job is finished, or has failed."""
        if job.stage is not None:
            del self._unbuilt[job.stage.key]
            if failure is not None:
                self._failures[job.stage.key] = failure
            self._release()
            return [*self._buildable(), *self._admitted()]
        if job.fit is None:
            return []
        if failure is not None and failure.kind == BudgetReached.__name__:
            return []  # its fit is not stored, and the trials that wait for the search are left for another run
        self._learn(job.fit)
        return list(self._next(job.fit.search.id))

    def _admit(self, job: Job) -> None:
        """Of a job whose stages are built."""
        search = job.trial.search
        if search is None or job.measure_again:
            self._ready.append(job)
            return
        if search.id not in self._searches:
            self._searches[search.id] = search
            self._fits[search.id] = self._store.fits(search.id)[: search.tuning.fits]
        self._waiting.setdefault(search.id, []).append(job)

    def _admitted(self) -> list[Job]:
        """The jobs and first fits that have become possible, each once."""
        searches = [identity for identity in self._searches if identity not in self._started]
        self._started.update(searches)
        ready, self._ready = self._ready, []
        return [*(job for identity in searches for job in self._next(identity)), *ready]

    def _buildable(self) -> Iterator[Job]:
        """The stages whose children are built; one whose child failed fails with it."""
        for key, job in list(self._unbuilt.items()):
            assert job.stage is not None
            failed = next((self._failures[child] for child in job.stage.children if child in self._failures), None)
            if failed is not None:
                del self._unbuilt[key]
                self._failures[key] = failed
                self._finished(job, failed)
                self._release()
            elif key not in self._started and not any(child in self._unbuilt for child in job.stage.children):
                self._started.add(key)
                yield job

    def _release(self) -> None:
        """Admit the jobs whose stages are all built, and fail those that wait for a stage that failed."""
        held, self._held = self._held, []
        for job in held:
            failed = next(
                ((p, self._failures[p.key]) for p in job.stages if p.key in self._failures),
                None,
            )
            if failed is None:
                if any(planned.key in self._unbuilt for planned in job.stages):
                    self._held.append(job)
                else:
                    self._admit(job)
                continue
            planned, failure = failed
            phase = failure.phase or f"stage {planned.stage.name}"
            if failure.kind != BudgetReached.__name__:  # which says nothing of the trial: it is left for another run
                store_failure(job, failure.model_copy(update={"phase": phase}), [])
            self._finished(job, failure)

    def _learn(self, fit: FitOfSearch) -> None:
        stored = self._store.fit(fit.search.id, fit.number)
        assert stored is not None  # a job is finished when it is stored
        self._fits[fit.search.id].append(stored)

    def _next(self, identity: str) -> Iterator[Job]:
        """The next fit of a search or, after its last one, the trials that waited for it."""
        search, waiting, fits = self._searches[identity], self._waiting[identity], self._fits[identity]
        while len(fits) < search.tuning.fits:
            kind, untuned = search.method.method.Config, search.method.config.model_dump()
            past = [Attempt(fit.options, fit.value) for fit in fits]
            options = propose(search.method.space, whole_options(kind), untuned, past, search.tuning)
            fit = FitOfSearch(search, len(fits), options)
            try:
                yield replace(waiting[0], trial=search.fit(len(fits), options), fit=fit)
                return
            except ValidationError as error:  # options that are fine one by one and do not go together
                reason = error.errors()[0]["msg"].removeprefix("Value error, ")
                message = f"these options do not go together: {reason}"
                failed = replace(waiting[0], fit=fit)
                failure = Failure(phase="", kind="ValidationError", message=message, traceback="")
                store_failure(failed, failure, [])
                self._finished(failed, failure)
                self._learn(fit)
        best = best_of([Attempt(fit.options, fit.value) for fit in fits])
        for job in waiting:
            if best is not None:
                trial = replace(job.trial, method=search.fit(best, fits[best].options).method)
                yield replace(job, trial=trial, tuning=_tuning(search, fits, best))
                continue
            reason = next(fit.failure.message for fit in fits if fit.failure is not None)
            message = f"none of the {len(fits)} fits of its search {identity} came to a value; the first: {reason}"
            failure = Failure(phase="tuning", kind="SearchFailed", message=message, traceback="")
            store_failure(job, failure, [])
            self._finished(job, failure)


def stage_jobs(jobs: Sequence[Job]) -> dict[str, Job]:
    """A job for every stage that is still to be built, by key, children first."""
    return {
        planned.key: replace(job, trial=_trial_on(planned, job.trial), stage=planned, measure_again=False)
        for job in jobs
        for planned in job.stages
        if job.artifacts.manifest(planned.stage, planned.key) is None
    }


def _trial_on(planned: PlannedStage, trial: Trial) -> Trial:
    """The trial on the data that the stage is built on."""
    protocol = planned.protocol
    return replace(
        trial,
        dataset=planned.dataset,
        fingerprint=planned.fingerprint,
        protocol=protocol,
        protocol_hash=protocol.hash,
    )


def _tuning(search: Search, fits: Sequence[SearchFit], best: int) -> TuningPart:
    value = fits[best].value
    assert value is not None  # that is what made it the best
    return TuningPart(
        search=search.id,
        fits=len(fits),
        failed_fits=sum(fit.value is None for fit in fits),
        fit_seconds=sum(fit.fit_seconds for fit in fits),
        metric=search.tuning.metric,
        value=value,
        untuned_value=fits[0].value,
        options=fits[best].options,
    )
