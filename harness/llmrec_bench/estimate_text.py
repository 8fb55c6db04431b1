"""Estimates -> the part of a plan that tells what language models will cost."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from llmrec_bench.execute.estimate import Estimate, Span


def estimate_view(estimates: Sequence[Estimate]) -> RenderableType:
    """What rich prints: a line for each stage and for each method that asks for its rankings."""
    grid = Table(box=None)
    headers = ("stage or method", "model", "state", "calls", "recorded", "prompt tokens", "answer tokens")
    for i, header in enumerate((*headers, "seconds", "USD to pay", "USD in all")):
        grid.add_column(header, justify="right" if i > 2 else "left", overflow="fold")
    for found in estimates:
        asks = found.calls > 0
        grid.add_row(
            Text(found.what),
            Text(f"{found.provider} {found.model}".strip()),
            "built" if found.built else "to do",
            f"{found.calls:,}" if asks else "",
            f"{found.recorded_calls / found.calls:.0%}" if asks else "",
            _span(found.prompt_tokens) if asks else "",
            _span(found.completion_tokens) if asks else "",
            "n/a" if found.call_seconds is None else f"{found.call_seconds:,.0f}",
            _span(found.billed_usd, money=True) if asks else "",
            _span(found.notional_usd, money=True) if asks else "",
        )
    notes = [
        "Tokens and money are estimates with their range; seconds are of the calls to be made, one after another.",
        *(f"Missing: {what}: {fault}" for fault, what in _missing(estimates).items()),
        *(f"Price: {price} (US dollars)." for price in sorted({found.price for found in estimates if found.price})),
    ]
    return Group("", grid, Text("\n".join(notes) + "\n", style="dim"))


def _missing(estimates: Sequence[Estimate]) -> dict[str, str]:
    """Each fault once, with what it keeps from being built."""
    kept: dict[str, list[str]] = {}
    for found in estimates:
        if found.fault:
            kept.setdefault(found.fault, []).append(found.what)
    return {fault: f"{what[0]} and {len(what) - 1} more" if what[1:] else what[0] for fault, what in kept.items()}


def _span(span: Span | None, money: bool = False) -> str:
    """`1.2k (0.9k-1.6k)`; a bound that is not known is left open."""
    if span is None:
        return "n/a"
    if span.low == span.high:
        return _short(span.low, money)
    if span.high is None:
        return "n/a" if span.likely is None else f"{_short(span.likely, money)} (from {_short(span.low, money)})"
    around = f"{_short(span.low, money)}-{_short(span.high, money)}"
    return around if span.likely is None else f"{_short(span.likely, money)} ({around})"


def _short(number: float, money: bool) -> str:
    if money:
        return "0" if number == 0 else f"{number:,.4f}" if number < 1 else f"{number:,.2f}"
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if number >= 10 * size:
            return f"{number / size:,.0f}{unit}"
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return f"{number:,.0f}"
