"""Tables of interactions with the columns named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from pydantic import ValidationError

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.interaction_table import InteractionTable

Write = Callable[[str, str], Path]
NAMED: dict[str, Any] = {"user": "who", "item": "what", "time": "when", "rating": "stars", "review": "said"}


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.tsv", "log.tsv.gz"])
def test_delimited_tables(name: str, write: Write) -> None:
    text = "who,what,when,stars,said\n2,10,100,4.5,ok\n1,9,50,3,\n"
    log = InteractionTable(path=write(name, text.replace(",", "\t" if ".tsv" in name else ",")), **NAMED).read()
    assert log.events.to_dict("list") == {
        "user": [2, 1],
        "time": [100, 50],
        "rating": [4.5, 3.0],
        "review": ["ok", ""],
        "item": [10, 9],
    }
    assert log.items.empty


def test_features_of_reviews(write: Write) -> None:
    path = write("log.csv", "user,item,review,feature\n1,2,soft strings,strings\n1,3,loud,\n")
    for source in (InteractionTable(path=path, review="review", feature="feature"), InteractionTable.recognise(path)):
        assert source is not None
        assert source.read().events["feature"].tolist() == ["strings", ""]
    assert InteractionTable.recognise(write("tags.csv", "user,item,feature\n1,2,strings\n")) is None
    with pytest.raises(ValidationError, match="`feature` names what reviews are about; name their column as `review`"):
        InteractionTable(path=path, feature="feature")


def test_another_delimiter(write: Write) -> None:
    log = InteractionTable(path=write("log.data", "user;item\n1;2\n"), delimiter=";").read()
    assert log.events.to_dict("list") == {"user": [1], "item": [2]}
    with pytest.raises(BenchError, match=r"log.data: the file name ends in none of .csv, .tsv, .parquet, .pq; set"):
        InteractionTable(path=write("log.data", "user;item\n1;2\n")).read()


@pytest.mark.parametrize(
    "when",
    [
        pa.array([100, 50]),
        pa.array([100.9, 50.0]),
        pa.array([100, 50], pa.timestamp("s")),
        pa.array([100_000_000_999, 50_000_000_000], pa.timestamp("ns", tz="UTC")),
    ],
    ids=["integers", "floats", "timestamps", "timestamps with a zone"],
)
def test_parquet(when: pa.Array, tmp_path: Path) -> None:
    columns = {"who": ["b", "a"], "what": pa.array([10, 9], pa.int32()), "when": when, "stars": [4.5, 3.0]}
    parquet.write_table(pa.table({**columns, "said": ["ok", None]}), tmp_path / "log.parquet")
    log = InteractionTable(path=tmp_path / "log.parquet", **NAMED).read()
    assert log.events.to_dict("list") == {
        "user": ["b", "a"],
        "time": [100, 50],
        "rating": [4.5, 3.0],
        "review": ["ok", ""],
        "item": [10, 9],
    }


def test_categories_written_by_pandas_are_ids(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": pd.Categorical(["b", "a"]), "item": [1, 2]})
    frame.to_parquet(tmp_path / "log.parquet")
    assert InteractionTable(path=tmp_path / "log.parquet").read().events["user"].tolist() == ["b", "a"]


def test_item_texts(write: Write) -> None:
    path = write("log.csv", "user,movieId\n1,2\n")
    items = write("movies.csv", 'id,name,kind,cost\n2,"Two, &amp; a half",Comedy|Drama,1.5\n3,Three,,\n')
    source = InteractionTable(
        path=path, item="movieId", items=items, items_id="id", title="name", category="kind", price="cost"
    )
    texts = source.read().items
    assert texts.index.tolist() == [2, 3]
    assert texts["title"].tolist() == ["Two, & a half", "Three"]
    assert texts["category"].tolist() == ["Comedy|Drama", ""]
    np.testing.assert_array_equal(texts["price"], [1.5, np.nan])


def test_item_ids_are_of_one_kind_in_both_tables(write: Write) -> None:
    path, items = write("log.csv", "user,item\n1,2\n"), write("items.csv", "item,title\n2,Two\nB3,Three\n")
    log = InteractionTable(path=path, items=items, title="title").read()
    assert log.events["item"].tolist() == ["2"]
    assert log.items.index.tolist() == ["2", "B3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"title": "name"}, "`title` names a column of the item table; give that table as `items`"),
        ({"items": "items.csv"}, "`items` is given but no column of it"),
        ({"delimiter": "::"}, "at most 1 character"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        InteractionTable.model_validate({"path": "log.csv", **options})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("user,what,when,stars,said\n", "no column 'who'"),
        ("who,what,when,stars,said\n1,2,3,4,x\n1,2,soon,4,x\n", r"line 3: column 'when' is not a number \('soon'\)"),
        ("who,what,when,stars,said\n1,2,3,good,x\n", r"line 2: column 'stars' is not a number \('good'\)"),
        ("who,what,when,stars,said\n1,2,3,4,x\n1,2\n", "line 3: 2 fields where 5 are expected"),
    ],
)
def test_mistakes_in_text(text: str, message: str, write: Write) -> None:
    with pytest.raises(BenchError, match=f"log.csv: {message}"):
        InteractionTable(path=write("log.csv", text), **NAMED).read()


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("time", ["soon", "later"], "column 'time' holds string values; numbers are wanted"),
        ("time", [1.0, None], r"row 2: column 'time' is not a number \(None\)"),
        ("user", [1.5, 2.5], "column 'user' holds double values; integers or text are wanted"),
        ("user", ["a", ""], "row 2: column 'user' is empty"),
        ("user", [1, None], "row 2: column 'user' is empty"),
        ("usr", [1, 2], r"no column 'user'; did you mean 'usr'"),
        ("user", pa.array([], pa.int64()), "the table has no rows"),
    ],
)
def test_mistakes_in_parquet(column: str, values: Any, message: str, tmp_path: Path) -> None:
    columns = {"user": [1, 2], "item": [1, 2], "time": [1, 2]}
    if column == "usr":
        del columns["user"]
    columns = {name: found[: len(values)] for name, found in columns.items()} | {column: values}
    parquet.write_table(pa.table(columns), tmp_path / "log.parquet")
    with pytest.raises(BenchError, match=f"log.parquet: {message}"):
        InteractionTable(path=tmp_path / "log.parquet", time="time").read()


@pytest.mark.parametrize("text", ["", "no parquet at all"])
def test_a_damaged_parquet_file(text: str, write: Write) -> None:
    with pytest.raises(BenchError, match=r"log.parquet: cannot be read to its end"):
        InteractionTable(path=write("log.parquet", text)).read()


def test_a_price_that_is_no_number(write: Write) -> None:
    items = write("items.csv", "item,price\n2,5\n3,cheap\n")
    with pytest.raises(BenchError, match=r"items.csv: the price 'cheap' is not a number"):
        InteractionTable(path=write("log.csv", "user,item\n1,2\n"), items=items, price="price").read()
