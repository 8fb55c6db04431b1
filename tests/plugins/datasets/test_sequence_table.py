"""Tables with one line per user."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.sequence_table import SequenceTable

Write = Callable[[str, str], Path]
HEADER = "user_id\titem_ids\ttimestamps\n"


@pytest.mark.parametrize("ending", ["", ".gz"], ids=["plain", "gzipped"])
def test_lines_become_events_in_order(ending: str, write: Write, tmp_path: Path) -> None:
    write(f"sequences.tsv{ending}", HEADER + "7\t10 9 10\t1 2 2\n8\t11\t5\n")
    write(f"items.tsv{ending}", 'item_id\ttitle\n9\t"Nine" &amp; more\n10\tTen\n')
    log = SequenceTable(path=tmp_path).read()
    assert log.events.to_dict("list") == {"user": [7, 7, 7, 8], "time": [1, 2, 2, 5], "item": [10, 9, 10, 11]}
    assert log.items["title"].to_dict() == {9: '"Nine" & more', 10: "Ten"}


def test_times_and_items_may_be_absent(write: Write) -> None:
    log = SequenceTable(path=write("a.tsv", "user_id\titem_ids\n7\tx y\n")).read()
    assert log.events.to_dict("list") == {"user": [7, 7], "item": ["x", "y"]}
    assert log.items.empty


def test_years_and_genres(write: Write) -> None:
    path = write("a.tsv", "user_id\titem_ids\n7\t1\n")
    items = write("films.tsv", "item_id\tmovielens_id\ttitle\tyear\tgenres\n1\t9\tToy Story\t1995\tAnimation Comedy\n")
    log = SequenceTable(path=path, items=items).read()
    assert log.items.loc[1].to_dict() == {"title": "Toy Story (1995)", "category": "Animation Comedy"}


FILMS = "item_id\tmovielens_id\ttitle\n100\t9\tHeat\n101\t3\tUp\n102\t12\tM\n"


def test_items_and_users_by_the_names_other_files_have_for_them(write: Write, tmp_path: Path) -> None:
    write("sequences.tsv", "user_id\titem_ids\n107\t101 100\n103\t101\n")
    write("items.tsv", FILMS)
    log = SequenceTable(path=tmp_path, item_names="movielens_id", users_from=1).read()
    assert log.events.to_dict("list") == {"user": [1, 1, 2], "item": [3, 9, 3]}
    assert log.items["title"].to_dict() == {9: "Heat", 3: "Up", 12: "M"}
    own = SequenceTable(path=tmp_path).read()
    assert own.events.to_dict("list") == {"user": [107, 107, 103], "item": [101, 100, 101]}


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (None, "sequences.tsv: `item_names` names a column of the item table; set `items`, there is none"),
        ("item_id\timdb_id\ttitle\n100\t9\tHeat\n", "items.tsv: no column 'movielens_id'"),
        (FILMS + "103\t9\tHeat\n", "items.tsv: line 5: movielens_id 9 is another item's already"),
        (FILMS + "100\t4\tHeat\n", "items.tsv: line 5: item_id 100 is another item's already"),
        (FILMS.replace("101", "104"), "sequences.tsv: line 3: item 101 is not in items.tsv"),
    ],
)
def test_names_that_cannot_be_given(items: str | None, message: str, write: Write, tmp_path: Path) -> None:
    write("sequences.tsv", "user_id\titem_ids\n7\t100\n8\t100 101\n")
    if items is not None:
        write("items.tsv", items)
    with pytest.raises(BenchError, match=message):
        SequenceTable(path=tmp_path, item_names="movielens_id").read()


def test_milliseconds(write: Write) -> None:
    path = write("sequences.tsv", HEADER + "7\t10\t1396720544263\n")
    assert SequenceTable(path=path, time_unit="milliseconds").read().events["time"].tolist() == [1396720544]
    with pytest.raises(BenchError, match="they look like milliseconds"):
        SequenceTable(path=path).read()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (HEADER, "there is no line below the header"),
        ("user\titem_ids\n1\t2\n", "no column 'user_id'; did you mean 'user'"),
        (HEADER + "7\t10 9\t1 2\n8\t10 9\t1\n", "line 3: 2 item_ids but 1 timestamps"),
        (HEADER + "7\t10 9\t1 2\n8\t10 9\t1 soon\n", r"line 3: column 'timestamps' is not a number \('soon'\)"),
        (HEADER + "7\t10 9\t1 2\n8\t\t1\n", "line 3: column 'item_ids' is empty"),
        (HEADER + "7\t10 9\t1 2\n8\t1\n", "line 3: 2 fields where 3 are expected"),
    ],
)
def test_mistakes(text: str, message: str, write: Write) -> None:
    with pytest.raises(BenchError, match=f"sequences.tsv: {message}"):
        SequenceTable(path=write("sequences.tsv", text)).read()


def test_a_folder_without_sequences(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no table of sequences in this folder"):
        SequenceTable(path=tmp_path).read()


def test_an_item_table_without_titles(write: Write, tmp_path: Path) -> None:
    write("sequences.tsv", HEADER + "7\t10\t1\n")
    write("items.tsv", "item_id\tname\n10\tx\n")
    with pytest.raises(BenchError, match=r"items.tsv: no column 'title' \(columns: item_id, name\)"):
        SequenceTable(path=tmp_path).read()
