"""The command line: thin. Each command imports what it needs when it runs, so that `bench --help` is quick."""

import errno
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from llmrec_bench.cassette_commands import cassette
from llmrec_bench.command_options import (
    AS_JSON,
    DEVICE,
    FORMAT,
    ONLY,
    PROFILE,
    REPLAY,
    RESULTS,
    SEEDS,
    SUITE,
    Dollars,
)
from llmrec_bench.compare_command import compare
from llmrec_bench.errors import BenchError
from llmrec_bench.gate_command import gate

if TYPE_CHECKING:
    from rich.console import Console

    from llmrec_bench.execute.run import Progress
    from llmrec_bench.plan import Plan
    from llmrec_bench.plugins import Catalog
    from llmrec_bench.store import Store


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="llmrec-bench", prog_name="bench")
def bench() -> None:
    """Compare LLM-based recommendation methods fairly: accuracy, popularity bias and price."""


@bench.command()
@SUITE
@RESULTS
@PROFILE
@ONLY
@SEEDS
@DEVICE
@click.option(
    "--workers",
    type=click.IntRange(0),
    help="Trials at once, one thread each; default: the number of cores. 0: in this process, for a debugger.",
)
@REPLAY
@click.option("--budget", type=Dollars(), help="Stop before language models cost more than this, as 5usd.")
@AS_JSON
def run(
    suite: Path,
    results: Path,
    profile: str | None,
    only: tuple[str, ...],
    seeds: list[int] | None,
    device: str,
    workers: int | None,
    replay: bool,
    budget: float | None,
    as_json: bool,
) -> None:
    """Run what is missing of SUITE, then print its tables and figures.

    Exit status: 0 all trials finished; 1 some failed or were left out for the budget; 2 a mistake in the input; 130
    stopped by Ctrl-C.
    """
    from rich.console import Console

    from llmrec_bench.execute.run import asking_for, progress_of, run_plan
    from llmrec_bench.figures.text import figures_view
    from llmrec_bench.live import RunView
    from llmrec_bench.table_text import terminal_view

    catalog, plan, store = _planned(suite, results, profile, only, seeds)
    count = os.cpu_count() or 1 if workers is None else workers
    asking = asking_for(plan, catalog, store, replay, budget)
    log = Console(stderr=True)
    view = RunView(log, count)
    try:
        with view.open():
            progress = run_plan(plan, catalog, store, count, device, view.begin, asking)
    except KeyboardInterrupt:
        done = sum(p.state == "finished" for p in progress_of(plan, store))
        raise _Stopped(
            f"stopped: {done} of {len(plan.trials)} trials are finished and kept; run again to go on"
        ) from None
    tables = _tables(plan, store, progress)
    failed = [p for p in progress if p.state != "finished"]
    if as_json:
        from dataclasses import asdict

        figures = [asdict(figure) for figure in _figures(plan, store, progress)]
        shown = {"tables": [asdict(table) for table in tables], "figures": figures}
        _print_json({**_progress_json(plan, store, progress), **shown})
    else:
        console = _console()
        if plan.suite.description:
            console.print(plan.suite.description.strip() + "\n", markup=False)
        console.print(terminal_view(tables))
        if plan.suite.figures:
            console.print(figures_view(_figures(plan, store, progress)))
        finished = len(progress) - len(failed)
        console.print(f"{finished} of {len(progress)} trials finished. Records: {store.trials}", soft_wrap=True)
        if asking.budget is not None:
            console.print(f"Spent on language models in this run: {asking.budget.spent_usd:.4f} USD.", highlight=False)
            if asking.budget.stopped:
                console.print(
                    f"Stopped before passing the budget of {budget:g} USD; the answers so far are recorded: "
                    "run again, with a larger --budget if need be, to go on.",
                    soft_wrap=True,
                    highlight=False,
                )
        for p in failed:
            if p.state == "missing":
                console.print(f"not run: {p.trial.label}", soft_wrap=True, highlight=False, markup=False)
                continue
            console.print(
                f"failed: {p.trial.label}: {store.trials / p.trial.id / 'record.json'}",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
    if failed:
        sys.exit(1)


@bench.command()
@SUITE
@RESULTS
@PROFILE
@ONLY
@SEEDS
@DEVICE
@REPLAY
@AS_JSON
def plan(
    suite: Path,
    results: Path,
    profile: str | None,
    only: tuple[str, ...],
    seeds: list[int] | None,
    device: str,
    replay: bool,
    as_json: bool,
) -> None:
    """Print the trials of SUITE, what is done and missing, and what language models will cost. Runs nothing.

    What keeps the suite from running is told together: data, keys, weights, memory. Exit status: 2 where data are
    missing or the input has a mistake, else 0.
    """
    from collections import Counter

    from rich.table import Table

    from llmrec_bench.describe import describe_funnel
    from llmrec_bench.estimate_text import estimate_view
    from llmrec_bench.execute.estimate import estimate
    from llmrec_bench.execute.missing import plan_or_missing
    from llmrec_bench.execute.run import asking_for, progress_of, searches_of
    from llmrec_bench.store import Store
    from llmrec_bench.suite import load_suite

    catalog = _catalog()
    loaded = load_suite(suite, catalog, profile)
    planned, store = plan_or_missing(loaded, catalog, only, seeds, device, replay), Store(results, loaded.name)
    progress = progress_of(planned, store)
    finished = [p.trial.id for p in progress if p.state == "finished"]
    estimates = estimate(planned, store, asking_for(planned, catalog, store, replay), finished, device)
    if as_json:
        from dataclasses import asdict

        plain = _progress_json(planned, store, progress)
        _print_json({**plain, "estimates": [asdict(found) for found in estimates]})
        return
    console = _console()
    grid = Table(box=None)
    for header in ("id", "data set", "method", "seed", "state"):
        grid.add_column(header, overflow="fold", no_wrap=header == "id")
    for p in progress:
        style = {"finished": "green", "failed": "red"}.get(p.state, "")
        trial = p.trial
        grid.add_row(
            trial.id, trial.dataset.label, trial.method.label.replace("[", r"\["), str(trial.seed), p.state, style=style
        )
    console.print(grid)
    counts = Counter(p.state for p in progress)
    console.print(
        f"\n{len(progress)} trials: " + ", ".join(f"{n} {state}" for state, n in sorted(counts.items())),
        highlight=False,
    )
    for found in searches_of(planned, store):
        fits = found.search.tuning.fits
        console.print(
            f"tuning {found.search.method.label} on {found.search.dataset.label} (search {found.search.id}): "
            f"{len(found.fits)} of {fits} fits done",
            soft_wrap=True,
            markup=False,
        )
    if estimates:
        console.print(estimate_view(estimates))
    console.print(f"Protocol {planned.suite.protocol.hash}: {planned.suite.protocol.describe()}", soft_wrap=True)
    console.print(f"Records: {store.trials}", soft_wrap=True)
    for label, data in planned.prepared.items():
        console.print(f"\nData set {label}, fingerprint {data.dataset.fingerprint}", markup=False)
        console.print(describe_funnel(data.dataset.funnel), markup=False, soft_wrap=True)


@bench.command()
@SUITE
@RESULTS
@PROFILE
@ONLY
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

    from llmrec_bench.execute.run import progress_of
    from llmrec_bench.suite_tables import ask_tables
    from llmrec_bench.table_text import render_tables, terminal_view

    _, planned, store = _planned(suite, results, profile, only, seeds)
    progress = progress_of(planned, store)
    names = [shown.name for shown in planned.suite.tables]
    if name == "cost" and "cost" not in names:
        _print_costs(planned, progress, form)
        return
    if name is not None and name not in names:
        from llmrec_bench.errors import suggest

        raise BenchError(f"--table {name}: {suite} has no such table{suggest(name, [*names, 'cost'])}")
    suite_ = planned.suite
    shown = [table for table in suite_.tables if name in (None, table.name)]
    asked = ask_tables(shown, options, list(dict.fromkeys(m.label for m in suite_.methods)), suite_.measures)
    planned = replace(planned, suite=replace(suite_, tables=asked))
    tables = _tables(planned, store, progress, allow_mixed)
    if form == "terminal":
        _console().print(terminal_view(tables))
    else:
        click.echo(render_tables(tables, form), nl=False)


@bench.command()
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

    _, planned, store = _planned(suite, results, profile, only, seeds)
    names = [shown.name for shown in planned.suite.figures]
    if not names:
        raise BenchError(f"{suite}: has no figures; a section `figures:` would ask for some")
    if name is not None and name not in names:
        raise BenchError(f"--figure {name}: {suite} has no such figure{suggest(name, names)}")
    figures = _figures(planned, store, progress_of(planned, store), name)
    if form == "terminal":
        _console().print(figures_view(figures))
    else:
        click.echo(render_figures(figures, form), nl=False)


@bench.command("import")
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

    catalog = _catalog()
    imported = import_run(load_suite(suite, catalog, profile), catalog, file, label, dataset, file_form, unknown)
    plan, store = make_plan(imported.suite, (), seeds), Store(results, imported.suite.name)
    view = RunView(Console(stderr=True), 0)
    with view.open():
        own = run_plan(imported.own(plan), catalog, store, 0, watch=view.begin)
    faults = [p.record.failure.message for p in own if p.record is not None and p.record.failure is not None]
    if faults:
        raise BenchError("\n".join(faults))
    tables = [shown for shown in _tables(plan, store, progress_of(plan, store)) if shown.dataset == imported.dataset]
    kept = f"# To keep the row, in {suite} (a table that lists its methods has to name it too):\n{imported.yaml()}"
    if form == "terminal":
        _console().print(terminal_view(tables))
        click.echo(kept, nl=False)
    else:
        click.echo(render_tables(tables, form), nl=False)
        click.echo(kept, nl=False, err=True)


@bench.command()
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

    _, planned, store = _planned(suite, results, profile, only, seeds)
    for line in write_report(planned, store, out, charts):
        click.echo(line)


@bench.command("list")
@click.argument("kind", type=click.Choice(["methods", "datasets", "metrics", "language-models"]))
@AS_JSON
def list_command(kind: str, as_json: bool) -> None:
    """List the methods, data sources, metrics or language model providers that the installed plugins offer."""
    from rich.table import Table

    from llmrec_bench.describe import list_entries

    catalog = _catalog()
    entries = list_entries(catalog, kind.replace("-", "_"))
    if as_json:
        keys = ("name", "plugin", "summary")
        broken = [{"plugin": b.name, "reason": b.reason} for b in catalog.broken]
        _print_json({kind: [dict(zip(keys, entry, strict=True)) for entry in entries], "broken": broken})
        return
    grid = Table("name", "plugin", "summary", box=None)
    for name, plugin, summary in entries:
        grid.add_row(name, plugin, summary)
    console = _console()
    console.print(grid, markup=False)
    for b in catalog.broken:
        console.print(f"not loaded: plugin '{b.name}' ({b.reason})", style="red", soft_wrap=True, markup=False)


@bench.command()
@click.argument("name")
def describe(name: str) -> None:
    """Explain a method, data source, metric or language model provider, and every option."""
    from llmrec_bench.describe import describe_entry

    click.echo(describe_entry(_catalog(), name))


@bench.group()
def data() -> None:
    """Look at data sets."""


@data.command("describe")
@click.argument("name_or_path")
@click.option(
    "--option", "-o", "options", multiple=True, metavar="KEY=VALUE", help="An option of the source. Repeatable."
)
@click.option("--filters", metavar="YAML", help="Filters as in a suite, such as '[{filter: k-core, users: 5}]'.")
@AS_JSON
def data_describe(name_or_path: str, options: tuple[str, ...], filters: str | None, as_json: bool) -> None:
    """Counts, filter funnel, lengths, titles, ties and fingerprint of a data source or of a file or folder."""
    from llmrec_bench.data.dataset import load_dataset
    from llmrec_bench.data.description import describe_data
    from llmrec_bench.describe import describe_loaded
    from llmrec_bench.sources import parse_preparation, resolve_source

    source = resolve_source(_catalog(), name_or_path, options)
    description = describe_data(load_dataset(name_or_path, source, parse_preparation(filters)))
    if as_json:
        _print_json({"source": source.name, "options": source.model_dump(mode="json"), **description.to_dict()})
    else:
        click.echo(describe_loaded(source, description))


bench.add_command(cassette)
bench.add_command(gate)
bench.add_command(compare)


@bench.command()
def schema() -> None:
    """Print the JSON schema of a suite, for editors that complete and check YAML."""
    from llmrec_bench.schema import suite_schema

    _print_json(suite_schema(_catalog()))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console script: a user's mistake is one line and exit status 2, never a traceback."""
    if sys.stdout is None:  # closed by the caller, as in `bench run SUITE >&-`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open to the end of the process
    try:
        bench.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except _Stopped as stop:
        click.echo(f"bench: {stop}", err=True)
        sys.exit(130)
    except BenchError as error:
        for line in str(error).splitlines():
            click.echo(f"bench: {line}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("bench: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe went away
        sys.exit(0)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        click.echo(f"bench: cannot print: {error.strerror}", err=True)  # results are stored by `Store`, which tells
        os._exit(2)  # else the interpreter tries once more to write what is left, and complains
    sys.exit(0)


def _console() -> "Console":
    """Standard output; where it is no terminal, wide enough that tables need not fold."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


class _Stopped(BenchError):
    """Ctrl-C."""


def _catalog() -> "Catalog":
    from llmrec_bench.plugins import load_catalog

    return load_catalog()


def _planned(
    suite: Path, results: Path, profile: str | None, only: Sequence[str], seeds: Sequence[int] | None
) -> "tuple[Catalog, Plan, Store]":
    from llmrec_bench.plan import make_plan
    from llmrec_bench.store import Store
    from llmrec_bench.suite import load_suite

    catalog = _catalog()
    loaded = load_suite(suite, catalog, profile)
    return catalog, make_plan(loaded, only, seeds), Store(results, loaded.name)


def _tables(plan: "Plan", store: "Store", progress: "Sequence[Progress]", allow_mixed: bool = False) -> Any:
    from llmrec_bench.tables.build import build_tables

    records = {p.trial.id: p.record for p in progress if p.record is not None}
    return build_tables(plan, records, store, allow_mixed)


def _figures(plan: "Plan", store: "Store", progress: "Sequence[Progress]", name: str | None = None) -> Any:
    from llmrec_bench.figures.build import build_figures

    return build_figures(plan, store, {p.trial.id: p.record for p in progress if p.record is not None}, name)


def _print_costs(plan: "Plan", progress: "Sequence[Progress]", form: Any) -> None:
    from llmrec_bench.cost_text import cost_view, render_costs
    from llmrec_bench.costs import build_cost_tables

    tables = build_cost_tables(plan, {p.trial.id: p.record for p in progress if p.record is not None})
    if form == "terminal":
        _console().print(cost_view(tables))
    else:
        click.echo(render_costs(tables, form), nl=False)


def _progress_json(plan: "Plan", store: "Store", progress: "Sequence[Progress]") -> dict[str, Any]:
    from llmrec_bench.execute.run import searches_of

    return {
        "suite": plan.suite.name,
        "protocol_hash": plan.suite.protocol.hash,
        "records": str(store.trials),
        "trials": [
            {
                "id": p.trial.id,
                "dataset": p.trial.dataset.label,
                "method": p.trial.method.label,
                "seed": p.trial.seed,
                "state": p.state,
                "failure": p.record.failure.message if p.record is not None and p.record.failure is not None else None,
            }
            for p in progress
        ],
        "searches": [
            {
                "id": found.search.id,
                "dataset": found.search.dataset.label,
                "method": found.search.method.label,
                "fits_planned": found.search.tuning.fits,
                "fits": [{"options": fit.options, fit.metric: fit.value} for fit in found.fits],
            }
            for found in searches_of(plan, store)
        ],
    }


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1))


if __name__ == "__main__":
    main()
