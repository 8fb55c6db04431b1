"""What each row of a table changes against its baseline, and whether a test finds it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from llmrec_bench.stats import (
    SIGNIFICANT,
    TESTS,
    UserTest,
    VarianceSplit,
    compare,
    corrected,
    minimum_detectable_effect,
    user_differences,
    variance_split,
)
from llmrec_bench.tables.measured import Values
from llmrec_bench.tables.table import Against, Cell, Change, Table

STARS = (0.001, 0.01, SIGNIFICANT)
"""A corrected p below the last has one star, and one more for each of the others."""


def change_of(ours: Mapping[int, Values], theirs: Mapping[int, Values], test: str) -> Change | None:
    """Our values minus those of the baseline, both by seed and in one order of users; None without a common seed."""
    seeds = [seed for seed in ours if seed in theirs]
    if not seeds:
        return None
    first, second = (np.array([values[seed] for seed in seeds]) for values in (ours, theirs))
    found = compare(first, second, test)
    counted = ~np.isnan((first - second).mean(axis=0))
    variance = variance_split(user_differences(first, second))
    of_baseline = float(second[:, counted].mean()) if counted.any() else math.nan
    return Change(
        mean=_number(found.mean),
        low=_number(found.low),
        high=_number(found.high),
        p=_number(found.p),
        p_corrected=None,
        effect_size=_number(found.effect_size),
        relative=_number(found.mean / of_baseline) if of_baseline else None,
        users=int(counted.sum()),
        seeds=len(seeds),
        spread=_number(found.spread),
        variance_users=_number(variance.users),
        variance_seeds=_number(variance.seeds),
        variance_residual=_number(variance.residual),
    )


def correct(tables: Sequence[Table]) -> list[Table]:
    """The tables of one entry with their p-values corrected over its family, and below them how to read changes.

    Tests of the family that are not here count all the same.
    """
    changes = [cell.change for table in tables for row in table.rows for cell in row.cells]
    p = np.array([change.p for change in changes if change is not None and change.p is not None])
    found = [table.against for table in tables if table.against is not None]
    if not found:
        return list(tables)
    p_corrected = iter(corrected(p, found[0].family, found[0].correction).tolist())

    def with_p(cell: Cell) -> Cell:
        if cell.change is None or cell.change.p is None:
            return cell
        return replace(cell, change=replace(cell.change, p_corrected=next(p_corrected)))

    def told(table: Table) -> Table:
        if table.against is None:
            return table
        rows = tuple(replace(row, cells=tuple(map(with_p, row.cells))) for row in table.rows)
        notes = (*_reading(table.against, len(p)), *_power(table, table.against), *table.notes)
        return replace(table, rows=rows, notes=notes)

    return [told(table) for table in tables]


_CORRECTIONS = {
    "holm": "by Holm",
    "bonferroni": "by Bonferroni",
    "benjamini-hochberg": "by Benjamini and Hochberg, which bounds the share of false stars, not the chance of one",
}


def _reading(against: Against, tested: int) -> Iterator[str]:
    """How to read the column of changes."""
    yield (
        f"change: against {against.baseline}, in percent of its mean; over users, whose values are averaged over the "
        "seeds that both have."
    )
    named = _CORRECTIONS.get(against.correction)
    how = (
        f"not corrected, although the table asks for {against.family:,} tests"
        if named is None
        else f"corrected {named} over all {against.family:,} tests of the table"
    )
    missing = "" if tested == against.family else f"; {tested:,} of them have a p so far"
    one, two, three = sorted(STARS, reverse=True)
    yield f"*, **, ***: p below {one}, {two}, {three}, {how}{missing}."
    yield f"Test and interval: {TESTS[against.test].about}."


def _power(table: Table, against: Against) -> Iterator[str]:
    """What the table could have found, and whether more users or more seeds would help."""
    strict = against.correction not in ("benjamini-hochberg", "none")
    level = SIGNIFICANT / max(1, against.family) if strict else SIGNIFICANT
    ranges, shares = [], []
    for i, column in enumerate(table.columns):
        changes = [c for row in table.rows if (c := row.cells[i].change) is not None and c.spread is not None]
        smallest = sorted(minimum_detectable_effect(c.spread or 0, c.users, level) for c in changes)
        if smallest:
            ends = " to ".join(dict.fromkeys(f"{end:.4f}" for end in (smallest[0], smallest[-1])))
            ranges.append(f"{column} {ends}")
        shares += [share for c in changes if (share := _shares(c)) is not None]
    if ranges and isinstance(TESTS[against.test], UserTest):
        told = "after correction at its strictest" if strict else "before correction"
        yield f"The smallest change that the t-test finds here four times out of five, {told}: {', '.join(ranges)}."
    if shares:
        users, seeds, both = np.mean(shares, axis=0)
        yield (
            f"Of the squared error of a change {users:.0%} come from which users were asked, {seeds:.0%} from the "
            f"seeds, {both:.0%} from both together (averages over the table): the first falls with more users only, "
            "the second with more seeds only."
        )


def _shares(change: Change) -> tuple[float, float, float] | None:
    """Of the squared error of the mean, what users, seeds and both together add; None where there is none."""
    if change.variance_users is None or change.variance_seeds is None or change.variance_residual is None:
        return None
    split = VarianceSplit(change.variance_users, change.variance_seeds, change.variance_residual)
    whole = split.standard_error(change.seeds, change.users) ** 2
    if whole == 0:
        return None
    parts = (split.users / change.users, split.seeds / change.seeds)
    return parts[0] / whole, parts[1] / whole, 1 - sum(parts) / whole


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
