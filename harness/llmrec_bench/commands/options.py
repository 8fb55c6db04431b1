"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Any

import click

from llmrec_bench.errors import BenchError

SUITE = click.argument("suite", type=click.Path(path_type=Path))
RESULTS = click.option(
    "--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Where records lie."
)
PROFILE = click.option("--profile", help="A profile of the suite.")
ONLY = click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Only methods (or DATASET/METHOD) that match, as 'sasrec*'. Repeatable.",
)
METHODS = click.option(
    "--method",
    "added",
    multiple=True,
    metavar="NAME",
    help="Add a row for an installed method with its defaults. Its records lie beside the suite's; ask again with the "
    "same option to see it. Repeatable.",
)
KINDS = ("method", "dataset", "metric", "language-model", "stage")
"""Of plugins, as commands name them."""
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")


class _Device(click.ParamType[str]):
    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        import re

        if not re.fullmatch(r"cpu|cuda(:\d+)?", str(value)):
            raise BenchError(f"--device {value}: should be cpu, cuda or cuda:N")
        return str(value)


class _Seeds(click.ParamType[list[int]]):
    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        try:
            seeds = [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"'{value}' is not a list of whole numbers such as 1,2,3", param, ctx)
        if any(not 0 <= seed < 2**32 for seed in seeds) or len(set(seeds)) < len(seeds):
            self.fail(f"'{value}' should be different numbers from 0 to {2**32 - 1}", param, ctx)
        return seeds


class Dollars(click.ParamType[float]):
    """An amount such as `5usd`."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        import re

        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*usd\s*", str(value), re.IGNORECASE)
        if found is None:
            self.fail(f"'{value}' is not an amount such as 5usd or 0.5usd", param, ctx)
        return float(found[1])


FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown", "latex", "csv", "json"]),
    default="terminal",
    show_default=True,
    help="How to print them.",
)
REPLAY = click.option("--replay", is_flag=True, help="Ask no language model: recorded answers only.")
DEVICE = click.option(
    "--device", type=_Device(), default="cpu", show_default=True, help="cpu, cuda or cuda:N; changes no trial's id."
)
SEEDS = click.option("--seeds", type=_Seeds(), help="Use these seeds instead of the suite's, as 1,2,3.")
