"""Estimates -> the part of a plan that tells what language models will cost."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from llmrec_bench.execute.estimate import Estimate, Span


def estimate_view(estimates: Sequence[Estimate]) -> RenderableType:
    """What rich prints: a line for each stage and for each method that asks for its rankings."""
    grid = Table(box=None)
    headers = ("stage or method", "charged", "model", "state", "calls", "recorded", "prompt tokens")
    for i, header in enumerate((*headers, "completion tokens", "seconds", "USD to pay", "USD in all", "price")):
        grid.add_column(header, justify="right" if 4 <= i < 11 else "left", overflow="fold")
    for found in estimates:
        share = f"{found.recorded_calls / found.calls:.0%}" if found.calls else ""
        asks = found.calls > 0
        grid.add_row(
            found.what.replace("[", r"\["),
            found.charged,
            f"{found.provider} {found.model}".strip(),
            "built" if found.built else "to do",
            f"{found.calls:,}",
            share,
            _span(found.prompt_tokens, 0) if asks else "",
            _span(found.completion_tokens, 0) if asks else "",
            "n/a" if found.call_seconds is None else f"{found.call_seconds:,.0f}",
            _span(found.billed_usd, 4) if asks else "",
            _span(found.notional_usd, 4) if asks else "",
            found.price,
        )
    note = (
        "Tokens and money are estimates with their range; seconds are those of the calls to be made, one after another."
    )
    return Group("", grid, Text(note + "\n", style="dim"))


def _span(span: Span | None, decimals: int) -> str:
    if span is None:
        return "n/a"
    if span.low == span.high:
        return f"{span.low:,.{decimals}f}"
    likely = "" if span.likely is None else f"{span.likely:,.{decimals}f} "
    high = "no limit" if span.high is None else f"{span.high:,.{decimals}f}"
    return f"{likely}({span.low:,.{decimals}f} to {high})"
