"""Everything a suite's page shows -> one HTML file that loads nothing: no request, no script or style but its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from markupsafe import Markup

from llmrec_bench.cost_text import sheet_of as cost_sheet
from llmrec_bench.costs import build_cost_tables
from llmrec_bench.execute.run import Progress, SearchProgress
from llmrec_bench.figures.build import build_figures
from llmrec_bench.figures.figure import Cases
from llmrec_bench.figures.text import sheet_of as figure_sheet
from llmrec_bench.plan import Plan
from llmrec_bench.report.charts import Chart
from llmrec_bench.report.drawing import svg_for_page
from llmrec_bench.report.gallery import Gallery
from llmrec_bench.report.grid import Grid, grid_of_sheet, grid_of_table, tell_notes_once
from llmrec_bench.report.summary import Summary, distinct_stages, summarise
from llmrec_bench.report.template import render_template
from llmrec_bench.report.trials import ShownTrial, TrialGroup, group_trials
from llmrec_bench.store import StagePart, Store
from llmrec_bench.tables.build import build_tables
from llmrec_bench.tables.table import Table


@dataclass(frozen=True)
class FigureSection:
    """A figure of the suite: its numbers as a table, or its cases, and its charts."""

    heading: str
    grid: Grid | None
    cases: Cases | None
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class Page:
    """What the page shows, in its order."""

    summary: Summary
    tables: tuple[Grid, ...]
    charts: dict[str, tuple[Chart, ...]]
    """By data set."""
    figures: tuple[FigureSection, ...]
    costs: tuple[Grid, ...]
    failed: tuple[ShownTrial, ...]
    missing: tuple[ShownTrial, ...]
    groups: tuple[TrialGroup, ...]
    stages: tuple[StagePart, ...]
    """Those behind the trials, each once."""
    provenance: dict[str, str]
    """That of most trials."""

    @property
    def all_charts(self) -> list[Chart]:
        """Of data sets and of figures."""
        own = [chart for figure in self.figures for chart in figure.charts]
        return [*(chart for charts in self.charts.values() for chart in charts), *own]


def build_page(
    plan: Plan,
    progress: Sequence[Progress],
    searches: Sequence[SearchProgress],
    store: Store,
    made_at: datetime,
) -> Page:
    """Gather what the stored records say of the plan's trials; `made_at` is told in UTC.

    Raises `BenchError` where records of one table or figure differ in protocol, data or candidates, and for stored
    files that cannot be read.
    """
    records = {p.trial.id: p.record for p in progress if p.record is not None}
    tables, costs = build_tables(plan, records, store), build_cost_tables(plan, records)
    figures = build_figures(plan, store, records)
    groups, usual = group_trials(progress)
    shown = [trial for group in groups for trial in group.trials]
    gallery = Gallery(plan, store, records)
    # A sliced table only where there is no other: its numbers are of some users.
    first: dict[str, Table] = {}
    for table in sorted(tables, key=lambda table: table.sizes is not None):
        first.setdefault(table.dataset, table)
    charts = {
        label: tuple(gallery.of_dataset(first[label], next((c for c in costs if c.dataset == label), None), figures))
        for label in dict.fromkeys(table.dataset for table in tables)
    }
    sections = [_figure(figure, gallery) for figure in figures]
    tables_shown = [grid_of_table(table, _links(groups, table.dataset)) for table in tables]
    figures_shown = [section.grid for section in sections if section.grid is not None]
    noted = iter(tell_notes_once([*tables_shown, *figures_shown]))
    return Page(
        summary=summarise(plan, progress, searches, made_at),
        tables=tuple(next(noted) for _ in tables_shown),
        charts={label: drawn for label, drawn in charts.items() if drawn},
        figures=tuple(s if s.grid is None else replace(s, grid=next(noted)) for s in sections),
        costs=tuple(grid_of_sheet(cost_sheet(table), _links(groups, table.dataset)) for table in costs if table.rows),
        failed=tuple(trial for trial in shown if trial.record is not None and trial.record.failure is not None),
        missing=tuple(trial for trial in shown if trial.record is None),
        groups=tuple(groups),
        stages=tuple(distinct_stages(list(records.values()))),
        provenance=usual,
    )


def render_page(page: Page) -> str:
    """The page as HTML, whatever data, models and users wrote escaped in it."""
    numbers = {id(chart): number for number, chart in enumerate(page.all_charts, 1)}
    return render_template(
        "page.html",
        page=page,
        summary=page.summary,
        # ElementTree wrote it from a short list of tags and attributes, so that it needs no escaping.
        svg=lambda chart: Markup(svg_for_page(chart, f"chart-{numbers[id(chart)]}")),
    )


def _links(groups: Sequence[TrialGroup], dataset: str) -> dict[str, str]:
    """Where the page shows the trials of each method."""
    return {group.method: f"#{group.anchor}" for group in groups if group.dataset == dataset}


def _figure(figure: Any, gallery: Gallery) -> FigureSection:
    sheet = figure_sheet(figure)
    cases = figure if isinstance(figure, Cases) and figure.cases else None
    grid = None if cases is not None else grid_of_sheet(sheet)
    return FigureSection(sheet.heading, grid, cases, tuple(gallery.of_figure(figure)))
