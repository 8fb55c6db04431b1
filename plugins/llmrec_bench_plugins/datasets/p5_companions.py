"""What lies beside a P5 sequence file: the names behind the numbers, titles and times."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.delimited import TABS, read_delimited
from llmrec_bench_plugins.datasets.first_mistake import clipped
from llmrec_bench_plugins.datasets.item_texts import item_texts
from llmrec_bench_plugins.datasets.opening import text_lines
from llmrec_bench_plugins.datasets.paths import files_like
from llmrec_bench_plugins.datasets.times import whole_seconds

Numbers = npt.NDArray[np.int64]


def companion(folder: Path, name: str) -> Path | None:
    """The file of that name in the folder, plain or gzipped, or None."""
    return next(iter(files_like(folder, (name, f"{name}.gz"))), None)


def read_names(folder: Path, sequences: Path, users: Numbers, items: Numbers) -> dict[str, str] | None:
    """Published name (ASIN) by item number from `datamaps.json`, or None without that file.

    Raises `BenchError` where it does not know a number of the sequences: then the two are from different copies.
    """
    path = companion(folder, "datamaps.json")
    if path is None:
        return None
    names = read_maps(path)
    for kind, numbers in (("user", users), ("item", items)):
        known = np.fromiter((int(number) for number in names[f"id2{kind}"]), dtype=np.int64)
        if len(unknown := np.setdiff1d(numbers, known)):
            raise BenchError(
                f"{path}: does not know {kind} {unknown[0]} of {sequences.name}; take both from the same copy"
            )
    return names["id2item"]


def read_maps(path: Path) -> dict[str, dict[str, str]]:
    """Published names by number, `id2user` and `id2item`. Raises `BenchError` where the file has no such objects."""
    try:
        maps = json.loads("".join(text_lines(path)))
        return {key: maps[key] for key in ("id2user", "id2item")}
    except json.JSONDecodeError as error:
        raise BenchError(f"{path}: line {error.lineno}: broken JSON ({error.msg})") from error
    except (KeyError, TypeError) as error:
        raise BenchError(f"{path}: no object with the keys id2user and id2item") from error


def read_titles(path: Path, names: dict[str, str] | None) -> pd.DataFrame:
    """Titles by item number. Raises `BenchError` where the ASIN beside a title is not the one in `datamaps.json`."""
    table = read_delimited(path, TABS, {"item_id": "number", "asin": "text", "title": "text"})
    numbers = table["item_id"].to_pandas().astype(np.int64)
    if names is not None:
        asins = table["asin"].to_pandas()
        differ = np.flatnonzero((asins != numbers.astype(str).map(names)).to_numpy(dtype=bool))
        if len(differ):
            row = differ[0]
            raise BenchError(
                f"{path}: line {row + 2}: item {numbers[row]} is {asins[row]} here and "
                f"{names.get(str(numbers[row]))} in datamaps.json; take both from the same copy"
            )
    return item_texts(numbers, {"title": table["title"]})


def read_attributes(folder: Path) -> pd.Series:
    """The attributes of items by item number, as `1, 2, 3`, from `item2attributes.json`.

    Raises `BenchError` where the file is not there, or is no object of item numbers with lists of numbers.
    """
    path = companion(folder, "item2attributes.json")
    if path is None:
        raise BenchError(f"{folder}: no item2attributes.json, which `attributes: true` reads; leave the option out")
    try:
        found = json.loads("".join(text_lines(path)))
    except json.JSONDecodeError as error:
        raise BenchError(f"{path}: line {error.lineno}: broken JSON ({error.msg})") from error
    if not isinstance(found, dict):
        raise BenchError(f"{path}: no object with a list of attributes for each item")
    for item, attributes in found.items():
        if not item.isdecimal():
            raise BenchError(f"{path}: {clipped(item)} is no item number")
        if not isinstance(attributes, list) or not all(type(number) is int for number in attributes):
            raise BenchError(f"{path}: item {item} should have a list of numbers (given {clipped(str(attributes))})")
    joined = [", ".join(map(str, attributes)) for attributes in found.values()]
    return pd.Series(
        joined, index=pd.Index([int(item) for item in found], dtype="int64"), name="attributes", dtype="str"
    )


def read_times(path: Path, users: Numbers, items: Numbers, offsets: Numbers) -> Numbers:
    """int64 (N,) seconds of every interaction, never falling within a line; gaps are filled as the class says."""
    table = read_delimited(path, TABS, {"user_id": "number", "item_id": "number", "unix_time": "number"})
    known = pd.Series(
        whole_seconds(path, table["unix_time"].to_numpy(), "seconds"),
        index=pd.MultiIndex.from_arrays([table[c].to_numpy().astype(np.int64) for c in ("user_id", "item_id")]),
    )
    if known.index.has_duplicates:
        row = int(np.flatnonzero(known.index.duplicated())[0])
        raise BenchError(f"{path}: line {row + 2}: {_pair(known, row)} has a time already")
    pairs = pd.MultiIndex.from_arrays([users, items])
    if not (there := known.index.isin(pairs)).all():
        row = int(np.flatnonzero(~there)[0])
        raise BenchError(f"{path}: line {row + 2}: {_pair(known, row)} is not in the sequences")
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    times = pd.Series(known.reindex(pairs).to_numpy()).groupby(rows).ffill().groupby(rows).bfill()
    # The earliest time of all is the careful guess: a split by time trains on these users and never tests them, and
    # nothing counts as known at their cut.
    seconds = times.fillna(known.min()).to_numpy().astype(np.int64)
    falls = np.flatnonzero((np.diff(seconds) < 0) & (np.diff(rows) == 0))
    if len(falls):
        first = falls[0]
        raise BenchError(
            f"{path}: user {users[first]} has item {items[first + 1]} after item {items[first]} in the sequences but "
            "an earlier time here; set `use_times: false`"
        )
    return seconds


def _pair(known: pd.Series, row: int) -> str:
    user, item = known.index[row]
    return f"user {user} with item {item}"
