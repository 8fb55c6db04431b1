"""RecBole's atomic files: tab-separated columns with typed headers, one line per interaction or per sequence."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench_plugins.datasets.blank_separated import once_per_word, split_words
from llmrec_bench_plugins.datasets.columns import choose, require
from llmrec_bench_plugins.datasets.delimited import TABS, header, read_delimited
from llmrec_bench_plugins.datasets.ids import as_ids
from llmrec_bench_plugins.datasets.item_texts import item_texts, no_item_texts, with_year
from llmrec_bench_plugins.datasets.opening import first_lines
from llmrec_bench_plugins.datasets.paths import files_like, located, one_file
from llmrec_bench_plugins.datasets.times import TimeUnit, likely_unit, whole_seconds

_INTERACTIONS = ("*.inter", "*.inter.gz")
_ITEMS = ("*.item", "*.item.gz")
_TYPES = {"token", "token_seq", "float", "float_seq"}


class RecboleAtomic(DataSource):
    """RecBole atomic files: `.inter` with typed headers (`user_id:token` ...) and, where there is one, `.item`. Where
    the `.inter` has a list of items (`item_id_list:token_seq`), its line is one user's history and the next item, which
    together are the sequence (a benchmark's test file holds whole sequences)."""

    name: ClassVar[str] = "recbole-atomic"
    reference: ClassVar[str] = (
        "RecBole's atomic file format (Zhao et al., CIKM 2021). Licence: that of the data in the files."
    )

    path: Path
    """The `.inter` file, plain or gzipped, or the folder that holds just one; `~` and `$VARIABLES` are expanded."""
    items: Path | None = None
    """The `.item` file; by default the one of the same name, else the only one in the folder, else no texts."""
    user_field: str = "user_id"
    """The column of users, named without its type."""
    item_field: str = "item_id"
    """The column of items in both files; with `_list` behind it, the column of histories."""
    time_field: str | None = None
    """The column of times; by default `timestamp`, if there is one."""
    rating_field: str | None = None
    """The column of ratings; by default `rating`, if there is one."""
    time_unit: TimeUnit = "seconds"
    """The unit of the times."""
    title_field: str | None = None
    """The item column of titles; by default `title`, `movie_title` or `name`, whichever is there."""
    year_field: str | None = None
    """The item column of years, put behind the title in brackets; by default `release_year`, if there is one."""
    category_field: str | None = None
    """The item column of categories; by default `category`, `categories`, `genre`, `genres` or `class`."""
    brand_field: str | None = None
    """The item column of brands; by default `brand`, if there is one."""

    def read(self) -> Log:
        path = located(self.path)
        if path.is_dir():
            path = one_file(path, _INTERACTIONS, "atomic file of interactions")
        columns = _bare_names(header(path, TABS))
        user, item = (columns[require(path, field, [*columns])] for field in (self.user_field, self.item_field))
        history = columns.get(f"{self.item_field}_list")
        if history is not None:
            users, tokens = _sequences(path, user, history, item)
            events: dict[str, Any] = {"user": users}
        else:
            tokens, events = self._interactions(path, columns, user, item)
        item_path = self._item_path(path)
        if item_path is None:
            return Log(events=pd.DataFrame({**events, "item": as_ids(tokens)[0]}), items=no_item_texts())
        listed = self._item_table(item_path)
        events["item"], item_ids = as_ids(tokens, listed.pop("item"))
        return Log(events=pd.DataFrame(events), items=item_texts(item_ids, listed))

    @classmethod
    def recognise(cls, path: Path) -> "RecboleAtomic | None":
        files = files_like(path, _INTERACTIONS) if path.is_dir() else [path]
        lines = first_lines(files[0], 2) if len(files) == 1 else []
        if len(lines) < 2 or any(field.partition(":")[2] not in _TYPES for field in lines[0].split("\t")):
            return None
        first = dict(zip(_bare_names(lines[0].split("\t")), lines[1].split("\t"), strict=False))
        if not {"user_id", "item_id"} <= first.keys():
            return None
        time = first.get("timestamp", "0")
        try:
            return cls(path=path, time_unit=likely_unit(float(time)))
        except ValueError:
            return cls(path=path)

    def _interactions(self, path: Path, columns: dict[str, str], user: str, item: str) -> tuple[Any, dict[str, Any]]:
        """The item column and the other columns of the events."""
        chosen = {
            "time": choose(path, self.time_field, ["timestamp"], [*columns]),
            "rating": choose(path, self.rating_field, ["rating"], [*columns]),
        }
        numbers = {name: columns[field] for name, field in chosen.items() if field is not None}
        table = read_delimited(path, TABS, {user: "id", item: "id", **dict.fromkeys(numbers.values(), "number")})
        events: dict[str, Any] = {"user": as_ids(table[user])[0]}
        if "time" in numbers:
            events["time"] = whole_seconds(path, table[numbers["time"]].to_numpy(), self.time_unit)
        if "rating" in numbers:
            events["rating"] = table[numbers["rating"]].to_numpy().astype(np.float32)
        return table[item], events

    def _item_path(self, path: Path) -> Path | None:
        if self.items is not None:
            return located(self.items)
        stem = path.name.partition(".inter")[0]
        named = files_like(path.parent, (f"{stem}.item", f"{stem}.item.gz"))
        files = named or files_like(path.parent, _ITEMS)
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            raise BenchError(f"{path}: several item files lie beside it ({names}); name one with `items`")
        return files[0] if files else None

    def _item_table(self, path: Path) -> dict[str, Any]:
        """The item column and the text columns by our names, as pyarrow columns and Series."""
        columns = _bare_names(header(path, TABS))
        item = columns[require(path, self.item_field, [*columns])]
        usual: dict[str, tuple[str | None, Iterable[str]]] = {
            "title": (self.title_field, ("title", "movie_title", "name")),
            "year": (self.year_field, ("release_year",)),
            "category": (self.category_field, ("category", "categories", "genre", "genres", "class")),
            "brand": (self.brand_field, ("brand",)),
        }
        chosen = {name: choose(path, given, names, [*columns]) for name, (given, names) in usual.items()}
        fields = {name: columns[field] for name, field in chosen.items() if field is not None}
        table = read_delimited(path, TABS, {item: "id", **dict.fromkeys(fields.values(), "text")})
        texts = {name: table[field].to_pandas() for name, field in fields.items()}
        if "year" in texts:
            year = texts.pop("year")
            if "title" in texts:
                texts["title"] = with_year(texts["title"], year)
        return {"item": table[item], **texts}


def _bare_names(fields: list[str]) -> dict[str, str]:
    """Header fields (`user_id:token`) by their names without the type."""
    return {field.partition(":")[0]: field for field in fields}


def _sequences(path: Path, user: str, history: str, item: str) -> tuple[pd.Series, Any]:
    """N users and N item tokens: each line's history followed by its item."""
    table = read_delimited(path, TABS, {user: "id", history: "text", item: "text"})
    (users,) = as_ids(table[user])
    if (again := users.duplicated().to_numpy()).any():
        row = int(np.flatnonzero(again)[0])
        raise BenchError(
            f"{path}: line {row + 2}: user {users[row]} appears again; where a line is a whole sequence each user has "
            "one line, as in a benchmark's test file"
        )
    if (blank := pc.index(table[item], "").as_py()) >= 0:
        raise BenchError(f"{path}: line {blank + 2}: column '{item}' is empty")
    tokens, offsets = split_words(pc.binary_join_element_wise(table[history], table[item], " "))
    return once_per_word(users, offsets), tokens
