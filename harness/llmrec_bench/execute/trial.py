"""One trial from data to record: fit, score, rank, measure, with the seconds and the memory each took."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from llmrec_bench.data.training import Queries
from llmrec_bench.errors import BenchError
from llmrec_bench.evaluate import rank
from llmrec_bench.execute.job import Job
from llmrec_bench.execute.measure import list_table, measure, rank_table
from llmrec_bench.execute.memory import peak_memory_bytes, reset_peak_memory
from llmrec_bench.execute.trial_data import Loader, TrialData
from llmrec_bench.method import Run, Scores
from llmrec_bench.metrics.chance import chance
from llmrec_bench.metrics.rankings import Rankings
from llmrec_bench.protocol import CandidateFile
from llmrec_bench.store import DatasetPart, Failure, MethodPart, ProtocolPart, Record, Resources

_PHASES = ("load", "fit", "score", "rank", "measure")


@dataclass
class _Course:
    """How far a trial has come: its phase, the seconds of each phase, and the lines it logged."""

    report: Callable[[str], None]
    phase: str = "load"
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_PHASES, 0.0))
    log: list[str] = field(default_factory=list)

    @contextmanager
    def time(self, phase: str) -> Iterator[None]:
        self.phase = phase
        self.report(phase)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] += time.perf_counter() - start


class Workbench:
    """Runs one trial after another in one process."""

    def __init__(self) -> None:
        self._loader = Loader()

    def run(self, job: Job, report_phase: Callable[[str], None]) -> None:
        """Run a trial and store what it left; a failing method leaves a failed record.

        Raises `BenchError` only where the record cannot be stored.
        """
        course = _Course(report_phase)
        resettable = reset_peak_memory()
        try:
            data, rankings = self._rank(job, course)
            record, tables = _measure(job, data, rankings, course)
        except Exception as error:
            # A user's mistake needs no traceback; a method's fault does.
            trace = "" if isinstance(error, BenchError) else traceback.format_exc()
            failure = Failure(phase=course.phase, kind=type(error).__name__, message=str(error), traceback=trace)
            report_phase("write")
            store_failure(job, failure, course.log)
        else:
            peak = peak_memory_bytes() if resettable else None
            report_phase("write")
            job.store.write(record.model_copy(update=_course_of(job, course, peak)), **tables)

    def _rank(self, job: Job, course: _Course) -> tuple[TrialData, Rankings]:
        trial = job.trial
        with course.time("load"):
            data = self._loader.load(trial, job.store)
        if job.measure_again:
            depth = max(trial.protocol.cutoffs)
            return data, job.store.rankings(trial.id, data.dataset, data.test.users, data.popularity, depth)
        method = trial.method.method(trial.method.config)  # type: ignore[arg-type]

        def validate(score: Callable[[Queries], Scores], metric: str) -> float:
            return _validate(job, data, score, metric)

        run = Run(trial.seed, np.random.default_rng(trial.seed), job.device, validate, course.log.append)
        with course.time("fit"):
            method.fit(data.training, run)

        def score(queries: Queries) -> Scores:
            with course.time("score"):
                return method.score(queries)

        start = time.perf_counter()
        rankings = rank(
            score, data.test, data.test_targets, trial.protocol, data.popularity, trial.seed, trial.method.label
        )
        course.seconds["rank"] = time.perf_counter() - start - course.seconds["score"]
        return data, rankings


def _validate(job: Job, data: TrialData, score: Callable[[Queries], Scores], metric: str) -> float:
    name, _, k = metric.partition("@")
    if name not in job.known_metrics or not k.isdigit() or int(k) < 1:
        raise BenchError(f"validation metric '{metric}' should be METRIC@K with a known metric, such as NDCG@10")
    queries, targets = data.training.validation, data.training.validation_targets
    if not len(queries):
        raise BenchError("the split holds out no validation event, which early stopping needs")
    trial = job.trial
    protocol = trial.protocol.model_copy(update={"cutoffs": (int(k),)})
    rankings = rank(score, queries, targets, protocol, data.popularity, trial.seed, trial.method.label)
    return job.known_metrics[name]().overall(rankings, int(k))


def _measure(job: Job, data: TrialData, rankings: Rankings, course: _Course) -> tuple[Record, dict[str, pd.DataFrame]]:
    cutoffs = job.trial.protocol.cutoffs
    with course.time("measure"):
        means, per_user = measure(rankings, job.metrics, cutoffs)
        users = data.dataset.users[data.test.users].astype("str")
        tables = {
            "per_user": pd.DataFrame({"user": users, "offered": rankings.offered, **per_user}),
            "lists": list_table(rankings, data.test, data.dataset),
            "ranks": rank_table(rankings, data.test, data.dataset),
        }
        chance_means = _chance(job, data, rankings)
    record = Record(
        id=job.trial.id,
        suite=job.suite,
        status="finished",
        dataset=_dataset_part(job, data),
        method=_method_part(job),
        protocol=_protocol_part(job, data.candidates_hash),
        seed=job.trial.seed,
        metrics=means,
        chance={name: chance_means.get(name) for name in means},
        resources=None,
        provenance={**job.provenance, "device": job.device},
        log=[],
    )
    return record, tables


def _chance(job: Job, data: TrialData, rankings: Rankings) -> dict[str, float | None]:
    protocol = job.trial.protocol
    if isinstance(protocol.candidates, CandidateFile) and not protocol.candidates.add_target:
        return {}  # a target may be missing from its candidates, so that no order of them could find it
    with_chance = {name: kind for name, kind in job.metrics.items() if kind.has_chance_level}
    random_order = chance(data.test_targets, rankings.offered, data.popularity)
    return measure(random_order, with_chance, protocol.cutoffs)[0]


def _course_of(job: Job, course: _Course, peak: int | None) -> dict[str, Any]:
    """How the trial went: resources, log and provenance. A trial measured again keeps those of its fit."""
    earlier = job.store.record(job.trial.id) if job.measure_again else None
    if earlier is not None:
        provenance = {**earlier.provenance, "measured_again": job.provenance}
        return {"resources": earlier.resources, "log": earlier.log, "provenance": provenance}
    seconds = {f"{phase}_seconds": course.seconds[phase] for phase in _PHASES}
    return {"resources": Resources(**seconds, peak_memory_bytes=peak), "log": course.log}


def store_failure(job: Job, failure: Failure, log: list[str]) -> None:
    """Store why a trial did not come to its end. One that is finished and failed to be measured again keeps its
    numbers and tables beside the failure, for fitting it anew may be dear."""
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
        failure=failure,
    )
    job.store.write(record)


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
