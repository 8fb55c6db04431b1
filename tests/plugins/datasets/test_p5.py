"""P5 folders and S3-Rec files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.p5 import P5

Write = Callable[[str, str], Path]
SEQUENCES = "1 1 2 3\n2 2 4 1\n"
MAPS = '{"id2user": {"1": "A", "2": "B"}, "id2item": {"1": "a", "2": "b", "3": "c", "4": "d"}}'


@pytest.mark.parametrize("ending", ["", ".gz"], ids=["plain", "gzipped"])
def test_a_folder_with_everything(ending: str, write: Write, tmp_path: Path) -> None:
    write(f"sequential.txt{ending}", SEQUENCES)
    write(f"datamaps.json{ending}", MAPS)
    write(f"titles.tsv{ending}", "item_id\tasin\ttitle\n1\ta\tOne &amp; Only\n2\tb\tTwo\n")
    write(
        f"timestamps.tsv{ending}",
        "user_id\titem_id\tunix_time\n1\t1\t10\n1\t2\t20\n1\t3\t20\n2\t2\t5\n2\t4\t6\n2\t1\t7\n",
    )
    log = P5(path=tmp_path).read()
    assert log.events.to_dict("list") == {
        "user": [1, 1, 1, 2, 2, 2],
        "item": [1, 2, 3, 2, 4, 1],
        "time": [10, 20, 20, 5, 6, 7],
    }
    assert log.items["title"].to_dict() == {1: "One & Only", 2: "Two"}


def test_a_sequence_file_alone(write: Write, tmp_path: Path) -> None:
    path = write("Yelp.txt", SEQUENCES)
    for given in (path, tmp_path):
        log = P5(path=given).read()
        assert log.events.to_dict("list") == {"user": [1, 1, 1, 2, 2, 2], "item": [1, 2, 3, 2, 4, 1]}
        assert log.items.empty


@pytest.mark.parametrize(
    ("known", "filled"),
    [
        ({(1, 1): 10, (1, 3): 30, (2, 2): 5, (2, 4): 6, (2, 1): 7}, [10, 10, 30, 5, 6, 7]),
        ({(1, 3): 30, (2, 2): 5, (2, 4): 6}, [30, 30, 30, 5, 6, 6]),
        ({(1, 1): 10, (1, 2): 20, (1, 3): 30}, [10, 20, 30, 10, 10, 10]),
    ],
    ids=["from the previous", "from the next at the start", "earliest of all for a user without any"],
)
def test_missing_times_keep_the_order(
    known: dict[tuple[int, int], int], filled: list[int], write: Write, tmp_path: Path
) -> None:
    write("sequential.txt", SEQUENCES)
    write(
        "timestamps.tsv",
        "user_id\titem_id\tunix_time\n" + "".join(f"{user}\t{item}\t{time}\n" for (user, item), time in known.items()),
    )
    assert P5(path=tmp_path).read().events["time"].tolist() == filled
    assert "time" not in P5(path=tmp_path, use_times=False).read().events


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("1 1 2\n2\n", "line 2: '2' stands alone; a line is a user and their items"),
        ("1 1 2\n2 1 B0002 2\n", "line 2: 'B0002' is no number"),
    ],
)
def test_mistakes_in_the_sequences(text: str, message: str, write: Write) -> None:
    with pytest.raises(BenchError, match=f"sequential.txt: {message}"):
        P5(path=write("sequential.txt", text)).read()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("datamaps.json", '{"id2user": {"1": "A"', "line 1: broken JSON"),
        ("datamaps.json", '{"user2id": {}}', "no object with the keys id2user and id2item"),
        ("datamaps.json", MAPS.replace(', "4": "d"', ""), "does not know item 4 of sequential.txt; take both"),
        ("titles.tsv", "item_id\tasin\ttitle\n1\ta\tOne\n2\tc\tTwo\n", "line 3: item 2 is c here and b in datamaps"),
        ("titles.tsv", "item_id\tname\n1\tOne\n", "no column 'asin'"),
        ("timestamps.tsv", "user_id\titem_id\tunix_time\n1\t1\tsoon\n", "line 2: column 'unix_time' is not a number"),
        ("timestamps.tsv", "user_id\titem_id\tunix_time\n1\t4\t5\n", r"line 2: user 1 with item 4 is not in"),
        ("timestamps.tsv", "user_id\titem_id\tunix_time\n1\t1\t5\n1\t1\t6\n", r"line 3: user 1 with item 1 has a"),
        ("timestamps.tsv", "user_id\titem_id\tunix_time\n1\t1\t9\n1\t2\t5\n", "user 1 has item 2 after item 1 in the"),
    ],
)
def test_mistakes_beside_the_sequences(name: str, text: str, message: str, write: Write, tmp_path: Path) -> None:
    write("sequential.txt", SEQUENCES)
    write("datamaps.json", MAPS)
    write(name, text)
    with pytest.raises(BenchError, match=f"{name}: {message}"):
        P5(path=tmp_path).read()


def test_attributes_are_a_column_of_their_own(write: Write, tmp_path: Path) -> None:
    write("sequential.txt", SEQUENCES)
    write("titles.tsv", "item_id\tasin\ttitle\n1\ta\tOne\n2\tb\tTwo\n")
    write("item2attributes.json", '{"2": [7, 12], "4": [7], "1": []}')
    assert list(P5(path=tmp_path).read().items.columns) == ["title"]
    items = P5(path=tmp_path, attributes=True).read().items
    assert items.to_dict("index") == {
        1: {"title": "One", "attributes": ""},
        2: {"title": "Two", "attributes": "7, 12"},
        4: {"title": "", "attributes": "7"},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1]]", "no object with a list of attributes for each item"),
        ('{"1": [2', "line 1: broken JSON"),
        ('{"1": [2], "B0": [3]}', "'B0' is no item number"),
        ('{"1": [2], "2": 3}', r"item 2 should have a list of numbers \(given '3'\)"),
        ('{"1": [2], "2": ["a"]}', "item 2 should have a list of numbers"),
    ],
)
def test_mistakes_in_the_attributes(text: str, message: str, write: Write, tmp_path: Path) -> None:
    write("sequential.txt", SEQUENCES)
    write("item2attributes.json", text)
    with pytest.raises(BenchError, match=f"item2attributes.json: {message}"):
        P5(path=tmp_path, attributes=True).read()


def test_attributes_without_their_file(write: Write, tmp_path: Path) -> None:
    write("sequential.txt", SEQUENCES)
    with pytest.raises(BenchError, match=r"no item2attributes\.json, which `attributes: true` reads; leave"):
        P5(path=tmp_path, attributes=True).read()


def test_a_folder_without_sequences(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no sequences in this folder"):
        P5(path=tmp_path).read()
