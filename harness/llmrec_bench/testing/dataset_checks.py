"""What holds for every data source."""

import re
from functools import cached_property

import numpy as np
import pandas as pd

from llmrec_bench.data.dataset import Dataset, Preparation, load_dataset
from llmrec_bench.data.source import DataSource, Log
from llmrec_bench.plugins import Catalog
from llmrec_bench.testing.check import Check, named
from llmrec_bench.testing.config_checks import CONFIG_CHECKS
from llmrec_bench.testing.import_checks import IMPORT_CHECKS

_KNOWN_COLUMNS = {"user", "item", "time", "rating", "review", "feature"}
_TERMS = re.compile(r"licen[cs]e|terms|research use|public domain|\b(MIT|CC|ODbL|Apache)\b", re.IGNORECASE)


class DataSourceSubject:
    """A data source under check: its options are the source itself."""

    def __init__(self, source: DataSource, catalog: Catalog) -> None:
        self.kind = type(source)
        self.config = source
        self.context = catalog.context

    @cached_property
    def log(self) -> Log:
        """What the source reads."""
        return self.config.read()

    @cached_property
    def dataset(self) -> Dataset:
        """The data set that comes of it, without filters."""
        return self.read_anew()

    def read_anew(self) -> Dataset:
        """The same, from a reading of its own."""
        return load_dataset(self.kind.name, self.config, Preparation())


def columns(subject: DataSourceSubject) -> str | None:
    """The events have users and items, and columns of the agreed names and types."""
    events = subject.log.events
    lacking = [name for name in ("user", "item") if name not in events]
    if lacking:
        return f"events have no column '{lacking[0]}'"
    unknown = sorted(set(map(str, events)) - _KNOWN_COLUMNS)
    if unknown:
        return f"events have a column '{unknown[0]}', which nothing reads; known: {', '.join(sorted(_KNOWN_COLUMNS))}"
    for name in ("user", "item"):
        if events[name].isna().any():
            return f"event {int(np.flatnonzero(events[name].isna())[0]) + 1} has no {name}"
    if "time" in events and events["time"].dtype != np.int64:
        return f"times are {events['time'].dtype}; should be int64 seconds"
    if "rating" in events and not pd.api.types.is_numeric_dtype(events["rating"]):
        return f"ratings are {events['rating'].dtype}; should be numbers"
    return None


def counts(subject: DataSourceSubject) -> str | None:
    """There are two users and two items or more, and the texts have no item twice."""
    items, dataset = subject.log.items, subject.dataset
    if dataset.n_users < 2 or dataset.n_items < 2:
        return f"{dataset.n_users} users and {dataset.n_items} items; there is nothing to compare"
    if items.index.has_duplicates:
        twice = items.index[items.index.duplicated()][0]
        return f"the texts have two rows for item {twice!r}"
    return None


def fingerprint_stable(subject: DataSourceSubject) -> str | None:
    """Reading twice gives the same content."""
    first, second = subject.dataset.fingerprint, subject.read_anew().fingerprint
    return None if first == second else f"read twice: fingerprint {first}, then {second}"


def origin_stated(subject: DataSourceSubject) -> str | None:
    """`reference` says where the data come from and under which licence or terms."""
    reference = subject.kind.reference.strip()
    if not reference:
        return "reference is empty; say where the data come from and under which licence"
    return None if _TERMS.search(reference) else f"reference says nothing of a licence or terms (given {reference!r})"


DATA_SOURCE_CHECKS: tuple[Check[DataSourceSubject], ...] = (
    *CONFIG_CHECKS,
    *named(columns, counts, fingerprint_stable, origin_stated),
    *IMPORT_CHECKS,
)
"""In the order a report has them."""
