"""`bench import`: somebody else's recommendations as one more row."""

from pathlib import Path
from typing import Any

import click

from llmrec_bench.commands.options import FORMAT, PROFILE, RESULTS, SEEDS, SUITE
from llmrec_bench.commands.printing import console
from llmrec_bench.commands.reading import read_catalog, tables_of
from llmrec_bench.errors import BenchError


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@SUITE
@RESULTS
@PROFILE
@SEEDS
@FORMAT
@click.option("--label", metavar="NAME", help="Name of the row; default: the file's name without its ending.")
@click.option("--dataset", metavar="LABEL", help="The data set it was made for, where the suite has several.")
@click.option("--form", "file_form", metavar="FORM", help="csv, trec or recbole; default: told from the file.")
@click.option("--unknown", metavar="WHAT", help="drop: leave out users and items that the data set lacks.")
def import_command(
    file: Path,
    suite: Path,
    results: Path,
    profile: str | None,
    seeds: list[int] | None,
    form: Any,
    label: str | None,
    dataset: str | None,
    file_form: str | None,
    unknown: str | None,
) -> None:
    """Score FILE, recommendations made elsewhere, under the protocol of SUITE, and print its tables with that row.

    FILE has a line for each user and item with a score or a rank; `bench describe run-file` tells the forms. It is one
    run, for one seed, unless {seed} stands in its name. Last come the lines of YAML that keep the row in the suite.
    """
    from rich.console import Console

    from llmrec_bench.execute.run import progress_of, run_plan
    from llmrec_bench.imported_run import import_run
    from llmrec_bench.live import RunView
    from llmrec_bench.plan import make_plan
    from llmrec_bench.store import Store
    from llmrec_bench.suite import load_suite
    from llmrec_bench.table_text import render_tables, terminal_view

    catalog = read_catalog()
    imported = import_run(load_suite(suite, catalog, profile), catalog, file, label, dataset, file_form, unknown)
    plan, store = make_plan(imported.suite, (), seeds), Store(results, imported.suite.name)
    view = RunView(Console(stderr=True), 0)
    with view.open():
        own = run_plan(imported.own(plan), catalog, store, 0, watch=view.begin)
    faults = [p.record.failure.message for p in own if p.record is not None and p.record.failure is not None]
    if faults:
        raise BenchError("\n".join(faults))
    tables = [shown for shown in tables_of(plan, store, progress_of(plan, store)) if shown.dataset == imported.dataset]
    kept = f"# To keep the row, in {suite} (a table that lists its methods has to name it too):\n{imported.yaml()}"
    if form == "terminal":
        console().print(terminal_view(tables))
        click.echo(kept, nl=False)
    else:
        click.echo(render_tables(tables, form), nl=False)
        click.echo(kept, nl=False, err=True)
