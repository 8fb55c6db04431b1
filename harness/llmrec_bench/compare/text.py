"""RunComparison -> terminal, markdown or JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Literal

from rich.console import Group, RenderableType
from rich.text import Text

from llmrec_bench.compare.comparison import Change, FlippedUser, Flips, MetricDifference, RunComparison
from llmrec_bench.sheet import Sheet
from llmrec_bench.stats import SIGNIFICANT
from llmrec_bench.table_text import decimals_of, p_text

_WHY_NOT = {"unmeasured": "not measured", "unfinished": "not run", "undefined": "n/a"}
_DIFFERENCES = ("method", "metric", "A", "B", "B minus A", "95 % interval", "p corrected", "p", "d_z", "users", "seeds")
_COSTS = ("method", "fit s, A", "fit s, B", "ranking s, A", "ranking s, B", "peak MB, A", "peak MB, B")


def render_comparison(found: RunComparison, form: Literal["markdown", "json"]) -> str:
    """The comparison as one text."""
    if form == "json":
        return json.dumps(asdict(found), indent=1, allow_nan=False) + "\n"
    heads = [f"- {line}" for line in heads_of(found)]
    return (
        "\n".join([*heads, "", *(sheet.markdown() for sheet in sheets_of(found)), *(f"- {n}" for n in found.notes)])
        + "\n"
    )


def comparison_view(found: RunComparison) -> RenderableType:
    """What rich prints."""
    notes = Text("\n".join(found.notes), style="dim")
    return Group(Text("\n".join(heads_of(found)) + "\n", style="bold"), *sheets_of(found), notes)


def heads_of(found: RunComparison) -> Iterator[str]:
    """The two runs, and how many differences there are."""
    yield f"A: {found.first}"
    yield f"B: {found.second}"
    tested = [row for row in found.differences if row.p_corrected is not None]
    marked = sum(row.p_corrected is not None and row.p_corrected < SIGNIFICANT for row in tested)
    same = sum(row.mean == 0 and row.low == row.high for row in tested)
    yield f"{marked} of {len(tested)} tests shown find a difference; in {same} no user differs"


def sheets_of(found: RunComparison) -> Iterator[Sheet]:
    """All it holds, subject by subject."""
    for dataset in dict.fromkeys(row.dataset for row in found.differences):
        rows = [row for row in found.differences if row.dataset == dataset]
        yield Sheet(f"{dataset}: B minus A", _DIFFERENCES, [_row(row) for row in rows], (), left=("metric",))
    if found.flips:
        headers = ("method", "hit rate", "missed by A, found by B", "found by A, missed by B")
        body = [[_name(f), f.metric, f"{f.gained:,}", f"{f.lost:,}"] for f in found.flips]
        yield Sheet("Users that one run finds", headers, body, (), left=("hit rate",), narrowest=24)
    users = [line for flips in found.flips for line in _users(flips)]
    if users:
        headers = ("method", "user", "latest history", "target")
        yield Sheet("Some of these users", headers, users, (), left=headers, wide=("latest history", "target"))
    yield from _changes("Methods: what differs", "method", found.methods)
    yield from _changes("Protocol, data and candidates: what differs", "data set", found.conditions)
    yield from _changes("Where it ran: what differs", "", found.provenance)
    if found.costs:
        body = [
            [f"{cost.dataset} {cost.method}", _seconds(cost.first_fit_seconds), _seconds(cost.second_fit_seconds),
             _seconds(cost.first_ranking_seconds), _seconds(cost.second_ranking_seconds),
             _megabytes(cost.first_peak_bytes), _megabytes(cost.second_peak_bytes)]
            for cost in found.costs
        ]  # fmt: skip
        yield Sheet("Seconds and memory, for information: not a test", _COSTS, body, (), left=(), narrowest=24)
    for name, other, alone in (("A", "B", found.only_first), ("B", "A", found.only_second)):
        if alone:
            yield Sheet(
                f"Finished in {name} only",
                ("trials", "in"),
                [[what, f"not {other}"] for what in alone],
                (),
                left=("in",),
            )


def _row(row: MetricDifference) -> list[str]:
    method = f"{row.method} (simulated)" if row.simulated else row.method
    if row.mean is None:
        return [method, row.metric, _WHY_NOT.get(row.status, "n/a"), *["-"] * 8]
    decimals = decimals_of([row.first, row.second])
    shown = [f"{value:,.{decimals}f}" if value is not None else "n/a" for value in (row.first, row.second)]
    seeds = f"{len(row.seeds)}"
    if row.status == "mixed":
        return [method, row.metric, *shown, f"{row.mean:+,.{decimals}f}", "not tested", *["-"] * 4, seeds]
    interval = "n/a"
    if row.low is not None and row.high is not None:
        interval = f"{row.low:+,.{decimals}f}, {row.high:+,.{decimals}f}"
    mark = " *" if row.p_corrected is not None and row.p_corrected < SIGNIFICANT else ""
    size = "n/a" if row.effect_size is None else f"{row.effect_size:+.2f}"
    p = (f"{p_text(row.p_corrected)}{mark}", p_text(row.p))
    return [method, row.metric, *shown, f"{row.mean:+,.{decimals}f}", interval, *p, size, f"{row.users:,}", seeds]


def _name(flips: Flips) -> str:
    return f"{flips.dataset} {flips.method}" + (" (simulated)" if flips.simulated else "")


def _users(flips: Flips) -> Iterator[list[str]]:
    for run, users in (("B", flips.users_gained), ("A", flips.users_lost)):
        yield from ([f"{_name(flips)}: only {run}", *_user(user)] for user in users)


def _user(user: FlippedUser) -> list[str]:
    if user.history is None:
        return [user.user, "-", "-"]
    earlier = f"({user.earlier:,} earlier); " if user.earlier else ""
    return [user.user, earlier + "; ".join(user.history) if user.history else "none", "; ".join(user.targets)]


def _changes(heading: str, subject: str, changes: Sequence[Change]) -> Iterator[Sheet]:
    if changes:
        headers = (subject, "what", "A", "B") if subject else ("what", "A", "B")
        body = [[*([c.subject] if subject else []), c.what, c.first, c.second] for c in changes]
        yield Sheet(heading, headers, body, (), left=headers)


def _seconds(seconds: float | None) -> str:
    return "n/a" if seconds is None else f"{seconds:,.2f}"


def _megabytes(size: int | None) -> str:
    return "n/a" if size is None else f"{size / 1e6:,.0f}"
