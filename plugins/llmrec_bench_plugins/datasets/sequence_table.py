"""Tables with one line per user: a blank-separated list of items and one of times."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench_plugins.datasets.blank_separated import once_per_word, row_of, split_words
from llmrec_bench_plugins.datasets.columns import require
from llmrec_bench_plugins.datasets.delimited import TABS, header, read_delimited
from llmrec_bench_plugins.datasets.first_mistake import clipped, is_number
from llmrec_bench_plugins.datasets.ids import as_ids
from llmrec_bench_plugins.datasets.item_texts import item_texts, no_item_texts, with_year
from llmrec_bench_plugins.datasets.opening import first_lines
from llmrec_bench_plugins.datasets.paths import files_like, located, one_file
from llmrec_bench_plugins.datasets.times import TimeUnit, likely_unit, whole_seconds

_SEQUENCES = ("sequences.tsv", "sequences.tsv.gz")
_ITEMS = ("items.tsv", "items.tsv.gz")


class SequenceTable(DataSource):
    """A tab-separated table with one line per user and the columns `user_id`, `item_ids` (parted by blanks, oldest
    first) and, where known, `timestamps` (as many as items). An `items.tsv` beside it has `item_id`, `title` and, where
    known, `year` (put behind the title), `genres` or `category`, `brand`, `description`."""

    name: ClassVar[str] = "sequence-table"
    reference: ClassVar[str] = (
        "SeqRecBenchmark-Datasets as plain tables; see the data set's own source for its terms of use."
    )

    path: Path
    """The table, or the folder that holds `sequences.tsv`, plain or gzipped; `~` and `$VARIABLES` are expanded."""
    items: Path | None = None
    """The table of item texts; by default `items.tsv` beside the sequences, if there is one."""
    item_names: str = "item_id"
    """The column of the item table that holds the items' names; `movielens_id`, say, where other files that go with the
    data call items so."""
    users_from: Annotated[int, Field(ge=0)] | None = None
    """Call users by the number of their line, counted from this one; null: by their `user_id`."""
    time_unit: TimeUnit = "seconds"
    """The unit of `timestamps`."""

    def read(self) -> Log:
        path = located(self.path)
        if path.is_dir():
            path = one_file(path, _SEQUENCES, "table of sequences")
        columns = header(path, TABS)
        for column in ("user_id", "item_ids"):
            require(path, column, columns)
        timed = ["timestamps"] if "timestamps" in columns else []
        table = read_delimited(path, TABS, {"user_id": "id", **dict.fromkeys(["item_ids", *timed], "text")})
        tokens, offsets = split_words(table["item_ids"])
        if (blank := pc.index(tokens, "").as_py()) >= 0:
            raise BenchError(f"{path}: line {row_of(offsets, blank) + 2}: column 'item_ids' is empty")
        (users,) = as_ids(table["user_id"])
        if self.users_from is not None:
            users = pd.Series(np.arange(len(users)) + self.users_from)
        events = {"user": once_per_word(users, offsets)}
        if timed:
            events["time"] = pd.Series(self._times(path, table["timestamps"], offsets))
        item_path = self._item_path(path)
        if item_path is None:
            if self.item_names != "item_id":
                raise BenchError(f"{path}: `item_names` names a column of the item table; set `items`, there is none")
            return Log(events=pd.DataFrame({**events, "item": as_ids(tokens)[0]}), items=no_item_texts())
        listed = read_item_table(item_path)
        if self.item_names != "item_id":
            tokens, listed = _renamed(path, item_path, tokens, offsets, listed, self.item_names)
        events["item"], item_ids = as_ids(tokens, listed["item_id"])
        return Log(events=pd.DataFrame(events), items=_texts(item_ids, listed))

    @classmethod
    def recognise(cls, path: Path) -> "SequenceTable | None":
        files = files_like(path, _SEQUENCES) if path.is_dir() else [path]
        lines = first_lines(files[0], 2) if len(files) == 1 else []
        if len(lines) < 2 or lines[0].split("\t")[:2] != ["user_id", "item_ids"]:
            return None
        times = dict(zip(lines[0].split("\t"), lines[1].split("\t"), strict=False)).get("timestamps", "").split()
        if not times or not is_number(times[-1]):
            return cls(path=path)
        return cls(path=path, time_unit=likely_unit(float(times[-1])))

    def _times(self, path: Path, column: Any, offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """int64 (N,) seconds; raises `BenchError` for the first line with another number of times than items."""
        words, time_offsets = split_words(column)
        differ = np.flatnonzero(np.diff(time_offsets) != np.diff(offsets))
        if len(differ):
            row = differ[0]
            counts = f"{np.diff(offsets)[row]} item_ids but {np.diff(time_offsets)[row]} timestamps"
            raise BenchError(f"{path}: line {row + 2}: {counts}; give one time for each item")
        try:
            return whole_seconds(path, words.cast(pa.float64()).to_numpy(), self.time_unit)
        except pa.ArrowInvalid as error:
            word = next(n for n, text in enumerate(words.to_pylist()) if not is_number(text))
            line, value = row_of(offsets, word) + 2, clipped(words[word].as_py())
            raise BenchError(f"{path}: line {line}: column 'timestamps' is not a number ({value})") from error

    def _item_path(self, path: Path) -> Path | None:
        if self.items is not None:
            return located(self.items)
        return next(iter(files_like(path.parent, _ITEMS)), None)


def read_item_table(path: Path) -> Any:
    """`item_id` and every text column of a tab-separated table of items, as a pyarrow Table."""
    columns = header(path, TABS)
    for column in ("item_id", "title"):
        require(path, column, columns)
    wanted = [c for c in ("title", "year", "genres", "category", "brand", "description") if c in columns]
    return read_delimited(path, TABS, {"item_id": "id", **dict.fromkeys(wanted, "text")})


def _renamed(path: Path, item_path: Path, tokens: Any, offsets: Any, listed: Any, column: str) -> tuple[Any, Any]:
    """The tokens and the item table with the names of a further column in the place of `item_id`.

    Raises `BenchError` for a name that two items share and for an item of the sequences that the table lacks.
    """
    require(item_path, column, header(item_path, TABS))
    names = read_delimited(item_path, TABS, {column: "id"})[column]
    for what, values in (("item_id", listed["item_id"]), (column, names)):
        if (again := values.to_pandas().duplicated()).any():
            row = int(np.argmax(again))
            raise BenchError(f"{item_path}: line {row + 2}: {what} {values[row].as_py()} is another item's already")
    places = pc.index_in(tokens, value_set=listed["item_id"].cast(pa.large_string()).combine_chunks())
    if (lacking := pc.index(pc.is_null(places), True).as_py()) >= 0:
        line, item = row_of(offsets, lacking) + 2, tokens[lacking].as_py()
        raise BenchError(f"{path}: line {line}: item {item} is not in {item_path.name}, which has its {column}")
    index = listed.column_names.index("item_id")
    return names.take(places), listed.set_column(index, "item_id", names)


def _texts(item_ids: pd.Series, listed: Any) -> pd.DataFrame:
    texts = {column: listed[column].to_pandas() for column in listed.column_names if column != "item_id"}
    if "year" in texts:
        texts["title"] = with_year(texts["title"], texts.pop("year"))
    if "genres" in texts:
        texts["category"] = texts.pop("genres")
    return item_texts(item_ids, texts)
