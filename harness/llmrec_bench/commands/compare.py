"""`bench compare`: two runs of a suite side by side."""

import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@click.option("--metric", "metrics", multiple=True, metavar="METRIC", help="Only this one, as NDCG@10. Repeatable.")
@click.option(
    "--users",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="How many of the users that only one run finds are shown each way, for each method.",
)
@click.option("--allow-mixed", is_flag=True, help="Show numbers of different protocols, data or candidates, untested.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown", "json"]),
    default="terminal",
    show_default=True,
    help="How to print it.",
)
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Write it as a page too.")
def compare(
    run_a: Path,
    run_b: Path,
    metrics: tuple[str, ...],
    users: int,
    allow_mixed: bool,
    form: Any,
    page: Path | None,
) -> None:
    """Compare two runs, such as those before and after a change: RUN_A and RUN_B are folders as results/SUITE.

    Trials are matched by data set, method and seed. Shown are the paired differences B minus A with their tests, the
    users that only one run finds, and what else differs: options, versions, machines, seconds.
    """
    from llmrec_bench.compare.build import compare_runs
    from llmrec_bench.compare.stored_run import read_run
    from llmrec_bench.compare.text import comparison_view, render_comparison
    from llmrec_bench.plugins import load_catalog

    found = compare_runs(read_run(run_a), read_run(run_b), load_catalog(), metrics, users, allow_mixed)
    if form == "terminal":
        from rich.console import Console

        Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(comparison_view(found))
    else:
        click.echo(render_comparison(found, form), nl=False)
    if page is not None:
        from llmrec_bench.report.write import write_comparison

        click.echo(write_comparison(found, page), err=True)
