"""`bench list`, `bench describe`, `bench data` and `bench schema`: what there is."""

import click

from llmrec_bench.commands.options import AS_JSON
from llmrec_bench.commands.printing import console, print_json
from llmrec_bench.commands.reading import read_catalog


@click.command("list")
@click.argument("kind", type=click.Choice(["methods", "datasets", "metrics", "language-models"]))
@AS_JSON
def list_command(kind: str, as_json: bool) -> None:
    """List the methods, data sources, metrics or language model providers that the installed plugins offer."""
    from rich.table import Table

    from llmrec_bench.describe import list_entries

    catalog = read_catalog()
    entries = list_entries(catalog, kind.replace("-", "_"))
    if as_json:
        keys = ("name", "plugin", "summary")
        broken = [{"plugin": b.name, "reason": b.reason} for b in catalog.broken]
        print_json({kind: [dict(zip(keys, entry, strict=True)) for entry in entries], "broken": broken})
        return
    grid = Table("name", "plugin", "summary", box=None)
    for name, plugin, summary in entries:
        grid.add_row(name, plugin, summary)
    screen = console()
    screen.print(grid, markup=False)
    for b in catalog.broken:
        screen.print(f"not loaded: plugin '{b.name}' ({b.reason})", style="red", soft_wrap=True, markup=False)


@click.command()
@click.argument("name")
def describe(name: str) -> None:
    """Explain a method, data source, metric or language model provider, and every option."""
    from llmrec_bench.describe import describe_entry

    click.echo(describe_entry(read_catalog(), name))


@click.group()
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

    source = resolve_source(read_catalog(), name_or_path, options)
    description = describe_data(load_dataset(name_or_path, source, parse_preparation(filters)))
    if as_json:
        print_json({"source": source.name, "options": source.model_dump(mode="json"), **description.to_dict()})
    else:
        click.echo(describe_loaded(source, description))


@click.command()
def schema() -> None:
    """Print the JSON schema of a suite, for editors that complete and check YAML."""
    from llmrec_bench.schema import suite_schema

    print_json(suite_schema(read_catalog()))
