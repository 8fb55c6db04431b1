"""The cells of differences, as text and as a machine wants them."""

from collections.abc import Iterator

from llmrec_bench.figures.figure import Difference, Differences
from llmrec_bench.stats import SIGNIFICANT
from llmrec_bench.table_text import decimals_of, p_text

CSV_COLUMNS = (
    "first",
    "second",
    "low",
    "high",
    "p",
    "p_corrected",
    "effect_size",
    "seeds_agreeing",
    "left_out",
    "family",
)
"""What differences have beyond the columns of all figures."""

_MARK = "*"
_WHY_NOT = {"failed": "failed", "missing": "not run", "unmeasured": "not measured"}


def headers_of(figure: Differences) -> list[str]:
    """Of the columns, the pair first."""
    return ["difference", figure.measured, "95 % interval", "p corrected", "p", "d_z", "seeds agree", "users"]


def body_of(figure: Differences) -> list[list[str]]:
    """The pair and its cells, row by row."""
    numbers = [number for row in figure.rows for number in (row.mean, row.low, row.high)]
    decimals = decimals_of(numbers)
    return [[_pair(row), *_cells(row, len(figure.seeds), decimals)] for row in figure.rows]


def csv_lines(figure: Differences) -> Iterator[tuple[list[object], list[object]]]:
    """For each pair, what stands in the columns of all figures, from `simulated` to `text`, and in `CSV_COLUMNS`."""
    for row in figure.rows:
        pair = f"{row.first} minus {row.second}"
        yield (
            [bool(row.simulated), pair, "", row.users, None, None, figure.measured, row.mean, None, len(row.by_seed),
             len(figure.seeds), row.status, ""],
            [row.first, row.second, row.low, row.high, row.p, row.p_corrected, row.effect_size, row.agreeing,
             row.left_out, figure.family],
        )  # fmt: skip


def _pair(row: Difference) -> str:
    names = [f"{label} (simulated)" if label in row.simulated else label for label in (row.first, row.second)]
    return " minus ".join(names)


def _cells(row: Difference, seeds: int, decimals: int) -> Iterator[str]:
    if row.mean is None:
        yield _WHY_NOT.get(row.status, "n/a")
        yield from ["-"] * 6
        return
    yield f"{row.mean:+,.{decimals}f}"
    yield "n/a" if row.low is None or row.high is None else f"{row.low:+,.{decimals}f}, {row.high:+,.{decimals}f}"
    mark = f" {_MARK}" if row.p_corrected is not None and row.p_corrected < SIGNIFICANT else ""
    yield f"{p_text(row.p_corrected)}{mark}"
    yield p_text(row.p)
    yield "n/a" if row.effect_size is None else f"{row.effect_size:+.2f}"
    share = f" (of {seeds})" if row.status == "partial" else ""
    yield f"{row.agreeing}/{len(row.by_seed)}{share}"
    yield f"{row.users:,}"
