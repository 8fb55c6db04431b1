"""Item texts as `Log.items` wants them: one row per item, clean, never missing a title column."""

import html
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

# With the semicolon only: `AT&T` and `Salt&lter` are no entities.
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")


def item_texts(ids: pd.Series, texts: Mapping[str, Any]) -> pd.DataFrame:
    """A frame indexed by item id, with a clean `title` ('' where unknown) and the other columns given.

    Texts are pyarrow columns or Series of strings; numbers stay as they are. The first row of an item that is listed
    twice counts (Amazon's metadata repeat items).
    """
    frame = pd.DataFrame({name: _column(text) for name, text in texts.items()})
    frame.index = pd.Index(ids, name="item")
    if "title" not in frame:
        frame.insert(0, "title", pd.Series("", index=frame.index, dtype="str"))
    return frame.loc[~frame.index.duplicated()]


def no_item_texts() -> pd.DataFrame:
    """The frame of a source that knows no texts."""
    return item_texts(pd.Series([], dtype="str"), {})


def with_year(titles: pd.Series, years: pd.Series) -> pd.Series:
    """`Title (1995)` where the year has four digits and the title does not end in it already, else the title."""
    dated = titles + " (" + years + ")"
    has_year = titles.str.slice(-6) == "(" + years + ")"
    return dated.where(years.str.fullmatch(r"\d{4}") & ~has_year, titles)


def clean(text: str) -> str:
    """The text with HTML entities unescaped and every run of white space as one blank."""
    return " ".join(_ENTITY.sub(lambda entity: html.unescape(entity[0]), text).split())


def _column(text: Any) -> pd.Series:
    series: pd.Series = text.to_pandas() if isinstance(text, pa.ChunkedArray) else text
    if pd.api.types.is_numeric_dtype(series):
        return series.reset_index(drop=True)
    return series.fillna("").map(clean).astype("str").reset_index(drop=True)
