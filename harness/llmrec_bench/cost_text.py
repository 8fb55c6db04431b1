"""CostTable -> terminal, markdown, LaTeX, CSV or JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType

from llmrec_bench.costs import CostRow, CostTable, standalone_usd
from llmrec_bench.sheet import Sheet
from llmrec_bench.table_text import Format

_HEADERS = (
    *("method", "step", "charged", "shared by", "pieces", "s/piece", "calls", "recorded", "prompt tokens"),
    *("completion tokens", "billed USD", "notional USD", "parameters", "peak MiB", "runs on"),
)
_WORDS = ("step", "charged", "runs on")
_NARROWEST_STEP = 26


def render_costs(tables: Sequence[CostTable], form: Format) -> str:
    """The tables as one text."""
    match form:
        case "terminal":
            raise ValueError("cost_view is for terminals")
        case "markdown":
            return "\n".join(sheet_of(table).markdown() for table in tables)
        case "latex":
            return "% needs \\usepackage{booktabs}\n" + "\n".join(sheet_of(table).latex() for table in tables)
        case "csv":
            return _csv(tables)
        case "json":
            return json.dumps([_plain(table) for table in tables], indent=1) + "\n"


def cost_view(tables: Sequence[CostTable]) -> RenderableType:
    """What rich prints: each table with its notes below."""
    return Group(*map(_narrow_sheet, tables))


def sheet_of(table: CostTable) -> Sheet:
    """Its cells as text."""
    return Sheet(f"Cost: {table.dataset}", _HEADERS, _body(table), table.notes, left=_WORDS)


def _narrow_sheet(table: CostTable) -> Sheet:
    """Method and step in one column, so that every grid of a narrow terminal can repeat them."""
    headers = ["method: step", *_HEADERS[2:]]
    body = [[f"{method}: {step}", *rest] for method, step, *rest in _body(table)]
    return Sheet(f"Cost: {table.dataset}", headers, body, table.notes, left=_WORDS, narrowest=_NARROWEST_STEP)


def _body(table: CostTable) -> list[list[str]]:
    """Each step as text, and below a method's steps their sum where money is involved."""
    lines = []
    for method in dict.fromkeys(row.method for row in table.rows):
        mine = [row for row in table.rows if row.method == method]
        lines += [_line(row) for row in mine]
        if any(row.calls for row in mine):
            billed, notional = standalone_usd(mine, method)
            total = [method, "all, standalone", *[""] * (len(_HEADERS) - 2)]
            total[_HEADERS.index("billed USD")] = money_text(billed)
            total[_HEADERS.index("notional USD")] = money_text(notional)
            lines.append(total)
    return lines


def _line(row: CostRow) -> list[str]:
    asks = row.calls > 0
    return [
        row.method,
        f"{row.step} (simulated)" if row.simulated else row.step,
        row.charged,
        str(row.shared_by),
        _count(row.pieces),
        seconds_text(row.seconds_per_piece),
        _count(row.calls) + (f" ({_count(row.failed_calls)} failed)" if row.failed_calls else ""),
        _count(row.recorded_calls),
        _tokens(row.prompt_tokens, row),
        _tokens(row.completion_tokens, row),
        money_text(row.billed_usd) if asks else "0",
        money_text(row.notional_usd) if asks else "0",
        "n/a" if row.parameters is None else f"{row.parameters:,}",
        "n/a" if row.peak_memory_bytes is None else f"{row.peak_memory_bytes / 2**20:,.0f}",
        row.deployment,
    ]


def seconds_text(seconds: float | None) -> str:
    """Seconds with three digits; `n/a` where unknown."""
    return "n/a" if seconds is None else f"{seconds:,.1f}" if seconds >= 10 else f"{seconds:.3g}"


def duration_text(seconds: float) -> str:
    """`4.2 s`, `1 min 05 s` or `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def money_text(usd: float | None) -> str:
    """US dollars, finer where there are few; `n/a` where unknown."""
    return "n/a" if usd is None else "0" if usd == 0 else f"{usd:,.4f}" if usd < 10 else f"{usd:,.2f}"


def _count(number: float) -> str:
    """A mean over seeds need not be whole."""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.1f}"


def _tokens(tokens: float | None, row: CostRow) -> str:
    if tokens is None:
        return "n/a"
    return _count(tokens) + (f" ({_count(row.calls_without_usage)} n/a)" if row.calls_without_usage else "")


def _plain(table: CostTable) -> dict[str, object]:
    return {
        "dataset": table.dataset,
        "rows": [{**asdict(row), "seconds_per_piece": row.seconds_per_piece} for row in table.rows],
        "notes": list(table.notes),
    }


def _csv(tables: Sequence[CostTable]) -> str:
    out = io.StringIO()
    names = list(CostRow.__dataclass_fields__)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["dataset", *names, "seconds_per_piece"])
    for table in tables:
        for row in table.rows:
            writer.writerow([table.dataset, *(getattr(row, name) for name in names), row.seconds_per_piece])
    return out.getvalue()
