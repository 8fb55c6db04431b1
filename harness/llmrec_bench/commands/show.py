"""`bench table`, `bench figure` and `bench report`: what stored records say."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmrec_bench.commands.options import FORMAT, METHODS, ONLY, PROFILE, RESULTS, SEEDS, SUITE
from llmrec_bench.commands.printing import console
from llmrec_bench.commands.reading import figures_of, read_plan, tables_of
from llmrec_bench.errors import BenchError

if TYPE_CHECKING:
    from llmrec_bench.execute.run import Progress
    from llmrec_bench.plan import Plan


@click.command()
@SUITE
@RESULTS
@PROFILE
@ONLY
@METHODS
@SEEDS
@FORMAT
@click.option("--table", "name", metavar="NAME", help="Only this table of the suite; `cost` shows what methods took.")
@click.option("--baseline", metavar="METHOD", help="Hold the other rows against this one, with stars by a test.")
@click.option("--test", metavar="TEST", help="t-test, wilcoxon, randomisation, bootstrap, runs-t-test[-unpaired].")
@click.option("--correction", metavar="NAME", help="holm, bonferroni, benjamini-hochberg or none.")
@click.option("--slice", metavar="BY", help="activity, popularity, cold, history or shared-time.")
@click.option("--published", type=click.Path(path_type=Path), help="A CSV of published numbers to stand beside ours.")
@click.option("--allow-mixed", is_flag=True, help="Print numbers of different protocols, data or candidates together.")
def table(
    suite: Path,
    results: Path,
    profile: str | None,
    only: tuple[str, ...],
    added: tuple[str, ...],
    seeds: list[int] | None,
    form: Any,
    name: str | None,
    allow_mixed: bool,
    **options: Any,
) -> None:
    """Print the tables of SUITE from the stored records; cells that were not run say so.

    --baseline, --test, --correction, --slice and --published stand for the options of these names in the suite.
    """
    from dataclasses import replace

    from llmrec_bench.errors import suggest
    from llmrec_bench.execute.run import progress_of
    from llmrec_bench.suite_tables import ask_tables
    from llmrec_bench.table_text import render_tables, terminal_view

    _, planned, store = read_plan(suite, results, profile, only, seeds, added)
    progress = progress_of(planned, store)
    names = [shown.name for shown in planned.suite.tables]
    if name == "cost" and "cost" not in names:
        _print_costs(planned, progress, form)
        return
    if name is not None and name not in names:
        raise BenchError(f"--table {name}: {suite} has no such table{suggest(name, [*names, 'cost'])}")
    chosen = [entry for entry in planned.suite.tables if name in (None, entry.name)]
    labels = list(dict.fromkeys(method.label for method in planned.suite.methods))
    asked = ask_tables(chosen, options, labels, planned.suite.measures)
    planned = replace(planned, suite=replace(planned.suite, tables=asked))
    tables = tables_of(planned, store, progress, allow_mixed)
    if form == "terminal":
        console().print(terminal_view(tables))
    else:
        click.echo(render_tables(tables, form), nl=False)


@click.command()
@SUITE
@RESULTS
@PROFILE
@ONLY
@SEEDS
@FORMAT
@click.option("--figure", "name", metavar="NAME", help="Only this figure of the suite.")
def figure(
    suite: Path,
    results: Path,
    profile: str | None,
    only: tuple[str, ...],
    seeds: list[int] | None,
    form: Any,
    name: str | None,
) -> None:
    """Print the numbers behind the figures of SUITE from the stored records, and the cases they show."""
    from llmrec_bench.errors import suggest
    from llmrec_bench.execute.run import progress_of
    from llmrec_bench.figures.text import figures_view, render_figures

    _, planned, store = read_plan(suite, results, profile, only, seeds)
    names = [shown.name for shown in planned.suite.figures]
    if not names:
        raise BenchError(f"{suite}: has no figures; a section `figures:` would ask for some")
    if name is not None and name not in names:
        raise BenchError(f"--figure {name}: {suite} has no such figure{suggest(name, names)}")
    figures = figures_of(planned, store, progress_of(planned, store), name)
    if form == "terminal":
        console().print(figures_view(figures))
    else:
        click.echo(render_figures(figures, form), nl=False)


@click.command()
@SUITE
@RESULTS
@PROFILE
@ONLY
@SEEDS
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, help="The page to write."
)
@click.option("--charts", type=click.Path(path_type=Path), help="Also write each chart as SVG, PNG and PDF to here.")
def report(
    suite: Path,
    results: Path,
    profile: str | None,
    only: tuple[str, ...],
    seeds: list[int] | None,
    out: Path,
    charts: Path | None,
) -> None:
    """Make one page of SUITE's tables, figures, charts and trials from the stored records.

    The page is one file that loads nothing, so it can be mailed. What was not run or failed is said in it.
    """
    from llmrec_bench.report.write import write_report

    _, planned, store = read_plan(suite, results, profile, only, seeds)
    for line in write_report(planned, store, out, charts):
        click.echo(line)


def _print_costs(plan: "Plan", progress: "Sequence[Progress]", form: Any) -> None:
    from llmrec_bench.cost_text import cost_view, render_costs
    from llmrec_bench.costs import build_cost_tables

    tables = build_cost_tables(plan, {p.trial.id: p.record for p in progress if p.record is not None})
    if form == "terminal":
        console().print(cost_view(tables))
    else:
        click.echo(render_costs(tables, form), nl=False)
