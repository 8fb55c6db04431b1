"""Every chart of a suite: what its tables, costs, lists and figures have numbers for."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from llmrec_bench.costs import CostTable
from llmrec_bench.figures.activity import build_activity
from llmrec_bench.figures.figure import Curves, Differences, Figure
from llmrec_bench.figures.scene import Scene
from llmrec_bench.plan import Plan
from llmrec_bench.report.chart_numbers import (
    Unit,
    cost_points,
    has_price,
    option_curves,
    popularity_shares,
    shown_name,
)
from llmrec_bench.report.charts import (
    Chart,
    draw_activity,
    draw_cost_split,
    draw_costs,
    draw_differences,
    draw_option,
    draw_popularity,
    draw_spread,
)
from llmrec_bench.report.palette import Looks
from llmrec_bench.store import Record, Store
from llmrec_bench.suite_figures import ActivityEntry, SuiteFigure
from llmrec_bench.tables.table import Table

_GROUPS = 5
"""Of users by activity, where the suite has no such figure of its own."""


class Gallery:
    """Draws the charts of one data set after another, and those of figures."""

    def __init__(self, plan: Plan, store: Store, records: dict[str, Record]) -> None:
        self._plan, self._store, self._records = plan, store, records
        self._looks = Looks(list(dict.fromkeys(trial.method.label for trial in plan.trials)))

    def of_dataset(self, table: Table, costs: CostTable | None, figures: Sequence[Figure]) -> Iterator[Chart]:
        """From the first table that shows the data set; those without a single number are left out.

        Raises `BenchError` where stored lists or values cannot be read.
        """
        if not any(row.cells[0].values for row in table.rows):
            return
        table = replace(table, rows=tuple(row for row in table.rows if row.trials))  # what is published only has none
        split = None if costs is None or not costs.rows else costs
        if split is not None:
            yield from self._costs(table, split)
        yield draw_spread(table, self._looks)
        for option, points in option_curves(table).items():
            yield draw_option(table, option, points, self._looks)
        if not any(isinstance(f, Curves) and f.kind == "activity" and f.dataset == table.dataset for f in figures):
            yield from self._activity(table)
        cutoff = min(self._plan.suite.protocol_on(table.dataset).cutoffs)
        shares = list(popularity_shares(table, self._plan.prepared[table.dataset], self._store, cutoff))
        if shares:
            yield draw_popularity(table, shares, cutoff, self._looks)
        if split is not None:
            names = {row.method: shown_name(row) for row in table.rows}
            names = {row.method: names.get(row.method, row.method) for row in split.rows}
            yield draw_cost_split(split, names, table.simulated)

    def of_figure(self, figure: Figure) -> Iterator[Chart]:
        """A chart of activity groups or a forest plot; popularity bins and cases have none of their own."""
        if isinstance(figure, Differences) and any(row.mean is not None for row in figure.rows):
            yield draw_differences(figure)
        if isinstance(figure, Curves) and figure.kind == "activity" and _has_numbers(figure):
            yield draw_activity(figure, self._looks)

    def _costs(self, table: Table, costs: CostTable) -> Iterator[Chart]:
        units: tuple[Unit, ...] = ("seconds", "USD")
        for unit in units:
            if unit == "USD" and not has_price(costs):
                continue
            points, unknown = cost_points(table, costs, unit, table.directions[0])
            prices = sorted({row.price for row in costs.rows if row.price})
            if points:
                yield draw_costs(table, points, unknown, unit, self._looks, prices)

    def _activity(self, table: Table) -> Iterator[Chart]:
        """By groups of users, where the first metric has a value for each user."""
        metric, labels = table.columns[0], {row.method for row in table.rows}
        trials = [t for t in self._plan.trials if t.dataset.label == table.dataset and t.method.label in labels]
        if not any(t.id in self._records and metric in self._records[t.id].standard_errors for t in trials):
            return
        entry = ActivityEntry(kind="activity", metric=metric, groups=_GROUPS)
        shown = SuiteFigure("activity", entry, (table.dataset,), tuple(row.method for row in table.rows))
        scene = Scene(self._plan, self._store, shown, table.dataset, tuple(trials), self._records)
        figure = build_activity(scene, entry)
        if _has_numbers(figure):
            yield draw_activity(figure, self._looks)


def _has_numbers(figure: Curves) -> bool:
    return any(cell.mean is not None for line in figure.lines for cell in line.cells)
