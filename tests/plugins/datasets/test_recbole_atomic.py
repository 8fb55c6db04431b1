"""RecBole's atomic files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.recbole_atomic import RecboleAtomic

Write = Callable[[str, str], Path]
HEADER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


@pytest.mark.parametrize("ending", ["", ".gz"], ids=["plain", "gzipped"])
def test_interactions_and_items(ending: str, write: Write, tmp_path: Path) -> None:
    write(f"x.inter{ending}", HEADER + "2\t10\t4.5\t881250949\n1\t9\t3\t881250950\n")
    write(
        f"x.item{ending}",
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "9\tNine &amp; a Half\t1986\tDrama Romance\n10\tTen\t\t\n",
    )
    log = RecboleAtomic(path=tmp_path).read()
    assert log.events.to_dict("list") == {
        "user": [2, 1],
        "time": [881250949, 881250950],
        "rating": [4.5, 3.0],
        "item": [10, 9],
    }
    assert log.events.dtypes.astype(str).to_dict() == {
        "user": "int64",
        "time": "int64",
        "rating": "float32",
        "item": "int64",
    }
    assert log.items.to_dict("index") == {
        9: {"title": "Nine & a Half (1986)", "category": "Drama Romance"},
        10: {"title": "Ten", "category": ""},
    }


def test_times_ratings_and_items_may_be_absent(write: Write) -> None:
    log = RecboleAtomic(path=write("x.inter", "user_id:token\titem_id:token\n2\t10\n")).read()
    assert log.events.to_dict("list") == {"user": [2], "item": [10]}
    assert log.items.empty


def test_other_names(write: Write) -> None:
    path = write("x.inter", "session:token\tsong:token\twhen:float\tstars:float\n2\t10\t1000000000000\t4\n")
    items = write("songs.item", "song:token\tsong_name:token_seq\tlabel:token\n10\tTen\tEpic\n")
    log = RecboleAtomic(
        path=path,
        items=items,
        user_field="session",
        item_field="song",
        time_field="when",
        rating_field="stars",
        time_unit="milliseconds",
        title_field="song_name",
        brand_field="label",
    ).read()
    assert log.events.to_dict("list") == {"user": [2], "time": [10**9], "rating": [4.0], "item": [10]}
    assert log.items.to_dict("index") == {10: {"title": "Ten", "brand": "Epic"}}


def test_a_history_and_its_next_item_are_one_sequence(write: Write) -> None:
    path = write(
        "x.test.inter",
        "user_id:token\titem_id_list:token_seq\titem_id:token\n5\t3 1\t2\n6\t4\t1\n7\t\t9\n",
    )
    log = RecboleAtomic(path=path).read()
    assert log.events.to_dict("list") == {"user": [5, 5, 5, 6, 6, 7], "item": [3, 1, 2, 4, 1, 9]}


def test_a_training_file_with_one_line_per_prefix_is_refused(write: Write) -> None:
    text = "user_id:token\titem_id_list:token_seq\titem_id:token\n5\t3\t1\n5\t3 1\t2\n"
    with pytest.raises(BenchError, match=r"x.train.inter: line 3: user 5 appears again"):
        RecboleAtomic(path=write("x.train.inter", text)).read()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (HEADER, "there is no line below the header"),
        ("uid:token\titem_id:token\n1\t2\n", "no column 'user_id'"),
        (HEADER + "2\t10\tgood\t1\n", r"line 2: column 'rating:float' is not a number \('good'\)"),
        (HEADER + "2\t10\t4\t1\n2\t11\t4\tsoon\n", r"line 3: column 'timestamp:float' is not a number \('soon'\)"),
        (HEADER + "2\t10\t4\n", "line 2: 3 fields where 4 are expected"),
        ("user_id:token\titem_id_list:token_seq\titem_id:token\n5\t3\t\n", "line 2: column 'item_id:token' is empty"),
    ],
)
def test_mistakes(text: str, message: str, write: Write) -> None:
    with pytest.raises(BenchError, match=f"x.inter: {message}"):
        RecboleAtomic(path=write("x.inter", text)).read()


@pytest.mark.parametrize("field", ["time_field", "rating_field"])
def test_a_field_asked_for_must_be_there(field: str, write: Write) -> None:
    path = write("x.inter", "user_id:token\titem_id:token\n2\t10\n")
    with pytest.raises(BenchError, match="no column 'when'"):
        RecboleAtomic.model_validate({"path": path, field: "when"}).read()


def test_of_several_item_files_one_is_named(write: Write, tmp_path: Path) -> None:
    write("x.test.inter", "user_id:token\titem_id:token\n2\t10\n")
    write("x.item", "item_id:token\ttitle:token_seq\n10\tTen\n")
    assert RecboleAtomic(path=tmp_path).read().items["title"].to_dict() == {10: "Ten"}
    write("y.item", "item_id:token\ttitle:token_seq\n10\tOther\n")
    with pytest.raises(BenchError, match=r"several item files lie beside it \(x.item, y.item\); name one with `items`"):
        RecboleAtomic(path=tmp_path).read()
