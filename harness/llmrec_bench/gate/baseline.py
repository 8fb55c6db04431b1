"""What a gate compares with: the numbers of a suite as they were, in one file that a repository can keep.

Users are told by a digest and their values stand in the order of their tokens, so that the file passes on results and
none of the data.
"""

import hashlib
import json
import math
import os
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from llmrec_bench.errors import BenchError
from llmrec_bench.plan import Plan
from llmrec_bench.stats import Values
from llmrec_bench.store import Record, Store
from llmrec_bench.tables.mixed import refuse_mixed
from llmrec_bench.versioned_json import read_versioned

SCHEMA_VERSION = 1
"""Of a baseline."""

DIGITS = 6
"""Significant ones that a value is kept with, and compared by."""

DEFAULT_EFFECT = "1%"


@dataclass(frozen=True)
class MinimumEffect:
    """How large a difference has to be to count."""

    size: float
    relative: bool
    """To the baseline's mean."""

    @classmethod
    def parse(cls, text: str) -> "MinimumEffect":
        """`1%`, of the baseline's mean, or `0.002`, in the metric's own unit. Raises `ValueError` for anything else."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?(?:e-?\d+)?)(%?)", text, re.IGNORECASE)
        if found is None:
            raise ValueError(f"'{text}' should be a share of the baseline's mean such as 1%, or a number such as 0.002")
        return cls(float(found[1]) / (100 if found[2] else 1), bool(found[2]))

    def beside(self, mean: float) -> float:
        """In the metric's unit, where the baseline has this mean."""
        return self.size * abs(mean) if self.relative else self.size


def _effect(text: str) -> str:
    MinimumEffect.parse(text)
    return text


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MetricPart(_Part):
    """One metric of one method."""

    mean: float | None = None
    """Over seeds; None where undefined."""
    std: float | None = None
    """Over seeds (n - 1); None with fewer than two."""
    user_values: list[float | None] | None = None
    """Averaged over seeds, in the order of the users' tokens, None where a user has none; none at all where the metric
    has no value for a single user."""
    seed_values: list[float | None] | None = None
    """Of such a metric, in the order of the seeds."""

    @model_validator(mode="after")
    def _has_values(self) -> Self:
        if (self.user_values is None) == (self.seed_values is None):
            raise ValueError("should have either user_values or seed_values")
        return self


class MethodPart(_Part):
    """One method on one data set."""

    name: str
    version: str
    simulated: bool
    """A simulated language model wrote some of what its numbers rest on."""
    trials: dict[int, str]
    """Ids by seed: others mean another version or other options."""
    metrics: dict[str, MetricPart]
    """By `NDCG@10`."""


class DatasetPart(_Part):
    """One data set."""

    fingerprint: str
    protocol_hash: str | None = None
    """Where it is not tested by the suite's protocol."""
    simulated: bool
    candidates: dict[int, str]
    """Hashes by seed."""
    users: int
    """Those asked about."""
    users_digest: str
    """Of their tokens in order, 16 hex digits."""
    methods: dict[str, MethodPart]


class Baseline(_Part):
    """A suite's numbers as they were."""

    schema_version: int = SCHEMA_VERSION
    suite: str
    """Its path, from the folder of this file."""
    profile: str | None = None
    min_effect: Annotated[str, AfterValidator(_effect)]
    protocol_hash: str
    protocol: str
    """In words."""
    seeds: list[int]
    datasets: dict[str, DatasetPart]

    def suite_path(self, path: Path) -> Path:
        """Of the suite, where the baseline lies at `path`."""
        return Path(os.path.normpath(path.parent / self.suite))


def read_baseline(path: Path) -> Baseline | None:
    """None where there is no such file. Raises `BenchError` naming one that is corrupt or of a newer version."""
    if path.is_dir():
        raise BenchError(f"{path}: is a folder; a baseline is one JSON file")
    remedy = "delete it and write it anew with bench gate --update"
    return read_versioned(path, Baseline, SCHEMA_VERSION, " baseline", "gate schema", remedy)


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Raises `BenchError` where it cannot be written."""
    text = json.dumps(baseline.model_dump(mode="json", exclude_none=True), indent=1)
    # Each list of numbers on one line, so that a difference of two files shows which metrics moved. What stands between
    # quotation marks holds no line break, and is left alone.
    text = re.sub(r'\[\n[^"\[\]{}]*\]', _on_one_line, text)
    aside = path.parent / f".aside-{path.name}"
    try:
        aside.write_text(text + "\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise BenchError(f"{path}: cannot be written ({error.strerror})") from None


def make_baseline(plan: Plan, store: Store, path: Path, min_effect: str) -> Baseline:
    """The stored numbers of every planned trial, for a file at `path`.

    Raises `BenchError` where a trial is not finished or lacks a metric, and where trials cannot stand in one table.
    """
    records = _finished(plan, store)
    suite = plan.suite
    datasets = {}
    for dataset in dict.fromkeys(trial.dataset.label for trial in plan.trials):
        trials = [trial for trial in plan.trials if trial.dataset.label == dataset]
        mine = [records[trial.id] for trial in trials]
        refuse_mixed(mine)
        methods, users = {}, pd.Index([])
        for label in dict.fromkeys(trial.method.label for trial in trials):
            by_seed = {trial.seed: records[trial.id] for trial in trials if trial.method.label == label}
            tables = user_tables(store, by_seed)
            here = users_of(tables)
            if len(users) and not here.equals(users):
                raise BenchError(f"{dataset} {label}: not the users of the other methods; run its trials again")
            users = here
            methods[label] = _method_part(by_seed, tables, suite.columns_on(dataset))
        own = suite.protocol_on(dataset).hash
        datasets[dataset] = DatasetPart(
            fingerprint=mine[0].dataset.fingerprint,
            protocol_hash=None if own == suite.protocol.hash else own,
            simulated=mine[0].dataset.simulated,
            candidates={record.seed: str(record.protocol.candidates_hash) for record in mine},
            users=len(users),
            users_digest=digest(users),
            methods=methods,
        )
    return Baseline(
        suite=Path(os.path.relpath(suite.path, path.parent)).as_posix(),
        profile=suite.profile,
        min_effect=min_effect,
        protocol_hash=suite.protocol.hash,
        protocol=suite.protocol.describe(),
        seeds=list(dict.fromkeys(trial.seed for trial in plan.trials)),
        datasets=datasets,
    )


def user_tables(store: Store, by_seed: Mapping[int, Record]) -> dict[int, pd.DataFrame]:
    """By seed, a row for each user with a column for each metric that has a value for one."""
    return {seed: store.per_user(record.id).set_index("user") for seed, record in by_seed.items()}


def users_of(tables: Mapping[int, pd.DataFrame]) -> pd.Index:
    """All users of some tables, in the order of their tokens."""
    return pd.Index(sorted(set().union(*(table.index for table in tables.values()))))


def user_means(tables: Mapping[int, pd.DataFrame], metric: str) -> Values:
    """float64 (U,) over the seeds, in the order of `users_of`, as many digits as are kept; NaN where a user lacks a
    value at some seed."""
    columns = pd.concat([table[metric] for table in tables.values()], axis=1).sort_index()
    return rounded(columns.to_numpy(dtype=np.float64).mean(axis=1))


def rounded(values: Sequence[float | None] | Values) -> Values:
    """float64 values as a baseline keeps them, NaN for None."""
    return np.array([math.nan if v is None else float(f"{v:.{DIGITS}g}") for v in values], dtype=np.float64)


def digest(users: pd.Index) -> str:
    """16 hex digits over user tokens in their order."""
    return hashlib.sha256("\x1e".join(map(str, users)).encode()).hexdigest()[:16]


def mean_and_std(by_seed: Mapping[int, Record], metric: str) -> tuple[float | None, float | None]:
    """Over seeds, as a table shows them; None where the metric is undefined at one, or one has no spread."""
    values = [value for record in by_seed.values() if (value := record.metrics[metric]) is not None]
    if not values or len(values) < len(by_seed):
        return None, None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _finished(plan: Plan, store: Store) -> dict[str, Record]:
    """The records of all trials by id. Raises `BenchError` where one has not all its numbers."""
    records, unfinished = {}, []
    for trial in plan.trials:
        record = store.record(trial.id)
        wanted = set(plan.suite.columns_on(trial.dataset.label))
        if record is None or record.status == "failed" or not wanted <= record.metrics.keys():
            unfinished.append(trial.label)
        else:
            records[trial.id] = record
    if unfinished:
        raise BenchError(
            f"{store.trials}: {len(unfinished)} of {len(plan.trials)} trials are not finished ({unfinished[0]}"
            f"{', ...' if unfinished[1:] else ''}); bench run {plan.suite.path} first"
        )
    return records


def _method_part(
    by_seed: Mapping[int, Record], tables: Mapping[int, pd.DataFrame], metrics: Sequence[str]
) -> MethodPart:
    last = list(by_seed.values())[-1]
    parts = {}
    for metric in metrics:
        mean, std = mean_and_std(by_seed, metric)
        if all(metric in table for table in tables.values()):
            parts[metric] = MetricPart(mean=mean, std=std, user_values=_kept(user_means(tables, metric)))
        else:
            values = rounded([record.metrics[metric] for record in by_seed.values()])
            parts[metric] = MetricPart(mean=mean, std=std, seed_values=_kept(values))
    return MethodPart(
        name=last.method.name,
        version=last.method.version,
        simulated=any(record.simulated_models for record in by_seed.values()),
        trials={seed: record.id for seed, record in by_seed.items()},
        metrics=parts,
    )


def _kept(values: Values) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _on_one_line(found: re.Match[str]) -> str:
    """Whole numbers lose their point."""
    return "[" + re.sub(r"\.0\b", "", " ".join(found[0][1:-1].split())) + "]"
