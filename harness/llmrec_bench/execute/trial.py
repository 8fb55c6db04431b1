"""One trial from data to record: fit, score, rank, measure, with the seconds, the memory and the money each took."""

import math
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.data.training import Queries
from llmrec_bench.errors import BenchError
from llmrec_bench.evaluate import rank
from llmrec_bench.execute.explain import explain
from llmrec_bench.execute.job import FitOfSearch, Job
from llmrec_bench.execute.lending import Models, finished_artifact, open_models
from llmrec_bench.execute.measure import (
    accuracy_by_place,
    list_table,
    measure,
    measure_texts,
    rank_table,
    standard_errors,
    target_places,
    tie_bounds,
)
from llmrec_bench.execute.memory import peak_memory_bytes, reset_peak_memory
from llmrec_bench.execute.stage_build import build_stage
from llmrec_bench.execute.trial_data import Loader, TrialData
from llmrec_bench.execute.validation import validation_value
from llmrec_bench.llm.budget import BudgetReached
from llmrec_bench.llm.meter import Meter, Spending
from llmrec_bench.method import Method, Run, Scores
from llmrec_bench.metrics.chance import chance
from llmrec_bench.metrics.metric import RankingMetric, TextMetric
from llmrec_bench.metrics.rankings import Rankings
from llmrec_bench.protocol import CandidateFile
from llmrec_bench.store import (
    DatasetPart,
    Failure,
    MethodPart,
    ProtocolPart,
    Record,
    Resources,
    SearchFit,
    StagePart,
)

_PHASES = ("load", "fit", "score", "rank", "explain", "measure")
"""Of a trial. A fit of a search ends with `validate`."""

_PLACES_QUERIES = 512

_KEPT = ("resources", "log", "remarks", "tuning", "stages", "spending", "parameters")
"""Of a record whose trial is only measured again."""


@dataclass
class _Course:
    """How far a trial has come: its phase, the seconds of each phase, and the lines it logged."""

    report: Callable[[str], None]
    phase: str = "load"
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys((*_PHASES, "validate"), 0.0))
    log: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)
    parameters: int | None = None
    places: npt.NDArray[np.int64] | None = None
    """Of the targets in prompts; None for a method that shows none."""

    @property
    def fit_seconds(self) -> float:
        """Of a fit and its validation."""
        return self.seconds["fit"] + self.seconds["validate"]

    @contextmanager
    def time(self, phase: str) -> Iterator[None]:
        self.phase = phase
        self.report(phase)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] += time.perf_counter() - start


@dataclass(frozen=True)
class _Answers:
    """What a method said, in this run or an earlier one."""

    rankings: Rankings
    explanations: pd.DataFrame | None
    """As stored; None where the method writes none or the protocol asks for none."""


class Workbench:
    """Runs one trial after another in one process."""

    def __init__(self) -> None:
        self._loader = Loader()

    def run(self, job: Job, report_phase: Callable[[str], None]) -> Failure | None:
        """Run a trial, a fit of a search or a stage and store what it left; returns why it did not come to its end.

        A failing method leaves a failed record; a failing stage leaves nothing, nor does what the budget stopped.
        Raises `BenchError` only where a record cannot be stored.
        """
        course = _Course(report_phase)
        resettable = reset_peak_memory()
        try:
            with course.time("load"):
                data = self._loader.load(job.trial, job.store)
            if job.stage is not None:
                course.phase = f"stage {job.stage.stage.name}"
                build_stage(job, job.stage, data, report_phase)
                return None
            with open_models(job.asking, data.training.items, course.meter) as llm:
                if job.fit is not None:
                    value = _fit_value(job, job.fit, data, course, llm)
                else:
                    answers = _stored(job, data) if job.measure_again else _ask(job, data, course, llm)
                    record, tables = _measure(job, data, answers, course)
        except Exception as error:
            # A user's mistake needs no traceback; a method's fault does.
            trace = "" if isinstance(error, BenchError) else traceback.format_exc()
            failure = Failure(phase=course.phase, kind=type(error).__name__, message=str(error), traceback=trace)
            if job.stage is None and not isinstance(error, BudgetReached):
                report_phase("write")
                store_failure(job, failure, course.log, course.fit_seconds, course.meter.spendings())
            return failure
        peak = peak_memory_bytes() if resettable else None
        report_phase("write")
        if job.fit is not None:
            spending = course.meter.spendings()
            job.store.write_fit(_search_fit(job, job.fit, value, course.fit_seconds, course.log, spending))
        else:
            job.store.write(record.model_copy(update=_course_of(job, course, peak)), **tables)
        return None


def _fitted(job: Job, data: TrialData, course: _Course, llm: Models) -> Method:
    trial = job.trial
    method = trial.method.method(trial.method.config)  # type: ignore[arg-type]

    def validate(score: Callable[[Queries], Scores], metric: str) -> float:
        return _validate(job, data, score, metric)

    run = Run(
        seed=trial.seed,
        rng=np.random.default_rng(trial.seed),
        device=job.device,
        validate=validate,
        log=course.log.append,
        artifact=finished_artifact(job.artifacts, data.training.fingerprint, {planned.key for planned in job.stages}),
        llm=llm,
        users=data.dataset.users.astype("str"),
    )
    with course.time("fit"):
        method.fit(data.training, run)
    course.parameters = method.parameters
    return method


def _stored(job: Job, data: TrialData) -> _Answers:
    """Of a finished trial."""
    trial, record = job.trial, job.store.record(job.trial.id)
    depth = max(trial.protocol.cutoffs)
    rankings = job.store.rankings(trial.id, data.dataset, data.test.users, data.popularity, depth)
    wrote = record is not None and record.explanations is not None
    return _Answers(rankings, job.store.explanations(trial.id) if wrote else None)


def _ask(job: Job, data: TrialData, course: _Course, llm: Models) -> _Answers:
    trial = job.trial
    method = _fitted(job, data, course, llm)
    course.meter.charged = "per-request"

    def score(queries: Queries) -> Scores:
        with course.time("score"):
            return method.score(queries)

    start = time.perf_counter()
    rankings = rank(
        score, data.test, data.test_targets, trial.protocol, data.popularity, trial.seed, trial.method.label
    )
    course.seconds["rank"] = time.perf_counter() - start - course.seconds["score"]
    explanations = None
    if trial.protocol.explanations is not None and data.test_reviews is not None:
        pairs = trial.protocol.explanations.asked(data.test_reviews)
        with course.time("explain"):
            explanations = explain(method, pairs, data.dataset, trial.method.label)
    course.remarks.extend(method.remarks)
    course.remarks.extend(f"fails {check} by design: {reason}" for check, reason in method.expected_failures.items())
    course.places = _places(method, data)
    return _Answers(rankings, explanations)


def _places(method: Method, data: TrialData) -> npt.NDArray[np.int64] | None:
    """Where each target stood in the prompts, by blocks of queries, for a row of places may be as wide as the
    catalogue."""
    found = []
    for start in range(0, len(data.test), _PLACES_QUERIES):
        rows = np.arange(start, min(start + _PLACES_QUERIES, len(data.test)))
        block = data.test.take(rows)
        places = method.prompt_places(block)
        if places is None:
            return None
        found.append(target_places(places, block, data.test_targets.take(rows)))
    return np.concatenate(found) if found else None


def _fit_value(job: Job, fit: FitOfSearch, data: TrialData, course: _Course, llm: Models) -> float:
    """What a fit of a search comes to on the validation queries; raises `BenchError` where that is undefined."""
    method = _fitted(job, data, course, llm)
    metric = fit.search.tuning.metric
    with course.time("validate"):
        value = _validate(job, data, method.score, metric)
    if not math.isfinite(value):
        raise BenchError(f"validation {metric} is {value}, which chooses nothing")
    return value


def _validate(job: Job, data: TrialData, score: Callable[[Queries], Scores], metric: str) -> float:
    trial = job.trial
    return validation_value(
        score, metric, job.known_metrics, data.training, data.popularity, trial.protocol, trial.seed, trial.method.label
    )


def _measure(
    job: Job, data: TrialData, answers: _Answers, course: _Course
) -> tuple[Record, dict[str, pd.DataFrame | None]]:
    cutoffs = job.trial.protocol.cutoffs
    rankings, explanations = answers.rankings, answers.explanations
    of_rankings = {name: kind for name, kind in job.metrics.items() if issubclass(kind, RankingMetric)}
    of_texts = {name: kind for name, kind in job.metrics.items() if issubclass(kind, TextMetric)}
    with course.time("measure"):
        means, per_user = measure(rankings, of_rankings, cutoffs)
        users = data.dataset.users[data.test.users].astype("str")
        text_means, text_values = measure_texts(explanations, of_texts, users)
        tables = {
            "per_user": pd.DataFrame({"user": users, "offered": rankings.offered, **per_user, **text_values}),
            "lists": list_table(rankings, data.test, data.dataset),
            "ranks": rank_table(rankings, data.test, data.dataset),
            "explanations": explanations,
        }
        chance_means = _chance(job, data, rankings)
        column = next(iter(per_user), None)
        if course.places is not None and column is not None:
            told = accuracy_by_place(course.places, rankings, column, per_user[column])
            course.remarks += [] if told is None else [told]
    record = Record(
        id=job.trial.id,
        suite=job.suite,
        status="finished",
        dataset=_dataset_part(job, data),
        method=_method_part(job),
        protocol=_protocol_part(job, data.candidates_hash),
        seed=job.trial.seed,
        metrics={**means, **text_means},
        chance={name: chance_means.get(name) for name in (*means, *text_means)},
        standard_errors=standard_errors({**per_user, **text_values}),
        bounds=tie_bounds(rankings, of_rankings, cutoffs) if job.trial.method.method.ties_are_open else {},
        explanations=None if explanations is None else len(explanations),
        resources=None,
        provenance={**job.provenance, "device": job.device},
        log=[],
    )
    return record, tables


def _chance(job: Job, data: TrialData, rankings: Rankings) -> dict[str, float | None]:
    protocol = job.trial.protocol
    if isinstance(protocol.candidates, CandidateFile) and not protocol.candidates.add_target:
        return {}  # a target may be missing from its candidates, so that no order of them could find it
    with_chance = {
        name: kind for name, kind in job.metrics.items() if issubclass(kind, RankingMetric) and kind.has_chance_level
    }
    random_order = chance(data.test_targets, rankings.offered, data.popularity)
    return measure(random_order, with_chance, protocol.cutoffs)[0]


def _course_of(job: Job, course: _Course, peak: int | None) -> dict[str, Any]:
    """How the trial went: resources, log and provenance. A trial measured again keeps those of its fit."""
    earlier = job.store.record(job.trial.id) if job.measure_again else None
    if earlier is not None:
        provenance = {**earlier.provenance, "measured_again": job.provenance}
        kept = {name: getattr(earlier, name) for name in _KEPT}
        # The method as it ran: of a tuned one the plan knows only where its search starts.
        method = earlier.method.model_copy(update={"label": job.trial.method.label})
        return {**kept, "method": method, "provenance": provenance}
    seconds = {f"{phase}_seconds": course.seconds[phase] for phase in _PHASES}
    resources = Resources(**seconds, peak_memory_bytes=peak)
    return {
        "resources": resources,
        "log": course.log,
        "tuning": job.tuning,
        "stages": _stage_parts(job),
        "spending": course.meter.spendings(),
        "parameters": course.parameters,
        "remarks": course.remarks,
    }


def _stage_parts(job: Job) -> list[StagePart]:
    found = [job.artifacts.manifest(planned.stage, planned.key) for planned in job.stages]
    return [
        StagePart(**manifest.model_dump(include=set(StagePart.model_fields)))
        for manifest in found
        if manifest is not None
    ]


def store_failure(
    job: Job, failure: Failure, log: list[str], fit_seconds: float = 0.0, spending: Sequence[Spending] = ()
) -> None:
    """Store why a trial, or a fit of a search, did not come to its end. A trial that is finished and failed to be
    measured again keeps its numbers and tables beside the failure, for fitting it anew may be dear."""
    if job.fit is not None:
        job.store.write_fit(_search_fit(job, job.fit, None, fit_seconds, log, spending, failure))
        return
    earlier = job.store.record(job.trial.id) if job.measure_again else None
    if earlier is not None:
        job.store.amend(earlier.model_copy(update={"failure": failure}))
        return
    record = Record(
        id=job.trial.id,
        suite=job.suite,
        status="failed",
        dataset=_dataset_part(job, None),
        method=_method_part(job),
        protocol=_protocol_part(job, None),
        seed=job.trial.seed,
        metrics={},
        chance={},
        resources=None,
        provenance={**job.provenance, "device": job.device},
        log=log,
        tuning=job.tuning,
        stages=_stage_parts(job),
        spending=list(spending),
        failure=failure,
    )
    job.store.write(record)


def _search_fit(
    job: Job,
    fit: FitOfSearch,
    value: float | None,
    fit_seconds: float,
    log: list[str],
    spending: Sequence[Spending],
    failure: Failure | None = None,
) -> SearchFit:
    trial = job.trial
    return SearchFit(
        search=fit.search.id,
        number=fit.number,
        dataset=trial.dataset.label,
        fingerprint=trial.fingerprint,
        method=trial.method.method.name,
        version=trial.method.method.version,
        config=trial.method.config.model_dump(mode="json"),
        options=fit.options,
        protocol_hash=trial.protocol_hash,
        metric=fit.search.tuning.metric,
        seed=fit.search.tuning.seed,
        value=value,
        fit_seconds=fit_seconds,
        spending=list(spending),
        log=log,
        provenance={**job.provenance, "device": job.device},
        failure=failure,
    )


def _dataset_part(job: Job, data: TrialData | None) -> DatasetPart:
    entry = job.trial.dataset
    return DatasetPart(
        label=entry.label,
        source=entry.source.name,
        options=entry.source.model_dump(mode="json"),
        preparation=entry.preparation.model_dump(mode="json"),
        fingerprint=job.trial.fingerprint,
        simulated=entry.source.simulated,
        funnel=[asdict(step) for step in data.dataset.funnel] if data else [],
        users=data.dataset.n_users if data else None,
        items=data.dataset.n_items if data else None,
        interactions=len(data.dataset.sequences.items) if data else None,
        queries=len(data.test) if data else None,
    )


def _method_part(job: Job) -> MethodPart:
    entry = job.trial.method
    return MethodPart(
        label=entry.label,
        name=entry.method.name,
        version=entry.method.version,
        plugin=job.plugin,
        source=entry.method.source,
        config=entry.config.model_dump(mode="json"),
    )


def _protocol_part(job: Job, candidates_hash: str | None) -> ProtocolPart:
    protocol = job.trial.protocol
    return ProtocolPart(
        hash=job.trial.protocol_hash,
        description=protocol.describe(),
        settings=protocol.model_dump(mode="json"),
        candidates_hash=candidates_hash,
    )
