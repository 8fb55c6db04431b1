"""Reviews in three parts: by the interactions they belong to, and split on their own as released."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench.data.dataset import Dataset, Preparation, load_dataset
from llmrec_bench.data.filters import DropDuplicates, Latest
from llmrec_bench.data.reviews import ReviewSplit, split_as_released, split_reviews
from llmrec_bench.data.splits import GlobalTime, LeaveOneOut, Ratio, split
from llmrec_bench.plan import PreparedData

EVENTS = {
    "user": ["y", "x", "x", "x", "x", "y", "y", "z"],
    "item": ["b", "a", "b", "c", "d", "a", "d", "c"],
    "time": [2, 1, 2, 3, 4, 1, 3, 1],
    "review": ["yb", "xa", " ", "xc", "xd", "ya", "yd", "zc"],
    "feature": ["B", "A", "", None, "D", "A", "D", "C"],
}
"""By user and time: x has a b c d, y has a b d, and z, with one event, is for training only."""


def load(events: dict[str, Any], **preparation: Any) -> Dataset:
    class Given(DataSource):
        """What a test gives."""

        name = "given"

        def read(self) -> Log:
            return Log(pd.DataFrame(events), pd.DataFrame({"title": []}))

    return load_dataset("d", Given(), Preparation(**preparation))


def parts(dataset: Dataset, rule: Any = None) -> ReviewSplit:
    found = split_reviews(dataset, split(dataset.sequences, LeaveOneOut() if rule is None else rule))
    assert found is not None
    return found


def rows(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(table.itertuples(index=False, name=None))


# With the interactions


def test_reviews_go_with_their_interactions_and_blank_ones_are_left_out() -> None:
    found = parts(load(EVENTS))
    assert rows(found.train) == [(0, 0, "xa", "A"), (1, 0, "ya", "A"), (2, 2, "zc", "C")]
    assert rows(found.validation) == [(0, 2, "xc", ""), (1, 1, "yb", "B")]
    assert rows(found.test) == [(0, 3, "xd", "D"), (1, 3, "yd", "D")]
    assert found.tested_in_train == 0
    assert [str(kind) for kind in found.train.dtypes] == ["int32", "int32", "str", "str"]
    assert found.train.columns.tolist() == found.test.columns.tolist() == ["user", "item", "text", "feature"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # Half of 4, 3 and 1 events, at least one: x holds out c d and validates none, y holds out d, z nothing.
        (Ratio(train=0.5, validation=0, test=0.5), (["xa", "ya", "yb", "zc"], [], ["xc", "xd", "yd"])),
        (GlobalTime(validation_from=2, test_from=3), (["xa", "ya", "zc"], ["yb"], ["xc", "xd", "yd"])),
    ],
)
def test_reviews_follow_any_split(rule: Any, expected: tuple[list[str], ...]) -> None:
    found = parts(load(EVENTS), rule)
    assert tuple(part["text"].tolist() for part in (found.train, found.validation, found.test)) == expected


def test_features_stay_with_their_reviews_through_filters() -> None:
    again = {name: [*column, column[1]] for name, column in EVENTS.items()}  # x's first event twice
    again["review"][-1], again["feature"][-1] = "again", "Z"
    kept = (DropDuplicates(filter="drop-duplicates", keep="last"), Latest(filter="latest", n=3))
    dataset = load(again, filters=kept)
    assert dataset.reviews is not None
    assert dataset.features is not None
    assert dataset.reviews.tolist() == [" ", "xc", "xd", "ya", "yb", "yd", "zc"]
    assert dataset.features.tolist() == ["", "", "D", "A", "B", "D", "C"]
    assert load(again, filters=(*kept[:1],)).reviews.tolist()[0] == "again"  # type: ignore[union-attr]


def test_without_features_the_column_is_blank() -> None:
    plain = load({name: column for name, column in EVENTS.items() if name != "feature"})
    assert plain.features is None
    assert parts(plain).train["feature"].tolist() == [""] * 3


def test_without_reviews_there_is_no_split() -> None:
    plain = load({name: EVENTS[name] for name in ("user", "item", "time")})
    prepared = PreparedData(plain, split(plain.sequences, LeaveOneOut()))
    assert prepared.reviews is None
    training = prepared.training(prepared.split.validation, prepared.split.validation_targets)
    assert (training.reviews, training.validation_reviews) == (None, None)
    assert "+" not in training.fingerprint


# As released

pairs = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=120)


@settings(max_examples=200, deadline=None)
@given(pairs, st.integers(0, 2**32 - 1))
def test_every_user_and_item_has_a_training_review_and_shares_are_8_1_1(
    drawn: list[tuple[int, int]], seed: int
) -> None:
    users, items = (np.array(column) for column in zip(*drawn, strict=True))
    share = split_as_released(users, items, seed)
    assert set(users) == set(users[share == 0])
    assert set(items) == set(items[share == 0])
    train, validation, test = (int((share == part).sum()) for part in range(3))
    assert train + validation + test == len(drawn)
    assert test - validation in (0, 1)
    # One of each may be more than 80 % already, and never more than one for each user and item.
    assert -(-8 * len(drawn) // 10) <= train <= max(-(-8 * len(drawn) // 10), len(set(users)) + len(set(items)))
    assert np.array_equal(share, split_as_released(users, items, seed))


def test_a_large_split_has_its_shares_to_the_review() -> None:
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 30, 1000), rng.integers(0, 40, 1000)
    assert np.bincount(split_as_released(users, items, 1)).tolist() == [800, 100, 100]
    assert not np.array_equal(split_as_released(users, items, 1), split_as_released(users, items, 2))


def test_what_is_fixed_by_users_and_items_of_one_review() -> None:
    """u0 and u1 have one review each, u2 two of one item: both may be needed by nobody else."""
    share = split_as_released(np.array([0, 1, 2, 2]), np.array([0, 0, 1, 1]), 5)
    assert share[:2].tolist() == [0, 0]
    # 80 % of four are all four, rounded up.
    assert share.tolist() == [0, 0, 0, 0]


def test_parts_as_released_hold_each_review_once_and_count_the_leak() -> None:
    rng = np.random.default_rng(3)
    users = np.repeat(np.arange(40), 6)
    items = rng.integers(0, 25, len(users))
    review = [f"r{i}" if i % 7 else "" for i in range(len(users))]
    dataset = load({"user": users, "item": items, "review": review}, reviews="as-released(4)")
    found = parts(dataset)
    tables = (found.train, found.validation, found.test)
    texts = [text for table in tables for text in table["text"]]
    assert sorted(texts) == sorted(filter(None, review))
    assert [len(table) for table in tables] == [164, 20, 21]  # of 240, 35 are blank
    assert all(table["user"].is_monotonic_increasing for table in tables)
    last = {f"r{i}" for i in range(5, len(users), 6)}  # the test interaction of each user
    assert found.tested_in_train == len(last & set(found.train["text"])) / 40 > 0.5


def test_reviews_as_released_are_of_the_pairs_they_are_about() -> None:
    dataset = load(EVENTS, reviews="as-released(0)")
    said = {"xa": (0, 0), "xc": (0, 2), "xd": (0, 3), "ya": (1, 0), "yb": (1, 1), "yd": (1, 3), "zc": (2, 2)}
    found = parts(dataset)
    for table in (found.train, found.validation, found.test):
        for user, item, text, _ in rows(table):
            assert said[text] == (user, item)


# Fingerprints


def training_fingerprint(dataset: Dataset) -> str:
    return PreparedData(dataset, split(dataset.sequences, LeaveOneOut())).training_fingerprint


def changed(**columns: list[Any]) -> Dataset:
    return load({**EVENTS, **columns})


def test_the_split_of_reviews_is_part_of_the_data() -> None:
    prints = {load(EVENTS, reviews=rule).fingerprint for rule in ("held-out-apart", "as-released(1)", "as-released(2)")}
    assert len(prints) == 3
    plain = {name: column for name, column in EVENTS.items() if name != "feature"}
    assert len({load(plain).fingerprint, load(EVENTS).fingerprint}) == 2


@pytest.mark.parametrize(
    ("columns", "differs"),
    [
        ({"review": ["yb", "other", " ", "xc", "xd", "ya", "yd", "zc"]}, True),
        ({"feature": ["B", "other", "", None, "D", "A", "D", "C"]}, True),
        ({"review": ["other", "xa", " ", "xc", "xd", "ya", "yd", "zc"]}, True),  # of validation
        ({"review": ["yb", "xa", " ", "xc", "other", "ya", "yd", "zc"]}, False),  # of the test
        ({"feature": ["B", "A", "", None, "other", "A", "D", "C"]}, False),
    ],
)
def test_training_data_are_known_by_the_reviews_that_methods_read(columns: dict[str, Any], differs: bool) -> None:
    ours, theirs = training_fingerprint(load(EVENTS)), training_fingerprint(changed(**columns))
    assert (ours != theirs) == differs
    assert ours.partition("+")[0] == theirs.partition("+")[0]
    assert changed(**columns).fingerprint != load(EVENTS).fingerprint


def test_training_data_hold_no_text_of_a_held_out_review() -> None:
    dataset = load(EVENTS)
    prepared = PreparedData(dataset, split(dataset.sequences, LeaveOneOut()))
    training = prepared.training(prepared.split.validation, prepared.split.validation_targets)
    assert training.reviews is not None
    assert training.validation_reviews is not None
    assert not {"xd", "yd"} & {*training.reviews["text"], *training.validation_reviews["text"]}
    training.reviews["text"] = "spoilt"
    again = prepared.training(prepared.split.validation, prepared.split.validation_targets)
    assert again.reviews is not None
    assert again.reviews["text"].tolist() == ["xa", "ya", "zc"]


# Mistakes


def test_a_split_of_reviews_that_are_not_there() -> None:
    with pytest.raises(BenchError) as error:
        load({name: EVENTS[name] for name in ("user", "item")}, reviews="as-released(1)")
    assert str(error.value) == "data set 'd': reviews: as-released(1) splits reviews, and 'given' reads none here"


def test_features_of_nothing() -> None:
    with pytest.raises(BenchError, match="the source has features and no reviews that they could be of"):
        load({name: EVENTS[name] for name in ("user", "item", "feature")})
