"""The command line: every command by its name, and how mistakes are told."""

import errno
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from llmrec_bench.commands.cassette import cassette
from llmrec_bench.commands.check import check
from llmrec_bench.commands.compare import compare
from llmrec_bench.commands.gate import gate
from llmrec_bench.commands.imports import import_command
from llmrec_bench.commands.look import data, describe, list_command, schema
from llmrec_bench.commands.new import new
from llmrec_bench.commands.run import Stopped, plan, run
from llmrec_bench.commands.show import figure, report, table
from llmrec_bench.errors import BenchError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="llmrec-bench", prog_name="bench")
def bench() -> None:
    """Compare LLM-based recommendation methods fairly: accuracy, popularity bias and price."""


for command in (
    run, plan, table, figure, report, compare, gate, import_command, list_command, describe, data, cassette, schema,
    new, check,
):  # fmt: skip
    bench.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console script: a user's mistake is one line and exit status 2, never a traceback."""
    if sys.stdout is None:  # closed by the caller, as in `bench run SUITE >&-`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open to the end of the process
    try:
        bench.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except Stopped as stop:
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


if __name__ == "__main__":
    main()
