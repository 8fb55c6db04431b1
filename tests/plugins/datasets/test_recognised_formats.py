"""`recognise`: each format by its own source, and by no other."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from llmrec_bench import DataSource
from llmrec_bench_plugins.datasets import SOURCES

Write = Callable[[str, str], Path]
REVIEW = '{"reviewerID": "A", "asin": "B", "overall": 5.0, "unixReviewTime": 1529193600, "reviewText": "x"}\n'
REVIEW_2023 = '{"user_id": "A", "parent_asin": "B", "rating": 5, "timestamp": 1588687728923, "text": "x"}\n'


def recognised(path: Path) -> list[DataSource]:
    return [found for source in SOURCES if (found := source.recognise(path)) is not None]


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("x.inter", "user_id:token\titem_id:token\trating:float\n1\t2\t3\n", "recbole-atomic"),
        ("x.inter.gz", "user_id:token\titem_id_list:token_seq\titem_id:token\n1\t2 3\t4\n", "recbole-atomic"),
        ("log.txt", "1 2\n1 3\n", "sasrec-text"),
        ("log.txt.gz", "1\t2\n1\t3\n", "sasrec-text"),
        ("sequential.txt", "1 2 3 4 5\n2 3 4\n", "p5"),
        ("r.json.gz", REVIEW, "amazon-reviews"),
        ("r.jsonl", REVIEW_2023, "amazon-reviews"),
        ("s.tsv", "user_id\titem_ids\ttimestamps\n1\t2 3\t4 5\n", "sequence-table"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n", "interaction-table"),
        ("log.tsv.gz", "user_id\titem_id\tunix_time\n1\t1\t5\n", "interaction-table"),
    ],
)
def test_files(name: str, text: str, source: str, write: Write) -> None:
    path = write(name, text)
    (found,) = recognised(path)
    assert found.name == source
    found.read()


@pytest.mark.parametrize(
    ("files", "source"),
    [
        ({"x.inter": "user_id:token\titem_id:token\n1\t2\n", "x.item": "item_id:token\n2\n"}, "recbole-atomic"),
        ({"sequences.tsv": "user_id\titem_ids\n1\t2 3\n", "summary.json": "{}"}, "sequence-table"),
        (
            {
                "sequential.txt": "1 2 3\n",
                "datamaps.json": '{"id2user": {"1": "A"}, "id2item": {"2": "B", "3": "C"}}',
                "timestamps.tsv": "user_id\titem_id\tunix_time\n1\t2\t5\n",
            },
            "p5",
        ),
        ({"Yelp.txt": "1 2 3\n", "item2attributes.json": "{}"}, "p5"),
        ({"Gifts_5.json": REVIEW, "meta_Gifts.json": '{"asin": "B", "title": "Card"}\n'}, "amazon-reviews"),
    ],
)
def test_folders(files: dict[str, str], source: str, write: Write, tmp_path: Path) -> None:
    for name, text in files.items():
        write(name, text)
    (found,) = recognised(tmp_path)
    assert found.name == source
    found.read()


def test_metadata_beside_reviews_are_found(write: Write) -> None:
    write("meta_Gifts.json.gz", '{"asin": "B", "title": "Card"}\n')
    for name in ("Gifts_5.json.gz", "reviews_Gifts_5.json", "Gifts.jsonl"):
        (found,) = recognised(write(name, REVIEW))
        assert found.read().items["title"].tolist() == ["Card"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.tsv", "user_id\titem_ids\ttimestamps\n1\t2 3\t1396720544263 1396720552647\n"),
        ("x.inter", "user_id:token\titem_id:token\ttimestamp:float\n1\t2\t1396720544263\n"),
        ("log.csv", "user_id,parent_asin,rating,timestamp,history\n1,2,5,1396720544263,\n"),
    ],
)
def test_milliseconds_are_noticed(name: str, text: str, write: Write) -> None:
    (found,) = recognised(write(name, text))
    assert found.read().events["time"].iloc[0] == 1396720544


@pytest.mark.parametrize("column", [pa.array([5]), pa.array([5], pa.timestamp("s"))], ids=["numbers", "dates"])
def test_parquet(column: pa.Array, tmp_path: Path) -> None:
    parquet.write_table(pa.table({"user_id": [1], "item_id": [2], "timestamp": column}), tmp_path / "log.parquet")
    (found,) = recognised(tmp_path / "log.parquet")
    assert found.read().events.to_dict("list") == {"user": [1], "time": [5], "item": [2]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.item", "item_id:token\ttitle:token_seq\n1\tx\n"),
        ("Games.bpr", "40610\t2552 1281\n"),
        ("movies.csv", "movieId,title,genres\n1,x,y\n"),
        ("tags.csv", "userId,movieId,tag,timestamp\n1,2,x,3\n"),
        ("test.csv", "user_id,history_item_id,item_id\n1,[2],3\n"),
        ("items.tsv", "item_id\ttitle\n1\tx\n"),
        ("titles.tsv", "item_id\tasin\ttitle\n1\tB\tx\n"),
        ("datamaps.json", '{\n"id2user": {}}\n'),
        ("item2attributes.json", '{"4": [1, 2, 3]}\n'),
        ("meta_Gifts.json", '{"asin": "B", "title": "x"}\n'),
        ("rationales.jsonl", '{"user": 1, "history": [2], "answer": "x"}\n'),
        ("readme.txt", "These are 3 words\n"),
        ("empty.txt", ""),
        ("empty.txt.gz", ""),
        ("empty.parquet", ""),
        ("header.tsv", "user_id\titem_ids\n"),
    ],
)
def test_nothing_else_is_recognised(name: str, text: str, write: Write) -> None:
    assert recognised(write(name, text)) == []


def test_unreadable_things_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\x1f\x8bnot gzip")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "a.json", tmp_path / "b.csv", tmp_path / "absent.csv", tmp_path):
        assert recognised(path) == []
