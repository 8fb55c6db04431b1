"""What is said about a data set, worked by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmrec_bench import DataSource, Log
from llmrec_bench.data.dataset import Preparation, load_dataset
from llmrec_bench.data.description import DataDescription, describe_data
from llmrec_bench.data.filters import FunnelStep, Latest

# User 1 has a b a at 10 20 20, user 2 has b at 30, user 3 has b c at 40 50.
EVENTS = {"user": [1, 1, 1, 2, 3, 3], "item": ["a", "b", "a", "b", "b", "c"], "time": [10, 20, 20, 30, 40, 50]}
ITEMS = pd.DataFrame(
    {"title": ["Ant", "Bee", ""], "brand": ["x", "", ""], "price": [1.5, np.nan, np.nan]}, index=list("abc")
)


class Shelf(DataSource):
    """Six events."""

    name = "shelf"
    simulated = True

    without: tuple[str, ...] = ()

    def read(self) -> Log:
        events = pd.DataFrame(
            {**EVENTS, "review": ["good", "", "bad", " ", "", "fine"], "feature": ["g", "", "", "", "", "f"]}
        )
        return Log(events.drop(columns=list(self.without)), ITEMS)


def description(*without: str, **preparation: Any) -> DataDescription:
    return describe_data(load_dataset("shelf", Shelf(without=without), Preparation(**preparation)))


def test_counts_by_hand() -> None:
    found = description()
    assert (found.users, found.items, found.interactions) == (3, 3, 6)
    assert found.density == pytest.approx(6 / 9)
    assert found.length_quantiles == {"min": 1, "25%": 1.5, "median": 2, "mean": 2, "75%": 2.5, "max": 3}
    assert found.repeat_interactions == 1  # user 1 has a twice
    assert (found.first_time, found.last_time) == (10, 50)
    assert found.simulated


def test_texts_by_hand() -> None:
    found = description()
    assert found.titled_items_share == pytest.approx(2 / 3)
    assert found.item_columns == pytest.approx({"title": 2 / 3, "brand": 1 / 3, "price": 1 / 3})
    assert (found.review_share, found.feature_share) == (3 / 6, 2 / 6)


def test_ties_by_hand() -> None:
    assert description().tied_last_share == 1 / 2  # user 1 of users 1 and 3; user 2 has one event
    assert description(filters=(Latest(filter="latest", n=1),)).tied_last_share is None


def test_what_a_source_does_not_know() -> None:
    found = description("time", "review", "feature")
    told = (found.tied_last_share, found.first_time, found.last_time, found.review_share, found.feature_share)
    assert told == (None,) * 5


def test_the_funnel_is_kept() -> None:
    assert description(filters=(Latest(filter="latest", n=1),)).funnel == [
        FunnelStep("read", users=3, items=3, interactions=6),
        FunnelStep("latest n=1", users=3, items=3, interactions=3),
    ]


def test_plain_data_for_json() -> None:
    plain = description().to_dict()
    assert plain["funnel"] == [{"step": "read", "users": 3, "items": 3, "interactions": 6}]
    assert plain["fingerprint"] == description().fingerprint
