"""Preparing data sets: orders, codes, texts, fingerprints, and mistakes in what a source hands over."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench.data.dataset import Dataset, Preparation, load_dataset
from llmrec_bench.data.filters import DropDuplicates, KCore, Latest, SampleUsers, TitledItems
from llmrec_bench.plugins import load_catalog

DATA = Path(os.environ.get("LLMREC_BENCH_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))


def source(events: dict[str, Any], items: pd.DataFrame | None = None) -> DataSource:
    """A source that hands over the given columns."""
    log = Log(pd.DataFrame(events), pd.DataFrame({"title": []}) if items is None else items)

    class Given(DataSource):
        """What a test gives."""

        name = "given"

        path: str = "here"
        """Stands for a place in the file system."""

        def read(self) -> Log:
            return log

    return Given()


def load(events: dict[str, Any], items: pd.DataFrame | None = None, **preparation: Any) -> Dataset:
    return load_dataset("d", source(events, items), Preparation(**preparation))


def histories(dataset: Dataset) -> dict[Any, list[Any]]:
    """Item tokens by user token, oldest first."""
    tokens = dataset.items["token"]
    return {user: [tokens[code] for code in dataset.sequences[row]] for row, user in enumerate(dataset.users)}


TITLES = pd.DataFrame({"title": ["Ant", "Bee", "Cat"]}, index=["a", "b", "c"])


# Orders and codes


def test_events_are_sorted_by_user_and_time() -> None:
    dataset = load({"user": ["y", "x", "y", "x"], "item": list("abcd"), "time": [9, 7, 3, 5]})
    assert histories(dataset) == {"x": ["d", "b"], "y": ["c", "a"]}
    assert dataset.sequences.times is not None
    assert dataset.sequences.times.tolist() == [5, 7, 3, 9]


def test_equal_times_keep_the_order_of_the_file() -> None:
    dataset = load({"user": ["x", "y", "x", "x", "y"], "item": ["d", "b", "c", "a", "a"], "time": [5, 5, 5, 1, 5]})
    assert histories(dataset) == {"x": ["a", "d", "c"], "y": ["b", "a"]}


def test_without_times_the_order_of_the_file_stands() -> None:
    dataset = load({"user": ["y", "x", "y", "x"], "item": ["d", "b", "c", "a"]})
    assert histories(dataset) == {"x": ["b", "a"], "y": ["d", "c"]}
    assert (dataset.sequences.times, dataset.sequences.ratings, dataset.reviews) == (None, None, None)


def test_numbers_are_ordered_as_numbers() -> None:
    dataset = load({"user": [10, 9, 100], "item": [100, 20, 3]})
    assert dataset.users.tolist() == [9, 10, 100]
    assert dataset.items["token"].tolist() == ["3", "20", "100"]
    assert dataset.sequences.items.tolist() == [1, 2, 0]


def test_words_are_ordered_as_words() -> None:
    assert load({"user": ["u"] * 3, "item": ["100", "20", "x3"]}).items["token"].tolist() == ["100", "20", "x3"]


def test_types_of_the_arrays() -> None:
    dataset = load({"user": ["x"], "item": ["a"], "time": [3], "rating": [4.5]})
    arrays = dataset.sequences
    assert arrays.times is not None
    assert arrays.ratings is not None
    assert [a.dtype for a in (arrays.offsets, arrays.items, arrays.times, arrays.ratings)] == [
        np.int64, np.int32, np.int64, np.float32
    ]  # fmt: skip


def test_codes_have_no_gaps_after_filters() -> None:
    events = {"user": [1, 1, 2, 3, 3], "item": [10, 20, 30, 30, 20]}
    dataset = load(events, filters=(KCore(filter="k-core", users=2, items=1), Latest(filter="latest", n=1)))
    assert (dataset.n_users, dataset.n_items) == (2, 1)
    assert dataset.sequences.offsets.tolist() == [0, 1, 2]
    assert dataset.sequences.items.tolist() == [0, 0]
    assert histories(dataset) == {1: ["20"], 3: ["20"]}


SHUFFLED = {"user": np.repeat(np.arange(6), 4), "item": np.arange(24) % 9}


def test_shuffled_numbers_name_the_same_items() -> None:
    published = load(SHUFFLED)
    shuffled = load(SHUFFLED, item_id_order="shuffled(3)")
    assert published.items["token"].tolist() == [str(item) for item in range(9)]
    assert shuffled.items["token"].tolist() != published.items["token"].tolist()
    assert sorted(shuffled.items["token"]) == sorted(published.items["token"])
    assert histories(shuffled) == histories(published)


def test_a_shuffle_depends_on_its_seed_only() -> None:
    orders = [tuple(load(SHUFFLED, item_id_order=f"shuffled({seed})").items["token"]) for seed in (3, 3, 4)]
    assert orders[0] == orders[1] != orders[2]


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=30),
    order=st.sampled_from(["published", "shuffled(1)"]),
)
@settings(deadline=None)
def test_histories_equal_a_stable_sort(rows: list[tuple[int, int, int]], order: str) -> None:
    user, item, time = zip(*rows, strict=True)
    dataset = load({"user": user, "item": item, "time": time}, item_id_order=order)
    expected = {
        u: [str(i) for _, i in sorted(((t, i) for v, i, t in rows if v == u), key=lambda pair: pair[0])]
        for u in sorted(set(user))
    }
    assert histories(dataset) == expected


# Texts


def test_texts_are_aligned_with_the_codes() -> None:
    texts = pd.DataFrame(
        {"title": ["Cow", "Bee", None, "Other bee"], "brand": ["x", None, "z", "w"], "price": [3.5, np.nan, 1.0, 9.0]},
        index=["c", "b", "d", "b"],
    )
    items = load({"user": ["u"] * 4, "item": ["a", "b", "c", "d"]}, texts).items
    assert items["token"].tolist() == ["a", "b", "c", "d"]
    assert items["title"].tolist() == ["", "Bee", "Cow", ""]
    assert items["brand"].tolist() == ["", "", "x", "z"]
    assert items["price"].fillna(-1).tolist() == [-1, -1, 3.5, 1.0]


def test_texts_follow_shuffled_numbers() -> None:
    texts = pd.DataFrame({"title": [f"Item {i}" for i in range(9)]}, index=range(9))
    items = load(SHUFFLED, texts, item_id_order="shuffled(3)").items
    assert items["title"].tolist() == [f"Item {token}" for token in items["token"]]


def test_a_source_without_texts_gives_empty_titles() -> None:
    assert load({"user": ["u"], "item": ["a"]}).items["title"].tolist() == [""]
    assert load({"user": ["u"], "item": ["a"]}, pd.DataFrame({"brand": ["x"]}, index=["a"])).items[
        "title"
    ].tolist() == [""]


def test_reviews_follow_their_events() -> None:
    events = {"user": ["y", "x", "x"], "item": list("abc"), "time": [1, 3, 2], "review": ["good", None, "bad"]}
    dataset = load(events, filters=(Latest(filter="latest", n=1),))
    assert dataset.reviews is not None
    assert histories(dataset) == {"x": ["b"], "y": ["a"]}
    assert dataset.reviews.tolist() == ["", "good"]


def test_untitled_items_can_be_dropped() -> None:
    texts = pd.DataFrame({"title": ["Ant", "", None]}, index=["a", "b", "c"])
    dataset = load({"user": ["u"] * 4, "item": list("abcd")}, texts, filters=(TitledItems(filter="titled-items"),))
    assert dataset.items["title"].tolist() == ["Ant"]


# Fingerprints

EVENTS = {
    "user": ["x", "x", "y", "y"],
    "item": ["a", "b", "b", "c"],
    "time": [1, 2, 3, 4],
    "rating": [5.0, 4.0, 3.0, 2.0],
    "review": ["p", "q", "r", "s"],
}
ITEMS = TITLES.assign(brand=["k", "l", "m"], price=[1.0, 2.0, 3.0])


def changed(**columns: list[Any]) -> str:
    return load({**EVENTS, **columns}, ITEMS).fingerprint


def test_a_fingerprint_is_known() -> None:
    """If this changes on purpose, every stored trial gets another id: raise `IDENTITY_VERSION` in plan.py."""
    assert load(EVENTS, ITEMS).fingerprint == "7aea088656b9ae19"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: changed(user=["x", "x", "z", "z"]), id="user"),
        pytest.param(lambda: changed(user=["x", "x", "x", "y"]), id="whose"),
        pytest.param(lambda: changed(item=["a", "b", "a", "c"]), id="item"),
        pytest.param(lambda: changed(time=[2, 1, 3, 4]), id="order"),
        pytest.param(lambda: changed(time=[1, 2, 3, 5]), id="time"),
        pytest.param(lambda: changed(rating=[5.0, 4.0, 3.0, 2.5]), id="rating"),
        pytest.param(lambda: changed(review=["p", "q", "r", "t"]), id="review"),
        pytest.param(lambda: load({k: v for k, v in EVENTS.items() if k != "time"}, ITEMS).fingerprint, id="no-time"),
        pytest.param(
            lambda: load({k: v for k, v in EVENTS.items() if k != "rating"}, ITEMS).fingerprint, id="no-rating"
        ),
        pytest.param(
            lambda: load({k: v for k, v in EVENTS.items() if k != "review"}, ITEMS).fingerprint, id="no-review"
        ),
        pytest.param(lambda: load(EVENTS, ITEMS.replace({"title": {"Bee": "Wasp"}})).fingerprint, id="title"),
        pytest.param(lambda: load(EVENTS, ITEMS.replace({"brand": {"k": "n"}})).fingerprint, id="brand"),
        pytest.param(lambda: load(EVENTS, ITEMS.replace({"price": {1.0: 1.5}})).fingerprint, id="price"),
        pytest.param(lambda: load(EVENTS, ITEMS.rename(columns={"brand": "maker"})).fingerprint, id="column"),
        pytest.param(lambda: load(EVENTS, ITEMS.drop(columns="brand")).fingerprint, id="no-brand"),
        pytest.param(lambda: load(EVENTS, ITEMS, item_id_order="shuffled(2)").fingerprint, id="shuffled"),
        pytest.param(lambda: load(EVENTS, ITEMS, filters=(Latest(filter="latest", n=1),)).fingerprint, id="filtered"),
    ],
)
def test_a_fingerprint_changes_with_the_content(other: Any) -> None:
    assert other() != load(EVENTS, ITEMS).fingerprint


def test_a_fingerprint_keeps_with_everything_else() -> None:
    known = load(EVENTS, ITEMS).fingerprint
    elsewhere = source(EVENTS, ITEMS).model_copy(update={"path": "there"})
    assert load_dataset("another label", elsewhere, Preparation()).fingerprint == known
    extra = pd.concat([ITEMS.iloc[::-1], pd.DataFrame({"title": ["Dog"], "brand": ["o"], "price": [4.0]}, index=["d"])])
    assert load(EVENTS, extra).fingerprint == known
    assert load({k: EVENTS[k] for k in reversed(EVENTS)}, ITEMS[["price", "brand", "title"]]).fingerprint == known
    idle = (DropDuplicates(filter="drop-duplicates"), KCore(filter="k-core", users=1, items=1))
    assert load(EVENTS, ITEMS, filters=idle).fingerprint == known


# Mistakes


def mistake(events: dict[str, Any], items: pd.DataFrame | None = None, **preparation: Any) -> str:
    with pytest.raises(BenchError) as error:
        load(events, items, **preparation)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_no_interactions() -> None:
    assert mistake({"user": [], "item": []}) == "data set 'd': the source has no interactions"


@pytest.mark.parametrize(("column", "values"), [("user", ["x", None, "y"]), ("item", ["x", np.nan, "y"])])
def test_an_interaction_without_user_or_item(column: str, values: list[Any]) -> None:
    events = {"user": ["u"] * 3, "item": ["i"] * 3, column: values}
    assert mistake(events) == f"data set 'd': interaction 2 has no {column}"


def test_texts_of_other_items() -> None:
    assert mistake({"user": ["u"], "item": [1]}, TITLES) == (
        "data set 'd': none of the 3 item texts belongs to an item with interactions "
        "(texts are for items like 'a', interactions have items like 1)"
    )


def test_filters_that_leave_nothing() -> None:
    filters = (
        DropDuplicates(filter="drop-duplicates"),
        KCore(filter="k-core", users=3),
        SampleUsers(filter="sample-users", n=10),
        Latest(filter="latest", n=3),
    )
    assert mistake(EVENTS, ITEMS, filters=filters) == (
        "data set 'd': no interaction is left after k-core users=3 items=5 mode=iterative (4 were read); "
        "relax its filters"
    )


# Real data


@pytest.mark.data
def test_slims_preparation_of_amazon_games() -> None:
    """The recipe by which the sample of 3,000 users was made, from the whole data set to its very sequences."""
    folder = DATA / "amazon-games-2018"
    if not folder.is_dir():
        pytest.skip(f"no data set at {folder}; set LLMREC_BENCH_DATA")
    table = load_catalog().datasets["sequence-table"]
    filters = (
        DropDuplicates(filter="drop-duplicates", keep="first"),
        KCore(filter="k-core", users=5, items=5),
        SampleUsers(filter="sample-users", n=3000, seed=2403),
        Latest(filter="latest", n=50),
    )
    made = load_dataset("made", table.model_validate({"path": folder}), Preparation(filters=filters))
    counts = [(step.users, step.items, step.interactions) for step in made.funnel]
    assert counts[2] == (50_546, 16_859, 452_989)
    assert counts[3][0] == 3000
    assert counts[4] == (3000, 9_684, 25_984)
    sample = load_dataset("sample", table.model_validate({"path": DATA / f"{folder.name}-sample3000"}), Preparation())
    assert made.fingerprint == sample.fingerprint
