"""Tables, costs and stored lists -> the rows that charts draw."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.costs import CostRow, CostTable, standalone_usd
from llmrec_bench.plan import PreparedData
from llmrec_bench.store import Store
from llmrec_bench.tables.table import Direction, Row, Table

Unit = Literal["seconds", "USD"]


@dataclass(frozen=True)
class CostPoint:
    """What a method took and what it got for that."""

    method: str
    name: str
    """The method, marked where a simulated language model is behind it."""
    cost: float
    value: float
    at_least: bool
    """Calls of language models are in it whose seconds no answer tells: the cost is what is known of it."""
    front: bool = False
    """No other method is better at the same or a lower cost; never where the cost is not known in full."""


def shown_name(row: Row) -> str:
    """The method, marked where a simulated language model is behind it."""
    return f"{row.method} (simulated)" if row.simulated else row.method


def cost_points(table: Table, costs: CostTable, unit: Unit, direction: Direction) -> tuple[list[CostPoint], list[str]]:
    """A point for each method with a number in the first column, and the names of those whose cost is not known.

    The cost is that of the method standing alone: all its stages, the fit, the ranking and the explaining, mean over
    trials. USD are notional: what all calls would cost at the list price.
    """
    points, unknown = [], []
    for row in table.rows:
        value, mine = row.cells[0].mean, [cost for cost in costs.rows if cost.method == row.method]
        if value is None or not mine:
            continue
        if unit == "USD":
            cost, at_least = standalone_usd(costs.rows, row.method)[1], False
        else:
            cost, at_least = sum(step.seconds or 0.0 for step in mine), any(map(_lacks_seconds, mine))
        if cost is None or (unit == "seconds" and cost <= 0):
            unknown.append(shown_name(row))
        else:
            points.append(CostPoint(row.method, shown_name(row), cost, value, at_least))
    best = set() if direction == "neither" else pareto([p for p in points if not p.at_least], direction == "higher")
    return [replace(point, front=point.method in best) for point in points], unknown


def pareto(points: Sequence[CostPoint], higher: bool = True) -> set[str]:
    """The methods that no other one beats: better than every one that costs as much or less."""
    found, best = set(), -math.inf
    sign = 1 if higher else -1
    for point in sorted(points, key=lambda point: (point.cost, -sign * point.value)):
        if sign * point.value > best:
            found.add(point.method)
            best = sign * point.value
    return found


def _lacks_seconds(row: CostRow) -> bool:
    """Not every answered call tells how long it took."""
    return row.seconds is None or (row.calls > 0 and row.pieces < row.calls - row.failed_calls)


def has_price(costs: CostTable) -> bool:
    """Some method has a cost in money that is known and not nothing."""
    methods = dict.fromkeys(row.method for row in costs.rows)
    return any(standalone_usd(costs.rows, method)[1] for method in methods)


def option_curves(table: Table) -> dict[str, list[tuple[str, str, float, float]]]:
    """By option: (row's label without it, whole label, value of the option, number in the first column), of the rows
    that a grid over one numeric option made; at least two values of a label."""
    lines: dict[tuple[str, str], list[tuple[str, str, float, float]]] = defaultdict(list)
    for row in table.rows:
        found = re.fullmatch(r"(.+)\[([^=,\[\]]+)=([^=,\[\]]+)\]", row.method)
        value, mean = None if found is None else _number(found[3]), row.cells[0].mean
        if found is not None and value is not None and mean is not None:
            name = f"{found[1]} (simulated)" if row.simulated else found[1]
            lines[found[2], found[1]].append((name, row.method, value, mean))
    curves: dict[str, list[tuple[str, str, float, float]]] = defaultdict(list)
    for (option, _), points in lines.items():
        if len(points) > 1:
            curves[option] += points
    return dict(curves)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class RankBins:
    """The items of a data set by popularity rank, cut where the rank doubles: 1, 2-3, 4-7 and so on."""

    of_item: npt.NDArray[np.int64]
    """int64 (I,): the bin of each item; the most popular one is in bin 0."""
    labels: tuple[str, ...]
    training: npt.NDArray[np.float64]
    """float64 (bins,): the share of the training interactions."""

    @classmethod
    def of(cls, data: PreparedData) -> "RankBins":
        """By training interactions, most first, ties by item code."""
        n_items = data.dataset.n_items
        counts = np.bincount(data.split.train.items, minlength=n_items)
        ranks = np.empty(n_items, dtype=np.int64)
        ranks[np.argsort(-counts, kind="stable")] = np.arange(1, n_items + 1)
        bins = np.floor(np.log2(ranks)).astype(np.int64)
        ends = [(2**b, min(2 ** (b + 1) - 1, n_items)) for b in range(int(bins.max()) + 1)]
        labels = tuple(f"{low:,}" if low == high else f"{low:,}–{high:,}" for low, high in ends)
        return cls(bins, labels, np.bincount(bins, weights=counts, minlength=len(labels)) / max(1, counts.sum()))

    def shares(self, places: pd.Series, codes: pd.Index) -> npt.NDArray[np.float64]:
        """float64 (bins,): the share of places in lists, from their number by item token."""
        items = codes.get_indexer(places.index)
        there = items >= 0
        found = np.bincount(self.of_item[items[there]], weights=places.to_numpy()[there], minlength=len(self.labels))
        return found / max(1.0, found.sum())


def popularity_shares(table: Table, data: PreparedData, store: Store, cutoff: int) -> Iterator[dict[str, object]]:
    """Rows of `method`, `name`, `bin`, `share` and `training`: where the places of lists go, mean over the seeds that
    have lists. Raises `BenchError` where lists cannot be read."""
    bins, codes = RankBins.of(data), pd.Index(data.dataset.items["token"].astype("str"))
    for row in table.rows:
        finished = [row.trials[seed] for seed in row.cells[0].values]
        if not finished:
            continue
        found = np.mean([bins.shares(store.places_by_item(trial, cutoff), codes) for trial in finished], axis=0)
        for label, share, training in zip(bins.labels, found, bins.training, strict=True):
            yield {
                "method": row.method,
                "name": shown_name(row),
                "bin": label,
                "share": float(share),
                "training": float(training),
            }
