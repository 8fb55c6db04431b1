"""Where interactions come from: a source reads files (or makes data) into a `Log`."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from llmrec_bench.config import Config


@dataclass(frozen=True)
class Log:
    """What a source read, in file order, nothing filtered."""

    events: pd.DataFrame
    """One row per interaction. Columns `user`, `item` (integers or strings); where known also `time` (int64
    seconds), `rating` (float), `review` (text), `feature` (text: what of the item the review is about)."""
    items: pd.DataFrame
    """Texts by item, indexed by the same item tokens: `title` ('' where unknown) and whatever else is known
    (`category`, `brand`, `description`, `price`). May list items without events, may miss some with events."""


class DataSource(Config):
    """A readable source of interactions. The fields are its options, the class docstring its description."""

    name: ClassVar[str]
    """What a suite writes after `source:`."""
    version: ClassVar[str] = "1"
    """Raised when the same options would give other data."""
    reference: ClassVar[str] = ""
    """Where the data or the file format come from, and the licence as far as it is known."""
    simulated: ClassVar[bool] = False
    """True for made data; every table and record that shows it says so."""
    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of `bench check` that it is meant to fail, by name, each with the reason."""

    @abstractmethod
    def read(self) -> Log:
        """All interactions and item texts.

        Raises `BenchError` for a missing, empty or malformed file, naming the file and the line or column.
        """

    @classmethod
    def recognise(cls, path: Path) -> "DataSource | None":
        """The source configured to read `path` if its format is plainly this one, else None."""
        return None
