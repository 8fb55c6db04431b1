"""Gate -> terminal, markdown or JSON."""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Literal

from rich.console import Group, RenderableType
from rich.text import Text

from llmrec_bench.gate.report import Comparison, Gate
from llmrec_bench.sheet import Sheet
from llmrec_bench.stats import POWER, SIGNIFICANT
from llmrec_bench.table_text import decimals_of, p_text

_FINDINGS = {
    "worse": "worse",
    "better": "better",
    "small": "below the minimum effect",
    "unclear": "not significant",
    "none": "-",
    "untested": "no test",
    "shown": "not gated",
}
_OTHERS = "Other values, and no finding"
_HEADERS = ("comparison", "baseline", "now", "difference", "95 % interval", "minimum", "p corrected", "detectable",
            "pairs", "finding")  # fmt: skip


def render_gate(gate: Gate, form: Literal["markdown", "json"]) -> str:
    """For a pull request, or for a machine."""
    if form == "json":
        plain = {"exit_status": gate.exit_status, "headline": headline(gate), **asdict(gate)}
        return json.dumps(plain, indent=1, allow_nan=False) + "\n"
    parts = [f"**{headline(gate)}**\n", *(sheet.markdown() for sheet in _urgent(gate))]
    if others := _others(gate):
        parts += [
            f"<details>\n<summary>{_OTHERS} ({len(others):,})</summary>\n",
            _table(_OTHERS, others).markdown(),
            "</details>\n",
        ]
    return "\n".join([*parts, *(f"- {note}" for note in _notes(gate))]) + "\n"


def gate_view(gate: Gate) -> RenderableType:
    """What rich prints."""
    style = "bold green" if gate.exit_status == 0 else "bold red"
    notes = Text("\n".join(_notes(gate)), style="dim")
    others = [_table(_OTHERS, found)] if (found := _others(gate)) else []
    return Group(Text(headline(gate) + "\n", style=style), *_urgent(gate), *others, notes)


def headline(gate: Gate) -> str:
    """What a reader in a hurry should know."""
    name = gate.suite if gate.profile is None else f"{gate.suite}, profile {gate.profile}"
    worse, better = len(gate.of("worse")), len(gate.of("better"))
    told = [f"{worse} of {_count(len(gate.comparisons), 'comparison')} worse than the baseline"] if worse else []
    if gate.gaps:
        told.append(f"{_count(len(gate.gaps), 'part')} of the baseline not measured")
    if not told:
        told.append(f"no regression in {_count(len(gate.comparisons), 'comparison')}")
    if better:
        told.append(f"{better} better: update the baseline")
    return f"bench gate {name}: {'; '.join(told)}"


def _urgent(gate: Gate) -> Iterator[Sheet]:
    if gate.of("worse"):
        yield _table("Worse", gate.of("worse"))
    if gate.gaps:
        body = [
            [gap.dataset or "all", gap.method or "all", gap.metric or "all", " ".join(gap.reason.split())]
            for gap in gate.gaps
        ]
        headers = ("data set", "method", "metric", "why")
        yield Sheet("Not measured", headers, body, (), left=headers, wide=("why",))
    if gate.of("better"):
        yield _table("Better: update the baseline", gate.of("better"))


def _others(gate: Gate) -> list[Comparison]:
    """Neither worse nor better, and with other values than in the baseline."""
    return [found for found in gate.comparisons if not found.same and found.verdict not in ("worse", "better")]


def _table(heading: str, comparisons: Sequence[Comparison]) -> Sheet:
    body = [_row(found) for found in comparisons]
    return Sheet(heading, _HEADERS, body, (), left=("finding",), narrowest=24)


def _row(found: Comparison) -> list[str]:
    decimals = decimals_of([found.baseline, found.now])
    method = f"{found.method} (simulated)" if found.simulated else found.method
    interval = "n/a"
    if found.low is not None and found.high is not None:
        interval = f"{found.low:+,.{decimals}f}, {found.high:+,.{decimals}f}"
    return [
        f"{found.dataset} {method} {found.metric}",
        _mean(found.baseline, found.baseline_std, decimals),
        _mean(found.now, found.now_std, decimals),
        "n/a" if found.difference is None else f"{found.difference:+,.{decimals}f}",
        interval,
        f"{found.minimum:,.{decimals}f}",
        p_text(found.p_corrected),
        "n/a" if found.detectable is None else f"{found.detectable:,.{decimals}f}",
        _count(found.units, found.unit.removesuffix("s")),
        _FINDINGS[found.verdict],
    ]


def _mean(mean: float | None, std: float | None, decimals: int) -> str:
    if mean is None:
        return "n/a"
    return f"{mean:,.{decimals}f}" + ("" if std is None else f" ±{std:,.{decimals}f}")


def _notes(gate: Gate) -> Iterator[str]:
    size = f"{gate.min_effect} of the baseline's mean" if gate.min_effect.endswith("%") else gate.min_effect
    yield (
        f"Worse or better: corrected p below {SIGNIFICANT} and a difference larger than {size}. p is that of the "
        f"two-sided t-test paired by user, each user's values averaged over {_seeds(gate)}, corrected by Holm over "
        f"{_count(gate.family, 'test')}: everything the baseline holds that has a better direction."
    )
    yield from _visible(gate)
    if gate.same:
        yield f"The same values as in the baseline, and not listed: {_count(gate.same, 'comparison')}."
    if any(found.unit == "seeds" for found in gate.comparisons):
        names = ", ".join(dict.fromkeys(found.metric for found in gate.comparisons if found.unit == "seeds"))
        yield f"{names}: no value for a single user, so that seeds are paired, from three on."
    untested = gate.of("untested")
    if untested:
        yield f"No test, and so not gated: {_count(len(untested), 'comparison')} with too few users or seeds."
    if gate.of("shown"):
        yield "Not gated: a metric for which neither more nor less is better."
    left_out = sum(found.left_out for found in gate.comparisons)
    if left_out:
        yield f"Left out: {_count(left_out, 'pair')} without a value in one of the two, over all comparisons."
    if any(found.simulated for found in gate.comparisons):
        yield "SIMULATED: marked numbers rest on made data or on the answers of a program, not of a model."
    for change in gate.changed:
        yield f"Changed: {change}."
    if gate.new:
        yield f"New since the baseline, and not gated: {', '.join(gate.new)}."
    if gate.not_asked:
        yield f"--only left out {_count(gate.not_asked, 'method')} of the baseline, by data set; the tests still count."
    for protocol in gate.protocols:
        yield f"Protocol {protocol.line}."
    yield "Seconds and memory are no part of the baseline."


def _visible(gate: Gate) -> Iterator[str]:
    """What the tests could have seen, so that no regression is not taken for equality."""
    shares = [
        found.detectable / abs(found.baseline)
        for found in gate.comparisons
        if found.verdict != "shown" and found.detectable is not None and found.baseline
    ]
    told = (
        f"Detectable: the true difference that a test like this one finds with probability {POWER:.0%} at "
        f"{SIGNIFICANT} over the number of tests, given how much the differences of users spread here"
    )
    if shares:
        yield (
            f"{told}; of the {_count(len(shares), 'test')} with other values, half can see "
            f"{statistics.median(shares):.1%} of the baseline's mean, and the least able {max(shares):.1%}. A smaller "
            "regression may pass: no regression does not mean equal."
        )


def _seeds(gate: Gate) -> str:
    return f"seed{'s' if len(gate.seeds) > 1 else ''} {', '.join(map(str, gate.seeds))}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
