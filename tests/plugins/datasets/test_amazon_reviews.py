"""Amazon reviews and metadata in the shapes of 2014, 2018 and 2023."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.datasets.amazon_reviews import AmazonReviews

Write = Callable[[str, str], Path]
OLD = {"reviewerID": "A1", "asin": "B1", "overall": 5.0, "unixReviewTime": 1529193600, "reviewText": "Fine."}
NEW = {"user_id": "A1", "parent_asin": "B1", "asin": "B9", "rating": 4.0, "timestamp": 1588687728923, "text": "Fine."}


def lines(*objects: dict[str, Any]) -> str:
    return "".join(json.dumps(found) + "\n" for found in objects)


@pytest.mark.parametrize("name", ["r.json", "r.json.gz"])
def test_reviews_of_2014_and_2018(name: str, write: Write) -> None:
    text = lines(
        {**OLD, "style": {"Size:": "L"}, "vote": "2"},
        {**OLD, "reviewerID": "A0", "overall": 1, "style": None, "vote": 3, "reviewText": None},
        {key: value for key, value in OLD.items() if key != "reviewText"},
    )
    log = AmazonReviews(path=write(name, text)).read()
    assert log.events.to_dict("list") == {
        "user": ["A1", "A0", "A1"],
        "time": [1529193600] * 3,
        "rating": [5.0, 1.0, 5.0],
        "review": ["Fine.", "", ""],
        "item": ["B1"] * 3,
    }
    assert log.items.empty


def test_reviews_of_2023_have_milliseconds_and_parents(write: Write) -> None:
    log = AmazonReviews(path=write("r.jsonl", lines(NEW)), with_reviews=False).read()
    assert log.events.to_dict("list") == {"user": ["A1"], "time": [1588687728], "rating": [4.0], "item": ["B1"]}
    childless = {key: value for key, value in NEW.items() if key != "parent_asin"}
    assert AmazonReviews(path=write("c.jsonl", lines(childless))).read().events["item"].tolist() == ["B9"]


def test_empty_lines_are_passed_over(write: Write) -> None:
    assert len(AmazonReviews(path=write("r.json", "\n" + lines(OLD) + "\n" + lines(OLD))).read().events) == 2


def test_ids_of_digits_keep_their_zeros(write: Write) -> None:
    log = AmazonReviews(path=write("r.json", lines(OLD | {"asin": "0001"}, OLD | {"asin": "2"}))).read()
    assert log.events["item"].tolist() == ["0001", "2"]


METADATA = {
    "2014": (
        "{'asin': 'B1', 'title': 'It\\'s &amp; on', 'brand': 'Acme', 'price': 9.5, 'description': 'Long  text', "
        "'categories': [['Home', 'Lamps'], ['Gifts']]}\n"
    ),
    "2018": lines(
        {
            "asin": "B1",
            "title": "It's &amp; on",
            "brand": "Acme",
            "price": "$9.50",
            "description": ["Long", "text"],
            "category": ["Home", "Lamps"],
            "main_cat": "Other",
            "details": {},
        }
    ),
    "2023": lines(
        {
            "parent_asin": "B1",
            "title": "It's &amp; on",
            "store": "Shop",
            "details": {"Brand": "Acme"},
            "price": 9.5,
            "description": ["Long", "text"],
            "categories": ["Home", "Lamps"],
            "main_category": "Other",
        }
    ),
}


@pytest.mark.parametrize("edition", METADATA)
def test_metadata_of_every_edition_say_the_same(edition: str, write: Write) -> None:
    metadata = write("meta.json.gz", METADATA[edition])
    log = AmazonReviews(path=write("r.json", lines(OLD)), metadata=metadata).read()
    assert log.items.to_dict("index") == {
        "B1": {
            "title": "It's & on",
            "brand": "Acme",
            "category": "Home > Lamps",
            "description": "Long text",
            "price": 9.5,
        }
    }


def test_metadata_with_little_to_say(write: Write) -> None:
    metadata = write(
        "meta.json",
        lines(
            {"asin": "B1", "title": "var x = getTime();", "price": "$5 - $9", "store": "Shop", "main_cat": "Home"},
            {"asin": "B1", "title": "listed again"},
            {"asin": "B2", "main_cat": '<img src="logo.png" alt="FASHION"/>'},
            {"asin": "B3", "title": "never reviewed"},
        ),
    )
    items = AmazonReviews(path=write("r.json", lines(OLD, OLD | {"asin": "B2"})), metadata=metadata).read().items
    assert items.index.tolist() == ["B1", "B2"]
    assert items["category"].tolist() == ["Home", ""]
    row = items.loc["B1"].to_dict()
    assert np.isnan(row.pop("price"))
    assert row == {"title": "", "brand": "Shop", "category": "Home", "description": ""}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("user,item\n", "line 1: broken JSON"),
        ("[1]\n", r"line 1: '\[1\]' is no JSON object"),
        (lines({"asin": "B1"}), "line 1: no review of 2014 or 2018 .* its fields are asin"),
        (lines(OLD) + '{"reviewerID": "A1"\n', "line 2: broken JSON"),
        (lines(OLD, OLD | {"overall": "good"}), r"line 2: 'overall' is not a number \('good'\)"),
        (
            lines(OLD) + "\n" + lines(OLD | {"unixReviewTime": None}),
            r"line 3: 'unixReviewTime' is not a number \(None\)",
        ),
        (lines(OLD, OLD | {"reviewerID": ""}), r"line 2: 'reviewerID' is not an id \(''\)"),
        (lines(OLD, OLD | {"asin": 5}), r"line 2: 'asin' is not an id \(5\); write it as text"),
        (lines(OLD, OLD | {"reviewText": ["a"]}), "line 2: 'reviewText' is not a text"),
        (lines(OLD, OLD | {"reviewText": "\ud83d"}), "line 2: 'reviewText' has a broken character escape"),
        (lines(OLD) + "[1]\n", r"line 2: '\[1\]' is no JSON object"),
    ],
)
def test_mistakes_in_reviews(text: str, message: str, write: Write) -> None:
    with pytest.raises(BenchError, match=f"r.json: {message}") as caught:
        AmazonReviews(path=write("r.json", text)).read()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (lines({"asin": "B1"}) + "{'asin': \n", "line 2: broken JSON"),
        (lines({"asin": "B1"}) + "{\n", "line 2: broken JSON"),
        ("[1]\n", r"line 1: '\[1\]' is no object"),
        (lines({"title": "x"}), r"line 1: no 'asin' or 'parent_asin' \(fields: title\)"),
    ],
)
def test_mistakes_in_metadata(text: str, message: str, write: Write) -> None:
    source = AmazonReviews(path=write("r.json", lines(OLD)), metadata=write("meta.json", text))
    with pytest.raises(BenchError, match=f"meta.json: {message}"):
        source.read()
