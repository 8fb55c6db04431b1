"""Groups of queries: worked by hand on four users, then what holds for any log."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench.data.dataset import Preparation
from llmrec_bench.plan import PreparedData, prepare
from llmrec_bench.protocol import Protocol
from llmrec_bench.suite import SuiteDataset
from llmrec_bench.suite_tables import SLICES
from llmrec_bench.tables.slices import slice_queries


class Written(DataSource):
    """Events as they are given: user, item and time."""

    name = "written"
    events: list[tuple[int, int, int]] = []  # noqa: RUF012
    timed: bool = True

    def read(self) -> Log:
        table = pd.DataFrame(self.events, columns=["user", "item", "time"])
        items = table["item"].unique()
        return Log(table if self.timed else table.drop(columns="time"), pd.DataFrame({"title": ""}, index=items))


def prepared(events: list[tuple[int, int, int]], **options: Any) -> PreparedData:
    source = Written(events=events, **options)
    return prepare(SuiteDataset("d", source, Preparation()), Protocol(cutoffs=(1,)))


def told(data: PreparedData, by: Any) -> dict[str, list[int]]:
    return {group.label: group.rows.tolist() for group in slice_queries(data, by)}


# Four users; the last event of each is its target, the one before for validation. In training: item 0 four times, item
# 1 three times, items 2 and 3 once, items 4 and 5 never.
FOUR = [
    (0, 0, 1), (0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5), (0, 0, 6),
    (1, 0, 1), (1, 1, 2), (1, 4, 3), (1, 1, 3),
    (2, 0, 1), (2, 1, 2), (2, 4, 3), (2, 3, 4),
    (3, 0, 1), (3, 4, 2), (3, 5, 9),
]  # fmt: skip


def test_groups_worked_by_hand() -> None:
    data = prepared(FOUR)
    # Nine training interactions, a third of them 3: item 0 begins before 3, item 1 before 6, the others after.
    assert told(data, "popularity") == {"head": [0], "middle": [1], "tail": [2, 3]}
    assert told(data, "cold") == {"cold": [3], "known": [0, 1, 2]}
    assert told(data, "history") == {"0-5": [0, 1, 2, 3]}
    assert told(data, "shared-time") == {"shared": [1], "distinct": [0, 2, 3]}
    assert told(data, "activity") == {"G1": [3], "G2": [1], "G3": [2], "G4": [0]}  # five groups of four users


def test_a_group_says_who_is_in_it() -> None:
    data = prepared(FOUR)
    assert [group.says for group in slice_queries(data, "popularity")] == [
        "1 users whose target is among the 1 items with 4 training users",
        "1 users whose target is among the 1 items with 3 training users",
        "2 users whose target is among the 4 items with 0 to 1 training users",
    ]
    assert slice_queries(data, "activity")[0].says == "1 users with 1 training interactions"


def test_times_are_asked_for_only_where_they_count() -> None:
    data = prepared(FOUR, timed=False)
    with pytest.raises(BenchError, match=r"^slice shared-time: data set 'd' has no times; take another slice$"):
        slice_queries(data, "shared-time")
    assert told(data, "cold") == {"cold": [3], "known": [0, 1, 2]}


logs = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 9), st.integers(0, 20)), min_size=3, max_size=80).filter(
    lambda events: max(pd.Series([user for user, *_ in events]).value_counts()) > 3
)


@settings(deadline=None)
@given(logs)
def test_every_query_is_in_one_group_or_none(events: list[tuple[int, int, int]]) -> None:
    data = prepared(events)
    queries = len(data.split.test)
    for by in SLICES:
        rows = [row for group in slice_queries(data, by) for row in group.rows.tolist()]
        assert len(set(rows)) == len(rows)
        assert set(rows) <= set(range(queries))
        assert all(np.all(np.diff(group.rows) > 0) for group in slice_queries(data, by))
        if by in ("activity", "history", "popularity", "cold"):  # one target each: none belongs to two groups
            assert len(rows) == queries
