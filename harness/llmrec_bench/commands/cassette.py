"""`bench cassette`: recorded answers of language models, looked at and handed on."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmrec_bench.errors import BenchError

if TYPE_CHECKING:
    from llmrec_bench.llm.cassette import Cassette


@click.group()
def cassette() -> None:
    """Look at recorded answers of language models, and hand them on."""


CASSETTE = click.option(
    "--cassette",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("results/cassette"),
    show_default=True,
    help="The folder of recorded answers.",
)


@cassette.command("stats")
@CASSETTE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
def cassette_stats(folder: Path, as_json: bool) -> None:
    """What was recorded, by model and prompt family, and what comes with the installed plugins."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from llmrec_bench.llm.archive import holdings
    from llmrec_bench.llm.cassette import Cassette
    from llmrec_bench.plugins import load_catalog

    shipped = {name: kind.recordings for name, kind in load_catalog().language_models.items() if kind.recordings}
    places = [(str(folder), _existing(folder) if folder.exists() else None)]
    places += [(f"plugin, provider {name}", Cassette(None, files)) for name, files in shipped.items()]
    found = [(where, held) for where, place in places if place is not None for held in holdings(place.entries())]
    if as_json:
        click.echo(json.dumps({"answers": [{"where": where, **asdict(held)} for where, held in found]}, indent=1))
        return
    grid = Table(box=None)
    headers = ("where", "provider", "model", "family", "answers", "prompt tokens", "completion tokens", "recorded")
    for i, header in enumerate(headers):
        grid.add_column(header, justify="right" if 4 <= i < 7 else "left", overflow="fold")
    for where, held in found:
        told = [("n/a" if n is None else f"{n:,}") for n in (held.prompt_tokens, held.completion_tokens)]
        if held.answers_without_usage and held.prompt_tokens is not None:
            told = [f"{text} ({held.answers_without_usage:,} answers n/a)" for text in told]
        span = held.first[:10] if held.first[:10] == held.last[:10] else f"{held.first[:10]} to {held.last[:10]}"
        grid.add_row(where, held.provider, held.model, held.family, f"{held.answers:,}", *told, span or "unknown")
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(grid, markup=False)
    if not folder.exists():
        console.print(f"{folder}: nothing recorded yet", soft_wrap=True, markup=False)


@cassette.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@CASSETTE
@click.option(
    "--without-prompts", is_flag=True, help="Keys and answers only, where prompts hold data not to be passed on."
)
def cassette_export(file: Path, folder: Path, without_prompts: bool) -> None:
    """Write everything recorded into FILE, to hand to a reviewer."""
    from llmrec_bench.llm.archive import export

    count = export(_existing(folder), file, not without_prompts)
    click.echo(f"{count:,} answers written to {file}")


@cassette.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@CASSETTE
def cassette_import(file: Path, folder: Path) -> None:
    """Add the answers of FILE; those recorded already stay as they are."""
    from llmrec_bench.llm.archive import import_file
    from llmrec_bench.llm.cassette import Cassette

    new, known = import_file(Cassette(folder), file)
    click.echo(f"{new:,} answers added to {folder}, {known:,} were there already")


@cassette.command("verify")
@click.argument("path", type=click.Path(path_type=Path), default=Path("results/cassette"))
def cassette_verify(path: Path) -> None:
    """Check every entry of a cassette (a folder or an exported file). Exit status 1 where one is not whole."""
    from llmrec_bench.llm.cassette import Cassette

    found = Cassette(None, [path]) if path.is_file() else _existing(path)
    faults = list(found.faults())
    for fault in faults:
        click.echo(fault)
    if faults:
        sys.exit(1)
    for line in found.unfinished():
        click.echo(line)
    found.refresh()
    click.echo(f"{len(found):,} answers, every one whole")


def _existing(folder: Path) -> "Cassette":
    from llmrec_bench.llm.cassette import Cassette

    if not folder.is_dir():
        raise BenchError(f"{folder}: no such cassette; `--cassette DIR` names one, and `bench run` records into it")
    return Cassette(folder)
