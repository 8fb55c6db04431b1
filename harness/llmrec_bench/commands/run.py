"""`bench run` and `bench plan`."""

import os
import sys
from pathlib import Path

import click

from llmrec_bench.commands.options import (
    AS_JSON,
    DEVICE,
    METHODS,
    ONLY,
    PROFILE,
    REPLAY,
    RESULTS,
    SEEDS,
    SUITE,
    Dollars,
)
from llmrec_bench.commands.printing import console, print_json, progress_json
from llmrec_bench.commands.reading import figures_of, read_catalog, read_plan, tables_of
from llmrec_bench.errors import BenchError


class Stopped(BenchError):
    """Ctrl-C."""


@click.command()
@SUITE
@RESULTS
@PROFILE
@ONLY
@METHODS
@SEEDS
@DEVICE
@click.option(
    "--workers",
    type=click.IntRange(0),
    help="Trials at once, one thread each; default: the number of cores. 0: in this process, for a debugger.",
)
@click.option("--trial-minutes", type=click.FloatRange(min=0, min_open=True), help="End a trial that takes longer.")
@click.option(
    "--trial-gib", type=click.FloatRange(min=0, min_open=True), help="End a trial that holds more memory, in GiB."
)
@REPLAY
@click.option("--budget", type=Dollars(), help="Stop before language models cost more than this, as 5usd.")
@AS_JSON
def run(
    suite: Path,
    results: Path,
    profile: str | None,
    only: tuple[str, ...],
    added: tuple[str, ...],
    seeds: list[int] | None,
    device: str,
    workers: int | None,
    trial_minutes: float | None,
    trial_gib: float | None,
    replay: bool,
    budget: float | None,
    as_json: bool,
) -> None:
    """Run what is missing of SUITE, then print its tables and figures.

    Exit status: 0 all trials finished; 1 some failed or were left out for the budget; 2 a mistake in the input; 130
    stopped by Ctrl-C.
    """
    from rich.console import Console

    from llmrec_bench.execute.limits import Limits
    from llmrec_bench.execute.run import asking_for, progress_of, run_plan
    from llmrec_bench.figures.text import figures_view
    from llmrec_bench.live import RunView
    from llmrec_bench.table_text import terminal_view

    catalog, plan, store = read_plan(suite, results, profile, only, seeds, added)
    count = os.cpu_count() or 1 if workers is None else workers
    asking = asking_for(plan, catalog, store, replay, budget)
    limits = Limits(trial_minutes, trial_gib)
    log = Console(stderr=True)
    view = RunView(log, count)
    try:
        with view.open():
            progress = run_plan(plan, catalog, store, count, device, view.begin, asking, limits)
    except KeyboardInterrupt:
        done = sum(p.state == "finished" for p in progress_of(plan, store))
        raise Stopped(
            f"stopped: {done} of {len(plan.trials)} trials are finished and kept; run again to go on"
        ) from None
    tables = tables_of(plan, store, progress)
    failed = [p for p in progress if p.state != "finished"]
    if as_json:
        from dataclasses import asdict

        figures = [asdict(figure) for figure in figures_of(plan, store, progress)]
        shown = {"tables": [asdict(table) for table in tables], "figures": figures}
        print_json({**progress_json(plan, store, progress), **shown})
    else:
        screen = console()
        if plan.suite.description:
            screen.print(plan.suite.description.strip() + "\n", markup=False)
        screen.print(terminal_view(tables))
        if plan.suite.figures:
            screen.print(figures_view(figures_of(plan, store, progress)))
        finished = len(progress) - len(failed)
        screen.print(f"{finished} of {len(progress)} trials finished. Records: {store.trials}", soft_wrap=True)
        if asking.budget is not None:
            screen.print(f"Spent on language models in this run: {asking.budget.spent_usd:.4f} USD.", highlight=False)
            if asking.budget.stopped:
                screen.print(
                    f"Stopped before passing the budget of {budget:g} USD; the answers so far are recorded: "
                    "run again, with a larger --budget if need be, to go on.",
                    soft_wrap=True,
                    highlight=False,
                )
        for p in failed:
            if p.state == "missing":
                screen.print(f"not run: {p.trial.label}", soft_wrap=True, highlight=False, markup=False)
                continue
            screen.print(
                f"failed: {p.trial.label}: {store.trials / p.trial.id / 'record.json'}",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
    if failed:
        sys.exit(1)


@click.command()
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

    catalog = read_catalog()
    loaded = load_suite(suite, catalog, profile)
    planned, store = plan_or_missing(loaded, catalog, only, seeds, device, replay), Store(results, loaded.name)
    progress = progress_of(planned, store)
    finished = [p.trial.id for p in progress if p.state == "finished"]
    estimates = estimate(planned, store, asking_for(planned, catalog, store, replay), finished, device)
    if as_json:
        from dataclasses import asdict

        plain = progress_json(planned, store, progress)
        print_json({**plain, "estimates": [asdict(found) for found in estimates]})
        return
    screen = console()
    grid = Table(box=None)
    for header in ("id", "data set", "method", "seed", "state"):
        grid.add_column(header, overflow="fold", no_wrap=header == "id")
    for p in progress:
        style = {"finished": "green", "failed": "red"}.get(p.state, "")
        trial = p.trial
        grid.add_row(
            trial.id, trial.dataset.label, trial.method.label.replace("[", r"\["), str(trial.seed), p.state, style=style
        )
    screen.print(grid)
    counts = Counter(p.state for p in progress)
    screen.print(
        f"\n{len(progress)} trials: " + ", ".join(f"{n} {state}" for state, n in sorted(counts.items())),
        highlight=False,
    )
    for found in searches_of(planned, store):
        fits = found.search.tuning.fits
        screen.print(
            f"tuning {found.search.method.label} on {found.search.dataset.label} (search {found.search.id}): "
            f"{len(found.fits)} of {fits} fits done",
            soft_wrap=True,
            markup=False,
        )
    if estimates:
        screen.print(estimate_view(estimates))
    for protocol in planned.suite.protocols:
        screen.print(f"Protocol {protocol.line}", soft_wrap=True, markup=False)
    screen.print(f"Records: {store.trials}", soft_wrap=True)
    for label, data in planned.prepared.items():
        screen.print(f"\nData set {label}, fingerprint {data.dataset.fingerprint}", markup=False)
        screen.print(describe_funnel(data.dataset.funnel), markup=False, soft_wrap=True)
