"""Records -> what each method took, step by step: seconds, calls, tokens, money, memory."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from llmrec_bench.llm.meter import Charged, Spending, total_usd
from llmrec_bench.plan import Plan
from llmrec_bench.store import Record, StagePart


@dataclass(frozen=True)
class CostRow:
    """One step of one method, the mean over its trials."""

    method: str
    step: str
    """A stage with what it asked, `fit`, `ranking` or `explaining`."""
    charged: Charged
    shared_by: int
    """How many of the table's methods use the same artifact; each is charged all of it here."""
    pieces: float
    """What the seconds are divided by: answers of a language model, rankings, explanations, or one fit."""
    seconds: float | None
    """Of all pieces. Of a step that asks a language model, of its calls one after another; None where unknown."""
    calls: float
    recorded_calls: float
    failed_calls: float
    prompt_tokens: float | None
    """None where no answer tells its usage; a sum over those that do elsewhere."""
    completion_tokens: float | None
    calls_without_usage: float
    billed_usd: float | None
    notional_usd: float | None
    price: str
    parameters: int | None
    peak_memory_bytes: int | None
    deployment: str
    simulated: bool

    @property
    def seconds_per_piece(self) -> float | None:
        """None where the seconds are unknown or there is no piece."""
        return None if self.seconds is None or not self.pieces else self.seconds / self.pieces


_SUMS = (
    *("pieces", "seconds", "calls", "recorded_calls", "failed_calls", "prompt_tokens", "completion_tokens"),
    *("calls_without_usage", "billed_usd", "notional_usd"),
)


@dataclass(frozen=True)
class CostTable:
    """What the methods of a suite took on one data set."""

    dataset: str
    rows: tuple[CostRow, ...]
    notes: tuple[str, ...]


def build_cost_tables(plan: Plan, records: dict[str, Record]) -> list[CostTable]:
    """One table for each data set, from the finished trials; `records` are by trial id."""
    return [_build(plan, data.label, records) for data in plan.suite.datasets]


def _build(plan: Plan, dataset: str, records: dict[str, Record]) -> CostTable:
    rows: list[CostRow] = []
    users: dict[str, set[str]] = {}
    keys: list[str] = []
    remarks: dict[str, None] = {}
    for label in dict.fromkeys(t.method.label for t in plan.trials):
        ids = [t.id for t in plan.trials if t.dataset.label == dataset and t.method.label == label]
        finished = [records[i] for i in ids if i in records and records[i].status == "finished"]
        if not finished:
            continue
        remarks |= dict.fromkeys(f"{label}: {remark}." for record in finished for remark in record.remarks)
        for row, key in _rows(label, finished):
            rows.append(row)
            keys.append(key)
            users.setdefault(key, set()).add(label)
    shared = [replace(row, shared_by=len(users[key]) if key else 1) for row, key in zip(rows, keys, strict=True)]
    return CostTable(dataset, tuple(shared), (*_notes(shared), *remarks))


def _rows(label: str, finished: Sequence[Record]) -> Iterator[tuple[CostRow, str]]:
    """The steps of a method, with the artifact's key where a step is a stage."""
    last = finished[-1]
    for part in last.stages:
        for row in _stage_rows(label, part):
            yield row, part.key
    resources = [r.resources for r in finished if r.resources is not None]
    where = str(last.provenance.get("device", "cpu"))
    peaks = [r.peak_memory_bytes for r in resources if r.peak_memory_bytes is not None]
    fit = statistics.fmean(r.fit_seconds for r in resources) if resources else None
    own = replace(_row(label, "fit", 1, fit, max(peaks, default=None)), deployment=where)
    yield replace(own, parameters=last.parameters), ""
    yield from _own_spending(label, "fit", "one-off", finished)
    ranking = statistics.fmean(r.score_seconds + r.rank_seconds for r in resources) if resources else None
    queries = last.dataset.queries or 0
    yield replace(own, step="ranking", charged="per-request", pieces=queries, seconds=ranking), ""
    # What is asked of a language model on the way to an explanation is told with what rankings ask.
    yield from _own_spending(label, "ranking", "per-request", finished)
    if last.explanations is not None:
        writing = statistics.fmean(r.explain_seconds for r in resources) if resources else None
        wrote = replace(own, step="explaining", charged="per-request", pieces=last.explanations, seconds=writing)
        yield wrote, ""


def _own_spending(
    label: str, step: str, charged: Charged, finished: Sequence[Record]
) -> Iterator[tuple[CostRow, Literal[""]]]:
    """What the trials themselves asked: seeds may share answers, of which only the first pays."""
    kinds: dict[tuple[str, str, str], list[CostRow]] = {}
    for spent in (spent for record in finished for spent in record.spending if spent.charged == charged):
        row = _spending_row(label, f"{step}: {spent.family}", spent, None)
        kinds.setdefault((spent.provider, spent.model, spent.family), []).append(row)
    for rows in kinds.values():
        means: dict[str, Any] = {name: _mean([getattr(row, name) for row in rows], len(finished)) for name in _SUMS}
        yield replace(rows[-1], **means), ""


def _mean(values: Sequence[float | None], trials: int) -> float | None:
    """None where one is not known; whole where it can be."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    total = sum(known)
    return total // trials if isinstance(total, int) and total % trials == 0 else total / trials


def _stage_rows(label: str, part: StagePart) -> Iterator[CostRow]:
    for spent in part.spending:
        yield _spending_row(label, f"{part.stage}: {spent.family}", spent, part.peak_memory_bytes)
    if not part.spending:
        yield _row(label, part.stage, 1, part.build_seconds, part.peak_memory_bytes)


def _row(label: str, step: str, pieces: int, seconds: float | None, peak: int | None) -> CostRow:
    """Of a step that asks no language model, on this machine."""
    nothing = Spending(provider="", model="", family="", charged="one-off", simulated=False, deployment="local")
    return replace(_spending_row(label, step, nothing, peak), pieces=pieces, seconds=seconds)


def _spending_row(label: str, step: str, spent: Spending, peak: int | None) -> CostRow:
    answered = spent.calls - spent.failed_calls
    tells = answered - spent.calls_without_usage
    timed = answered - spent.calls_without_seconds
    return CostRow(
        method=label,
        step=f"{step} by {spent.model}" if spent.model else step,
        charged=spent.charged,
        shared_by=1,
        pieces=timed,
        seconds=spent.call_seconds if timed else None,
        calls=spent.calls,
        recorded_calls=spent.recorded_calls,
        failed_calls=spent.failed_calls,
        prompt_tokens=spent.prompt_tokens if tells or not answered else None,
        completion_tokens=spent.completion_tokens if tells or not answered else None,
        calls_without_usage=spent.calls_without_usage,
        billed_usd=spent.billed_usd,
        notional_usd=spent.notional_usd,
        price=spent.price,
        parameters=spent.parameters,
        peak_memory_bytes=peak,
        deployment=spent.deployment,
        simulated=spent.simulated,
    )


def standalone_usd(rows: Sequence[CostRow], method: str) -> tuple[float | None, float | None]:
    """(billed, notional) of a method with all its stages; None where one is not known."""
    mine = [row for row in rows if row.method == method]
    return total_usd(row.billed_usd for row in mine), total_usd(row.notional_usd for row in mine)


def _notes(rows: Sequence[CostRow]) -> Iterator[str]:
    yield (
        "One-off: paid once; per-request: paid again for every ranking and explanation. Seconds of a language model's "
        "calls are those one after another when they were asked, not the time a recorded answer takes to read."
    )
    if any(row.shared_by > 1 for row in rows):
        yield "A stage shared by several methods is built once, and stands here in full for each of them."
    if any(row.recorded_calls for row in rows):
        yield (
            "Billed: what building this paid. Notional: what all calls would cost at the list price, those answered "
            "from a cassette included."
        )
    if any(row.calls_without_usage for row in rows):
        yield "n/a: not every answer tells its tokens, and nothing is assumed in their place."
    if any(row.calls > row.failed_calls and not row.price for row in rows):
        yield "n/a: no list has a price of the model; `llm.prices` names a file of your own."
    for price in sorted({row.price for row in rows if row.price}):
        yield f"Price: {price}."
    if any(row.simulated for row in rows):
        yield "SIMULATED: answers marked so are made by a program; their tokens and seconds stand for no real model."
