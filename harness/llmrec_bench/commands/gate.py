"""`bench gate`: whether a suite got worse, for continuous integration."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from llmrec_bench.commands.options import ONLY, PROFILE, RESULTS, SEEDS
from llmrec_bench.errors import BenchError


class _Effect(click.ParamType[str]):
    name = "effect"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from llmrec_bench.gate.baseline import MinimumEffect

        try:
            MinimumEffect.parse(str(value))
        except ValueError as error:
            raise BenchError(f"--min-effect {error}") from None
        return str(value)


@click.command()
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("suite", type=click.Path(path_type=Path), required=False)
@RESULTS
@PROFILE
@ONLY
@SEEDS
@click.option("--update", is_flag=True, help="Write BASELINE from the stored records instead.")
@click.option(
    "--min-effect",
    type=_Effect(),
    help="How large a difference counts: a share of the baseline's mean, as 1%, or a number, as 0.002. Default: that "
    "of the baseline; 1% in a new one.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown", "json"]),
    default="markdown",
    show_default=True,
    help="How to print the summary.",
)
def gate(
    baseline: Path,
    suite: Path | None,
    results: Path,
    profile: str | None,
    only: tuple[str, ...],
    seeds: list[int] | None,
    update: bool,
    min_effect: str | None,
    form: Any,
) -> None:
    """Hold the stored records of SUITE against BASELINE, a JSON file that `--update` wrote. Runs nothing.

    SUITE and its profile may be left out where the baseline is there: it names them. Exit status: 0 nothing is worse;
    1 something is, by more than the minimum effect and with a corrected p below 0.05; 2 something could not be
    compared, or a mistake in the input. Where both happened, 1.
    """
    from llmrec_bench.gate.baseline import DEFAULT_EFFECT, make_baseline, read_baseline, write_baseline
    from llmrec_bench.gate.judge import judge
    from llmrec_bench.gate.text import gate_view, render_gate
    from llmrec_bench.plan import make_plan
    from llmrec_bench.plugins import load_catalog
    from llmrec_bench.store import Store
    from llmrec_bench.suite import load_suite

    kept = read_baseline(baseline)
    if kept is None and not update:
        raise BenchError(f"{baseline}: no such baseline{_elsewhere(baseline)}; bench gate --update writes one")
    if suite is None:
        if kept is None:
            raise BenchError(f"{baseline}: no such baseline yet, so name the suite too: bench gate --update FILE SUITE")
        suite, profile = kept.suite_path(baseline), kept.profile if profile is None else profile
    elif kept is not None and not update and profile is None:
        profile = kept.profile
    if seeds is None and kept is not None and not update:
        seeds = kept.seeds
    catalog = load_catalog()
    loaded = load_suite(suite, catalog, profile)
    plan, store = make_plan(loaded, only, seeds), Store(results, loaded.name)
    if update:
        effect = min_effect or (DEFAULT_EFFECT if kept is None else kept.min_effect)
        made = make_baseline(plan, store, baseline, effect)
        write_baseline(made, baseline)
        methods = {label for part in made.datasets.values() for label in part.methods}
        kinds = ((methods, "method"), (made.datasets, "data set"), (made.seeds, "seed"))
        counts = ", ".join(f"{len(found)} {what}{'s' if len(found) > 1 else ''}" for found, what in kinds)
        click.echo(f"{baseline}: {counts}; minimum effect {effect}")
        return
    assert kept is not None  # else refused above
    found = judge(kept, plan, store, catalog.metrics, min_effect, only)
    if form == "terminal":
        from rich.console import Console

        Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(gate_view(found))
    else:
        click.echo(render_gate(found, form), nl=False)
    sys.exit(found.exit_status)


def _elsewhere(path: Path) -> str:
    """The file beside it that may have been meant."""
    from llmrec_bench.errors import suggest

    names: Sequence[str] = [p.name for p in path.parent.glob("*.json")] if path.parent.is_dir() else []
    hint = suggest(path.name, names)
    return hint.removesuffix("?") if "did you mean" in hint else ""
