"""Scenario factors: what decides interest in a kind of item, kept as a text file for each kind of data set (KAR)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator

from llmrec_bench import BenchError, PromptFile
from llmrec_bench_plugins.stages.wording import Domain, prompt_file

SHIPPED = ("films", "games", "shop")


def _known(name: str) -> str:
    if name not in SHIPPED and not Path(name).expanduser().is_file():
        raise ValueError(f"'{name}' is neither a file nor one of {', '.join(SHIPPED)}")
    return name


FactorsName = Annotated[str, AfterValidator(_known)]
"""`films`, `games`, `shop`, or the path of a text file in the same form: a header that says where they come from, a
line `preference: ...` and a line `facts: ...`."""


def factors_file(name: str | None, domain: Domain) -> PromptFile:
    """Where the factors stand; without a name those of the domain: `films` for movies, `shop` for products."""
    chosen = name or {"movies": "films", "products": "shop"}[domain]
    return prompt_file(f"factors-{chosen}") if chosen in SHIPPED else PromptFile(Path(chosen).expanduser())


def factors(file: PromptFile, line: Literal["preference", "facts"]) -> str:
    """What one of the two lines says. Raises `BenchError` where the file has no such line."""
    for start, _, said in (words.partition(":") for words in file.text.splitlines()):
        if start.strip() == line and said.strip():
            return said.strip()
    raise BenchError(f"{file.path}: factors need a line `{line}: ...`, such as `{line}: genre, mood and price`")
