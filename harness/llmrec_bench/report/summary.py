"""What stands at the top of the page: what was run, on what, how far it is, and what all of it took."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from llmrec_bench.execute.run import Progress, SearchProgress
from llmrec_bench.llm.meter import Spending, total_usd
from llmrec_bench.plan import Plan
from llmrec_bench.store import Record, StagePart
from llmrec_bench.suite import ProtocolUse


@dataclass(frozen=True)
class DatasetSummary:
    """One data set."""

    label: str
    source: str
    users: int
    items: int
    interactions: int
    queries: int | None
    """None before a trial has finished."""
    fingerprint: str
    simulated: bool


@dataclass(frozen=True)
class Summary:
    """The head of the page."""

    suite: str
    file: str
    description: str
    profile: str | None
    protocols: tuple[ProtocolUse, ...]
    seeds: tuple[int, ...]
    methods: int
    states: dict[str, int]
    """Trials by state: finished, failed, missing, lacks metrics."""
    datasets: tuple[DatasetSummary, ...]
    warnings: tuple[str, ...]
    """What is simulated."""
    seconds: float
    """Of all trials, stages and searches, each once, one after another."""
    calls: int
    simulated_calls: int
    billed_usd: float | None
    notional_usd: float | None
    made_at: str
    version: str


def summarise(
    plan: Plan, progress: Sequence[Progress], searches: Sequence[SearchProgress], made_at: datetime
) -> Summary:
    """Of the plan's trials, whatever the store holds of them."""
    suite = plan.suite
    records = [p.record for p in progress if p.record is not None]
    parts = distinct_stages(records)
    spent = [s for part in parts for s in part.spending] + [s for record in records for s in record.spending]
    spent += [s for search in searches for fit in search.fits for s in fit.spending]
    shown = dict.fromkeys(trial.dataset.label for trial in plan.trials)
    return Summary(
        suite=suite.name,
        file=suite.path.name,
        description=" ".join(suite.description.split()),
        profile=suite.profile,
        protocols=suite.protocols,
        seeds=tuple(dict.fromkeys(trial.seed for trial in plan.trials)),
        methods=len({trial.method.label for trial in plan.trials}),
        states=dict(Counter(p.state for p in progress)),
        datasets=tuple(_dataset(plan, label, records) for label in shown),
        warnings=tuple(_warnings(plan, records)),
        seconds=_trial_seconds(records) + sum(p.build_seconds for p in parts) + _search_seconds(searches),
        calls=sum(s.calls for s in spent),
        simulated_calls=sum(s.calls for s in spent if s.simulated),
        billed_usd=_usd([s for s in spent if not s.simulated], "billed_usd"),
        notional_usd=_usd([s for s in spent if not s.simulated], "notional_usd"),
        made_at=made_at.strftime("%Y-%m-%d %H:%M UTC"),
        version=version("llmrec-bench"),
    )


def distinct_stages(records: Sequence[Record]) -> list[StagePart]:
    """The artifacts behind the records, each once."""
    return list({part.key: part for record in records for part in record.stages}.values())


def _usd(spent: Sequence[Spending], field: str) -> float | None:
    return total_usd(getattr(s, field) for s in spent)


def _trial_seconds(records: Sequence[Record]) -> float:
    found = [record.resources for record in records if record.resources is not None]
    return sum(r.load_seconds + r.fit_seconds + r.score_seconds + r.rank_seconds + r.measure_seconds for r in found)


def _search_seconds(searches: Sequence[SearchProgress]) -> float:
    return sum(fit.fit_seconds for search in searches for fit in search.fits)


def _dataset(plan: Plan, label: str, records: Sequence[Record]) -> DatasetSummary:
    data = plan.prepared[label].dataset
    queries = next(
        (r.dataset.queries for r in records if r.dataset.label == label and r.dataset.queries is not None), None
    )
    return DatasetSummary(
        label=label,
        source=data.source.name,
        users=data.n_users,
        items=data.n_items,
        interactions=len(data.sequences.items),
        queries=queries,
        fingerprint=data.fingerprint,
        simulated=data.simulated,
    )


def _warnings(plan: Plan, records: Sequence[Record]) -> Iterator[str]:
    made = [d for d in dict.fromkeys(t.dataset.label for t in plan.trials) if plan.prepared[d].dataset.simulated]
    if made:
        yield f"Simulated data: {', '.join(made)}. Their interactions are made by a program, not observed."
    behind: dict[str, list[str]] = {}
    for record in records:
        for model in record.simulated_models:
            behind.setdefault(model, []).append(record.method.label)
    for model, labels in behind.items():
        yield (
            f"Simulated language model ({model}) behind {', '.join(dict.fromkeys(labels))}: its answers come from a "
            "program, not a model."
        )
