"""The forms of a run file: delimited with named columns, TREC's, and RecBole's; plain or gzipped."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.blank_separated import split_words
from llmrec_bench_plugins.datasets.columns import require
from llmrec_bench_plugins.datasets.delimited import COMMAS, TABS, WHOLE_LINES, Dialect, header, read_delimited
from llmrec_bench_plugins.datasets.first_mistake import clipped, is_number
from llmrec_bench_plugins.datasets.opening import text_lines

Form = Literal["csv", "trec", "recbole"]
"""What a line looks like; see `RunFile.Config.form`."""

_TREC = ("user", "Q0", "item", "rank", "score", "tag")
_NUMBERS = ("score", "rank")
_RECBOLE_TYPES = {"token", "float"}
_Columns = tuple[Any, Any, dict[str, npt.NDArray[np.float64]]]
"""Users, items, and the numbers by `score` and `rank`, whichever are there."""


@dataclass(frozen=True)
class Lines:
    """The N lines of a run file below its header, in the order of the file."""

    users: Any
    """N user tokens, a dictionary-coded pyarrow array."""
    items: Any
    """N item tokens, likewise."""
    scores: npt.NDArray[np.float64]
    """float64 (N,), finite as float32 too; minus the ranks where the file has nothing else."""
    ranks: npt.NDArray[np.float64] | None
    """float64 (N,), whole numbers from 0 on; None unless they stand beside scores."""


def form_of(path: Path) -> Form:
    """What the first line shows the form to be.

    Raises `BenchError` for a file that cannot be read, is empty, or whose first line is of no form.
    """
    first = next((line.rstrip("\r\n") for line in text_lines(path) if line.strip()), None)
    if first is None:
        raise BenchError(f"{path}: the file is empty")
    fields, words = first.split("\t"), first.split()
    if len(fields) > 1 and all(field.partition(":")[2] in _RECBOLE_TYPES for field in fields):
        return "recbole"
    if len(words) == len(_TREC) and is_number(words[3]) and is_number(words[4]):
        return "trec"
    if "," in first or "\t" in first:
        return "csv"
    raise BenchError(
        f"{path}: line 1: the form is not plain to see ({clipped(first)}); say that it is `form: csv`, trec or recbole"
    )


def read_lines(path: Path, form: Form) -> Lines:
    """Every line of a run file.

    Raises `BenchError` for a file that is empty or cannot be read, a missing column, and the first line that is
    malformed, lacks a token, or has no number where a score or a rank should be.
    """
    users, items, numbers = _READERS[form](path)
    scores, ranks = numbers.get("score"), numbers.get("rank")
    if ranks is not None and len(wrong := np.flatnonzero((ranks < 0) | (ranks % 1 != 0))):
        where = f"{path}: line {line_of(path, form, int(wrong[0]))}"
        raise BenchError(f"{where}: the rank {ranks[wrong[0]]:g} is no whole number from 0 on")
    if scores is not None and len(wrong := np.flatnonzero(np.abs(scores) > np.finfo(np.float32).max)):
        where = f"{path}: line {line_of(path, form, int(wrong[0]))}"
        raise BenchError(f"{where}: the score {scores[wrong[0]]:g} is too large for float32")
    if scores is None:
        return Lines(users, items, -numbers["rank"], None)
    return Lines(users, items, scores, ranks)


def line_of(path: Path, form: Form, row: int) -> int:
    """On which line (from 1) of the file a row stands; for messages, as it reads the file again."""
    filled = (number for number, line in enumerate(text_lines(path), start=1) if line.strip("\r\n"))
    return next(itertools.islice(filled, row + (form != "trec"), None))


def _read_csv(path: Path) -> _Columns:
    first = next(line for line in text_lines(path) if line.strip())
    return _read_table(path, TABS if "\t" in first else COMMAS, ("user", "item"))


def _read_recbole(path: Path) -> _Columns:
    return _read_table(path, TABS, ("user_id", "item_id"))


def _read_table(path: Path, dialect: Dialect, ids: tuple[str, str]) -> _Columns:
    """`ids` name the columns of users and items. In the header a colon and a type may follow a name."""
    fields = header(path, dialect)
    bare = [field.partition(":")[0] for field in fields]
    user, item = (fields[bare.index(require(path, name, bare))] for name in ids)
    there = [name for name in _NUMBERS if name in bare] or ["score"]
    numbers = {name: fields[bare.index(require(path, name, bare))] for name in there}
    table = read_delimited(path, dialect, {user: "id", item: "id", **dict.fromkeys(numbers.values(), "number")})
    values = {name: table[field].to_numpy() for name, field in numbers.items()}
    return _coded(table[user]), _coded(table[item]), values


def _read_trec(path: Path) -> _Columns:
    table = read_delimited(path, WHOLE_LINES, {"line": "text"}, names=["line"])
    words, offsets = split_words(table["line"])
    counts = np.diff(offsets)
    if len(wrong := np.flatnonzero(counts != len(_TREC))):
        row = int(wrong[0])
        raise BenchError(
            f"{path}: line {line_of(path, 'trec', row)}: {counts[row]} words where {len(_TREC)} are expected "
            f"({' '.join(_TREC)})"
        )

    def column(name: str) -> Any:
        return words.take(pa.array(np.arange(_TREC.index(name), len(words), len(_TREC))))

    def numbers(name: str) -> npt.NDArray[np.float64]:
        texts = column(name).to_pandas()
        values = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
        if len(wrong := np.flatnonzero(~np.isfinite(values))):
            row = int(wrong[0])
            raise BenchError(
                f"{path}: line {line_of(path, 'trec', row)}: the {name} is not a number ({clipped(texts[row])})"
            )
        return values

    values = {name: numbers(name) for name in _NUMBERS}
    return _coded(column("user")), _coded(column("item")), values


def _coded(column: Any) -> Any:
    """A column of texts as one DictionaryArray."""
    chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    if not pa.types.is_dictionary(chunked.type):
        chunked = chunked.dictionary_encode()
    return chunked.unify_dictionaries().combine_chunks()


_READERS: Mapping[Form, Callable[[Path], _Columns]] = {"csv": _read_csv, "trec": _read_trec, "recbole": _read_recbole}
