"""`bench new`: a package to start from."""

from pathlib import Path

import click

from llmrec_bench.commands.options import KINDS
from llmrec_bench.commands.reading import read_catalog


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option("--into", "folder", type=click.Path(path_type=Path), help="The folder to write; default: ./NAME.")
def new(kind: str, name: str, folder: Path | None) -> None:
    """Write a small installable package with one plugin of KIND called NAME, which works and passes its checks.

    It has the entry point, one file with the plugin, one with its tests, and a README that says how to go on.
    """
    from llmrec_bench.scaffold.write import write_package

    place = Path(name) if folder is None else folder
    for path in write_package(kind, name, place, read_catalog()):
        click.echo(path)
    click.echo(f"Next: cd {place} && pip install -e . && bench check {name}; the README says how to go on.")
