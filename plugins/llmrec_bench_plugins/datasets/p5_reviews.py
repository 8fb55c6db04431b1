"""The review sentences beside a P5 sequence file: `explanation.json`, as P5, POD and RDRec have it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.first_mistake import clipped
from llmrec_bench_plugins.datasets.opening import text_lines
from llmrec_bench_plugins.datasets.p5_companions import Numbers, companion, read_maps
from llmrec_bench_plugins.datasets.paths import files_like

REVIEWS = "explanation.json"
_PICKLES = tuple(f"{stem}*.{end}" for stem in ("explanation", "exp_splits", "review") for end in ("pkl", "pickle"))


def reviews_file(folder: Path) -> Path | None:
    """The reviews in the folder, or None. Raises `BenchError` where they are there as a pickle only."""
    path = companion(folder, REVIEWS)
    pickles = files_like(folder, _PICKLES)
    if path is None and pickles:
        raise BenchError(
            f"{pickles[0]}: a pickle runs whatever code is in it, and is not read; write its records as JSON to "
            f"{REVIEWS}, or set `use_reviews: false`"
        )
    return path


def read_reviews(path: Path, users: Numbers, items: Numbers) -> pd.DataFrame:
    """`review` and `feature` (N rows, '' where a pair of the sequences has none).

    The file is a list of objects with `user`, `item`, `explanation` and maybe `feature`, or an object of such lists,
    whose names (`train`, `val`, `test`) are not kept. Users and items are the numbers of the sequences, or the names
    that `datamaps.json` has for them. Raises `BenchError` for another form, and for a record whose pair is not in the
    sequences or has a review already.
    """
    records = list(_records(path))
    if not records:
        raise BenchError(f"{path}: no record; give a list of objects with user, item and explanation")
    pairs = pd.MultiIndex.from_arrays(
        [_numbers(path, kind, [record[kind] for record in records]) for kind in ("user", "item")]
    )
    known = pd.MultiIndex.from_arrays([users, items])
    for wrong, what in ((~pairs.isin(known), "is not in the sequences"), (pairs.duplicated(), "has a review already")):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            user, item = records[row]["user"], records[row]["item"]
            more = f" ({int(wrong.sum()):,} of {len(records):,} records like this)"
            raise BenchError(f"{path}: record {row + 1}: user {clipped(user)} with item {clipped(item)} {what}{more}")
    told = pd.DataFrame(
        {"review": [r["explanation"] for r in records], "feature": [r.get("feature") or "" for r in records]},
        index=pairs,
        dtype="str",
    )
    return told.reindex(known).fillna("").reset_index(drop=True)


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    """Each with texts as `user`, `item` and `explanation` and, if any, as `feature`."""
    try:
        found = json.loads("".join(text_lines(path)))
    except json.JSONDecodeError as error:
        raise BenchError(f"{path}: line {error.lineno}: broken JSON ({error.msg})") from error
    lists = list(found.values()) if isinstance(found, dict) else [found]
    if not all(isinstance(part, list) for part in lists):
        raise BenchError(f"{path}: neither a list of records nor an object of such lists")
    for place, record in enumerate((record for part in lists for record in part), start=1):
        if not isinstance(record, dict):
            raise BenchError(f"{path}: record {place}: {clipped(str(record))} is no object")
        for name in ("user", "item", "explanation"):
            if name not in record:
                raise BenchError(
                    f"{path}: record {place}: no '{name}'; it has {', '.join(map(str, record)) or 'nothing'}"
                )
        for name, kinds in (("user", str | int), ("item", str | int), ("explanation", str), ("feature", str | None)):
            if not isinstance(record.get(name), kinds):
                raise BenchError(f"{path}: record {place}: '{name}' is {clipped(str(record[name]))}, which is no text")
        yield {**record, "user": str(record["user"]), "item": str(record["item"])}


def _numbers(path: Path, kind: str, given: list[str]) -> Numbers:
    """Numbers of the sequences behind ids. Raises `BenchError` for ids that are neither numbers nor known names."""
    maps = companion(path.parent, "datamaps.json")
    names = {} if maps is None else {name: number for number, name in read_maps(maps)[f"id2{kind}"].items()}
    if all(one in names for one in given):
        given = [names[one] for one in given]
    stranger = next((place for place, one in enumerate(given) if not (one.isascii() and one.isdigit())), None)
    if stranger is not None:
        raise BenchError(
            f"{path}: record {stranger + 1}: {kind} {clipped(given[stranger])} is no number of the sequences, and "
            f"datamaps.json does not name every {kind} here either; take both from the same copy"
        )
    return np.array(given, dtype=np.int64)
