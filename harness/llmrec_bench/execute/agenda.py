"""What to run next: searches fit by fit, and the trials that wait for them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pydantic import ValidationError

from llmrec_bench.execute.job import FitOfSearch, Job
from llmrec_bench.execute.trial import store_failure
from llmrec_bench.plan import Search
from llmrec_bench.search_space import whole_options
from llmrec_bench.store import Failure, SearchFit, Store, TuningPart
from llmrec_bench.tuning import Attempt, best_of, propose


class Agenda:
    """Knows of every job what can be done once it is finished."""

    def __init__(self, jobs: Sequence[Job], store: Store, finished: Callable[[Job], None]) -> None:
        """`jobs` are the trials to run, those of tuned methods with the options their search starts from; `finished`
        is told of those that can never run."""
        self._store, self._finished = store, finished
        self._ready: list[Job] = []
        self._waiting: dict[str, list[Job]] = {}
        self._searches: dict[str, Search] = {}
        self._fits: dict[str, list[SearchFit]] = {}
        for job in jobs:
            search = job.trial.search
            if search is None or job.measure_again:
                self._ready.append(job)
                continue
            if search.id not in self._searches:
                self._searches[search.id] = search
                self._fits[search.id] = store.fits(search.id)[: search.tuning.fits]
            self._waiting.setdefault(search.id, []).append(job)

    def first(self) -> list[Job]:
        """What nothing else has to precede; searches stand in front, for theirs is the longest way."""
        return [job for search in self._searches for job in self._next(search)] + self._ready

    def after(self, job: Job) -> list[Job]:
        """What can be run now that this job is finished."""
        if job.fit is None:
            return []
        self._learn(job.fit)
        return list(self._next(job.fit.search.id))

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
                store_failure(failed, Failure(phase="", kind="ValidationError", message=message, traceback=""), [])
                self._finished(failed)
                self._learn(fit)
        best = best_of([Attempt(fit.options, fit.value) for fit in fits])
        for job in waiting:
            if best is not None:
                trial = replace(job.trial, method=search.fit(best, fits[best].options).method)
                yield replace(job, trial=trial, tuning=_tuning(search, fits, best))
                continue
            reason = next(fit.failure.message for fit in fits if fit.failure is not None)
            message = f"none of the {len(fits)} fits of its search {identity} came to a value; the first: {reason}"
            store_failure(job, Failure(phase="tuning", kind="SearchFailed", message=message, traceback=""), [])
            self._finished(job)


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
