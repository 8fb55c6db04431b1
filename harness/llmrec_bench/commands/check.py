"""`bench check`: whether a plugin keeps to what it promises."""

import sys

import click

from llmrec_bench.commands.options import AS_JSON, KINDS
from llmrec_bench.commands.printing import print_json
from llmrec_bench.commands.reading import read_catalog
from llmrec_bench.errors import BenchError


@click.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    help="Which of several plugins of this name; default: all of them.",
)
@click.option(
    "--option", "-o", "options", multiple=True, metavar="KEY=VALUE", help="An option to check it with. Repeatable."
)
@click.option("--update", is_flag=True, help="First keep what a method's options are at its version, in its package.")
@AS_JSON
def check(name: str, kind: str | None, options: tuple[str, ...], update: bool, as_json: bool) -> None:
    """Run the named checks of an installed method, data source, metric, language model provider or stage.

    Each is a line: passed, failed with what is wrong, or an expected failure with the reason that the plugin's
    expected_failures gives. A method is fitted to a tiny data set; what takes long there wants smaller options.
    Exit status: 0 all passed or failed as expected; 1 some failed; 2 a mistake in the input.
    """
    from llmrec_bench.method import Method
    from llmrec_bench.sources import parse_options
    from llmrec_bench.testing.offers import check_plugin, named_plugins, refuse_options
    from llmrec_bench.testing.options_lock import keep_options

    catalog = read_catalog()
    given = parse_options(options)
    found = named_plugins(catalog, name, kind)
    if update and not any(issubclass(plugin, Method) for _, plugin in found):
        raise BenchError(f"--update: {found[0][0]} '{name}' has no versioned options to keep; only methods have")
    for _, plugin in found:  # a mistake in the options of the last is told before the checks of the first
        try:
            refuse_options(plugin, given, catalog)
        except BenchError as error:
            if len(found) == 1:
                raise
            raise BenchError(
                f"{error}; or one of its kinds: {', '.join(f'--kind {known}' for known, _ in found)}"
            ) from None
    rows, failed = [], False
    for known, plugin in found:
        if not as_json:
            click.echo(f"{known} {name}")
        if update and issubclass(plugin, Method):
            click.echo(f"  kept the options of version {plugin.version} in {keep_options(plugin)}", err=as_json)
        for finding in check_plugin(plugin, given, catalog):
            failed |= finding.status == "failed"
            rows.append({"kind": known, "check": finding.check, "status": finding.status, "reason": finding.reason})
            if not as_json:
                reason = f": {finding.reason}" if finding.reason else ""
                click.echo(f"  {finding.check:<26} {finding.status}{reason}")
    if as_json:
        print_json({"name": name, "checks": rows})
    if failed:
        sys.exit(1)
