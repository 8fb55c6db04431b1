"""Interactions in a table whose columns the suite names."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench_plugins.datasets.first_mistake import Kind, clipped, is_number
from llmrec_bench_plugins.datasets.ids import as_ids
from llmrec_bench_plugins.datasets.item_texts import item_texts, no_item_texts
from llmrec_bench_plugins.datasets.opening import first_lines
from llmrec_bench_plugins.datasets.paths import located
from llmrec_bench_plugins.datasets.table_file import TABLE_SUFFIXES, column_names, read_table_file, table_suffix
from llmrec_bench_plugins.datasets.times import TimeUnit, likely_unit, whole_seconds

_USERS = ("user", "user_id", "userId", "uid", "reviewerID")
_ITEMS = ("item", "item_id", "itemId", "iid", "movieId", "parent_asin", "asin")
_TIMES = ("time", "timestamp", "unix_time", "unixReviewTime")
_RATINGS = ("rating", "overall")
_REVIEWS = ("review", "reviewText")
_FEATURES = ("feature",)
_OTHERS = ("reviewerName", "helpful", "summary", "reviewTime", "verified", "vote", "history")
_TEXTS = ("title", "category", "brand", "description", "price")


class InteractionTable(DataSource):
    """A csv, tsv or Parquet table with one interaction a row, csv and tsv also gzipped, and optionally a second table
    of item texts. Columns are named by the options; a csv file may quote its fields, a tsv file may not."""

    name: ClassVar[str] = "interaction-table"
    reference: ClassVar[str] = "Any table; the licence is that of the data in it."

    path: Path
    """The table of interactions; `~` and `$VARIABLES` are expanded."""
    user: str = "user"
    """Its column of user ids."""
    item: str = "item"
    """Its column of item ids."""
    time: str | None = None
    """Its column of times, as numbers (or dates, in Parquet); without it, rows are taken to be oldest first."""
    rating: str | None = None
    """Its column of ratings."""
    review: str | None = None
    """Its column of review texts."""
    feature: str | None = None
    """Its column of what each review is about, a word or two."""
    time_unit: TimeUnit = "seconds"
    """The unit of the times."""
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """What parts the fields of the interactions; by default a comma in .csv and a tab in .tsv."""
    items: Path | None = None
    """A table of item texts (csv, tsv or Parquet)."""
    items_id: str | None = None
    """Its column of item ids; by default named as in the table of interactions."""
    title: str | None = None
    """Its column of titles."""
    category: str | None = None
    """Its column of categories."""
    brand: str | None = None
    """Its column of brands."""
    description: str | None = None
    """Its column of descriptions."""
    price: str | None = None
    """Its column of prices: numbers, or empty where unknown."""

    @model_validator(mode="after")
    def _features_need_reviews(self) -> Self:
        if self.feature is not None and self.review is None:
            raise ValueError("`feature` names what reviews are about; name their column as `review`")
        return self

    @model_validator(mode="after")
    def _texts_need_items(self) -> Self:
        for option in ("items_id", *_TEXTS):
            if self.items is None and getattr(self, option) is not None:
                raise ValueError(f"`{option}` names a column of the item table; give that table as `items`")
        if self.items is not None and not self._texts():
            raise ValueError(f"`items` is given but no column of it; name at least one of {', '.join(_TEXTS)}")
        return self

    def read(self) -> Log:
        path = located(self.path)
        kinds: dict[str, Kind] = {self.user: "id", self.item: "id"}
        kinds |= {column: "number" for column in (self.time, self.rating) if column is not None}
        kinds |= {column: "text" for column in (self.review, self.feature) if column is not None}
        table = read_table_file(path, kinds, self.delimiter)
        events: dict[str, Any] = {"user": as_ids(table[self.user])[0]}
        if self.time is not None:
            events["time"] = whole_seconds(path, table[self.time].to_numpy(), self.time_unit)
        if self.rating is not None:
            events["rating"] = table[self.rating].to_numpy().astype(np.float32)
        if self.review is not None:
            events["review"] = table[self.review].fill_null("").to_pandas()
        if self.feature is not None:
            events["feature"] = table[self.feature].fill_null("").to_pandas()
        if self.items is None:
            return Log(events=pd.DataFrame({**events, "item": as_ids(table[self.item])[0]}), items=no_item_texts())
        listed = self._read_items(located(self.items))
        events["item"], item_ids = as_ids(table[self.item], listed.pop("item"))
        return Log(events=pd.DataFrame(events), items=item_texts(item_ids, listed))

    @classmethod
    def recognise(cls, path: Path) -> "InteractionTable | None":
        if path.is_dir() or table_suffix(path) not in TABLE_SUFFIXES:
            return None
        try:
            columns = column_names(path)
        except BenchError:
            return None
        user, item, time, rating, review, feature = (
            next((column for column in usual if column in columns), None)
            for usual in (_USERS, _ITEMS, _TIMES, _RATINGS, _REVIEWS, _FEATURES)
        )
        known = {*_USERS, *_ITEMS, *_TIMES, *_RATINGS, *_REVIEWS, *_OTHERS, *(_FEATURES if review else ())}
        # An unknown column may mean anything, a history or a tag, say: then the user has to name the columns.
        if user is None or item is None or not known.issuperset(columns):
            return None
        unit = _time_unit(path, columns, time)
        return cls(
            path=path, user=user, item=item, time=time, rating=rating, review=review, feature=feature, time_unit=unit
        )

    def _texts(self) -> dict[str, str]:
        """Columns of the item table by our names."""
        return {name: column for name in _TEXTS if (column := getattr(self, name)) is not None}

    def _read_items(self, path: Path) -> dict[str, Any]:
        """The item column and the text columns by our names."""
        texts = self._texts()
        item = self.items_id if self.items_id is not None else self.item
        table = read_table_file(path, {item: "id", **dict.fromkeys(texts.values(), "text")})
        columns = {name: table[column] for name, column in texts.items()}
        if "price" in columns:
            columns["price"] = _prices(path, columns["price"].to_pandas())
        return {"item": table[item], **columns}


def _prices(path: Path, texts: pd.Series) -> pd.Series:
    """float64, NaN where empty. Raises `BenchError` for the first that is no number."""
    texts = texts.fillna("").str.strip()
    wrong = next((text for text in texts.unique() if text and not is_number(text)), None)
    if wrong is not None:
        raise BenchError(f"{path}: the price {clipped(wrong)} is not a number")
    return pd.to_numeric(texts.mask(texts == ""), errors="raise").astype("float64")


def _time_unit(path: Path, columns: list[str], time: str | None) -> TimeUnit:
    """The unit that the first row suggests, where the file is text; Parquet may have dates."""
    lines = first_lines(path, 2)
    if time is None or len(lines) < 2:
        return "seconds"
    values = lines[1].split("\t" if table_suffix(path) == ".tsv" else ",")
    value = values[columns.index(time)] if len(values) == len(columns) else ""
    return likely_unit(float(value)) if is_number(value) else "seconds"
