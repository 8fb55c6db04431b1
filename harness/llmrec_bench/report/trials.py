"""Records -> the part of the page that shows each trial, with what trials share told once."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from llmrec_bench.execute.run import Progress
from llmrec_bench.store import Record
from llmrec_bench.table_text import decimals_of

LOG_LINES = 20
"""So many of the last lines of a log are shown."""


@dataclass(frozen=True)
class ShownMetric:
    """One number of a trial, as text."""

    name: str
    value: str
    error: str
    """Standard error over users; empty where there is none."""
    chance: str


@dataclass(frozen=True)
class ShownTrial:
    """One trial."""

    id: str
    dataset: str
    method: str
    seed: int
    state: str
    record: Record | None
    metrics: tuple[ShownMetric, ...]
    log: tuple[str, ...]
    earlier: int
    """Lines of the log that are left out before these."""
    provenance: tuple[tuple[str, str], ...]
    """What differs from most trials."""
    simulated: str
    """Which of data and models are; empty where neither is."""


@dataclass(frozen=True)
class TrialGroup:
    """The trials of one method on one data set."""

    anchor: str
    dataset: str
    method: str
    config: str
    """As YAML; of the first trial with a record, as all have the same unless they were tuned."""
    trials: tuple[ShownTrial, ...]


def group_trials(progress: Sequence[Progress]) -> tuple[list[TrialGroup], dict[str, str]]:
    """Every trial by data set and method, and the provenance that most of them have."""
    usual = usual_provenance([p.record for p in progress if p.record is not None])
    groups: dict[tuple[str, str], list[Progress]] = {}
    for p in progress:
        groups.setdefault((p.trial.dataset.label, p.trial.method.label), []).append(p)
    datasets = list(dict.fromkeys(dataset for dataset, _ in groups))
    found = []
    for number, ((dataset, method), members) in enumerate(
        sorted(groups.items(), key=lambda group: datasets.index(group[0][0])), 1
    ):
        record = next((p.record for p in members if p.record is not None), None)
        # What is stored says what was run; before that, what the suite says.
        options = members[0].trial.method.config.model_dump(mode="json") if record is None else record.method.config
        trials = tuple(_shown(p, usual) for p in members)
        found.append(TrialGroup(f"method-{number}", dataset, method, as_yaml(options), trials))
    return found, usual


def as_yaml(options: dict[str, Any]) -> str:
    """Options as a suite would have them; empty where there are none."""
    return yaml.safe_dump(options, sort_keys=False, allow_unicode=True, width=100).strip() if options else ""


def usual_provenance(records: Sequence[Record]) -> dict[str, str]:
    """For each key of provenance but the time, flattened, the value that most records have."""
    values: dict[str, Counter[str]] = {}
    for record in records:
        for key, value in _flat(record.provenance):
            values.setdefault(key, Counter())[value] += 1
    return {key: counts.most_common(1)[0][0] for key, counts in values.items() if key != "started_at"}


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{prefix}{key} ")
        elif inner is not None:
            yield f"{prefix}{key}", inner if isinstance(inner, str) else json.dumps(inner)


def _shown(progress: Progress, usual: dict[str, str]) -> ShownTrial:
    trial, record = progress.trial, progress.record
    log = [] if record is None else record.log
    own = {} if record is None else dict(_flat(record.provenance))
    differing = [(key, value) for key, value in own.items() if usual.get(key) != value]
    differing += [(key, "not stored") for key in usual if own and key not in own]
    data = ["data"] if trial.dataset.source.simulated else []
    models = record.simulated_models if record is not None else []
    return ShownTrial(
        id=trial.id,
        dataset=trial.dataset.label,
        method=trial.method.label,
        seed=trial.seed,
        state=progress.state,
        record=record,
        metrics=() if record is None else tuple(_metrics(record)),
        log=tuple(log[-LOG_LINES:]),
        earlier=max(0, len(log) - LOG_LINES),
        provenance=tuple(differing),
        simulated=", ".join([*data, *(f"model {model}" for model in models)]),
    )


def _metrics(record: Record) -> Iterator[ShownMetric]:
    for name, value in record.metrics.items():
        decimals = decimals_of([value])
        error, level = record.standard_errors.get(name), record.chance.get(name)
        yield ShownMetric(
            name,
            "undefined" if value is None else f"{value:,.{decimals}f}",
            "" if error is None else f"{error:,.{decimals}f}",
            "" if level is None else f"{level:,.{decimals}f}",
        )
