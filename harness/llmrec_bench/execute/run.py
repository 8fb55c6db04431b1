"""Plan -> records: what is missing is run, what is there stays."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from llmrec_bench.apart.method import ApartMethod
from llmrec_bench.artifacts import Artifacts
from llmrec_bench.errors import SuiteErrors
from llmrec_bench.execute.agenda import Agenda, stage_jobs
from llmrec_bench.execute.estimate import unanswerable
from llmrec_bench.execute.job import Job
from llmrec_bench.execute.limits import NO_LIMITS, Limits
from llmrec_bench.execute.local import Watcher, run_jobs
from llmrec_bench.execute.provenance import gather_provenance
from llmrec_bench.execute.sending import lacking, sendable
from llmrec_bench.llm.budget import Budget, BudgetReached
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import load_prices
from llmrec_bench.method import Method
from llmrec_bench.plan import Plan, PlannedStage, Search, Trial
from llmrec_bench.plugins import Catalog
from llmrec_bench.store import Failure, Record, SearchFit, Store

State = Literal["finished", "failed", "missing", "lacks metrics"]


@dataclass(frozen=True)
class Progress:
    """One planned trial and how far it is."""

    trial: Trial
    state: State
    record: Record | None


def progress_of(plan: Plan, store: Store) -> list[Progress]:
    """Every trial of the plan with what the store holds of it.

    Raises `BenchError` naming a stored record that cannot be read.
    """
    columns = {dataset.label: set(plan.suite.columns_on(dataset.label)) for dataset in plan.suite.datasets}
    progress = []
    for trial in plan.trials:
        wanted = columns[trial.dataset.label]
        record = store.record(trial.id)
        state: State
        if record is None:
            state = "missing"
        elif record.status == "failed":
            state = "failed"
        else:
            state = "finished" if wanted <= record.metrics.keys() else "lacks metrics"
        progress.append(Progress(trial, state, record))
    return progress


@dataclass(frozen=True)
class SearchProgress:
    """One search of the plan and how far it is."""

    search: Search
    fits: list[SearchFit]
    """Those done, up to its budget."""


def searches_of(plan: Plan, store: Store) -> list[SearchProgress]:
    """Every search of the plan with its stored fits. Raises `BenchError` naming a file that cannot be read."""
    return [SearchProgress(s, store.fits(s.id)[: s.tuning.fits]) for s in plan.searches]


def asking_for(
    plan: Plan, catalog: Catalog, store: Store, replay: bool = False, budget_usd: float | None = None
) -> Asking:
    """How the suite says that language models are asked, with answers recorded beside the results.

    `replay` asks nothing, whatever the suite says; `budget_usd` bounds what the run spends.
    Raises `BenchError` for a price list that cannot be read.
    """
    use = plan.suite.llm
    return Asking(
        kinds=catalog.language_models,
        cassette=use.cassette or (store.root / "cassette").absolute(),
        prices=load_prices(use.prices),
        mode="replay" if replay else use.mode,
        budget=None if budget_usd is None else Budget((store.folder / "budget.json").absolute(), budget_usd),
    )


class Silence:
    """A watcher who says nothing."""

    def phase(self, job: Job, phase: str) -> None:
        """A trial has entered a phase."""

    def finished(self, job: Job, failure: Failure | None) -> None:
        """A trial's record is stored, or there is a reason why not."""

    def notice(self, message: str) -> None:
        """Something went wrong beside the trials: not even silence keeps that to itself."""
        warnings.warn(message, stacklevel=2)


def run_plan(
    plan: Plan,
    catalog: Catalog,
    store: Store,
    workers: int = 1,
    device: str = "cpu",
    watch: Callable[[list[Progress], list[SearchProgress], list[PlannedStage]], Watcher] = lambda *_: Silence(),
    asking: Asking | None = None,
    limits: Limits = NO_LIMITS,
) -> list[Progress]:
    """Run every trial that is missing or failed, stages and the searches of tuned methods first, and return how all
    trials stand.

    `workers` processes share the work; 0 runs them in this process. `watch` is told what stands at the start (trials,
    searches, and the stages to be built) and returns who follows the run. `asking` says how language models are
    asked; left out, as the suite does. A trial that passes its `limits` fails alone. Hooks hear of each record.
    Raises `BenchError` where the results folder is taken, not writable or full; finished trials stay. Raises
    `SuiteErrors`, before anything runs, with all that keeps trials from their language models, and with all that a
    method's own environment lacks.
    """
    if asking is None:
        asking = asking_for(plan, catalog, store)
    artifacts = Artifacts(store.root / "artifacts")
    with store.lock():
        if asking.budget is not None:
            asking.budget.open()
        before = progress_of(plan, store)
        todo = [p for p in before if p.state != "finished"]
        faults = unanswerable(
            plan, store, asking, [p.trial.id for p in before if p.state in ("finished", "lacks metrics")]
        )
        if faults:
            raise SuiteErrors(faults)
        if todo:
            provenance = gather_provenance(plan.suite.path.parent)
            jobs = [
                Job(
                    trial=p.trial,
                    store=store,
                    suite=plan.suite.name,
                    plugin=_plugin(p.trial.method.method, catalog),
                    metrics={name: catalog.metrics[name] for name in plan.suite.metrics},
                    known_metrics=catalog.metrics,
                    artifacts=artifacts,
                    asking=asking,
                    device=device,
                    provenance=provenance,
                    measure_again=p.state == "lacks metrics",
                    stages=plan.stages_for(p.trial) if p.state != "lacks metrics" else (),
                )
                for p in todo
            ]
            faults = lacking(jobs)
            if faults:
                raise SuiteErrors(faults)
            jobs = [sendable(job) for job in jobs]
            needed = {p.trial.search.id for p in todo if p.trial.search is not None and p.state != "lacks metrics"}
            for found in searches_of(plan, store):
                # Where every fit failed, whatever was wrong may have been mended: the search starts again.
                if found.search.id in needed and found.fits and all(fit.value is None for fit in found.fits):
                    store.forget_fits(found.search.id)
            searches = [found for found in searches_of(plan, store) if found.search.id in needed]
            unbuilt = [job.stage for job in stage_jobs(jobs).values() if job.stage is not None]
            herald = _Herald(watch(before, searches, unbuilt), catalog)
            agenda = Agenda(jobs, store, herald.finished)
            run_jobs(agenda.first(), workers, herald, agenda.after, limits)
        return progress_of(plan, store)


def _plugin(method: type[Method], catalog: Catalog) -> str:
    return method.plugin if issubclass(method, ApartMethod) else catalog.plugin_of[f"method {method.name}"]


class _Herald:
    """Passes on what happens, and tells the plugins of each stored record."""

    def __init__(self, watcher: Watcher, catalog: Catalog) -> None:
        self._watcher = watcher
        self._hooks = catalog.hooks.hook

    def phase(self, job: Job, phase: str) -> None:
        self._watcher.phase(job, phase)

    def finished(self, job: Job, failure: Failure | None) -> None:
        self._watcher.finished(job, failure)
        if job.fit is not None or job.stage is not None:
            return
        if failure is not None and failure.kind == BudgetReached.__name__:
            return  # nothing was stored
        record = job.store.record(job.trial.id)
        assert record is not None  # a job is finished when it is stored
        # One by one: a plugin that fails here must not cost the run, nor the others their call.
        for implementation in self._hooks.trial_finished.get_hookimpls():
            try:
                implementation.function(**dict.fromkeys(implementation.argnames, record))
            except Exception as error:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                self._watcher.notice(f"plugin '{implementation.plugin_name}': trial_finished raised {reason}")

    def notice(self, message: str) -> None:
        self._watcher.notice(message)
