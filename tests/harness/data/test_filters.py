"""Filters: funnels worked by hand, and every filter against a plain loop."""

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench.data.filters import (
    ActivityGroup,
    DropDuplicates,
    Events,
    Filter,
    FunnelStep,
    KCore,
    Latest,
    SampleUsers,
    TitledItems,
    apply_filters,
)

Pairs = list[tuple[int, int]]


def events(pairs: Pairs) -> Events:
    """(user, item) pairs by user, numbered by their place, which stands in every other column."""
    place = np.arange(len(pairs))
    return Events(
        users=np.array([user for user, _ in pairs], dtype=np.int32),
        items=np.array([item for _, item in pairs], dtype=np.int32),
        times=place.astype(np.int64),
        ratings=place.astype(np.float32),
        reviews=pd.Series([str(p) for p in place], dtype="str"),
        features=pd.Series([str(p) for p in place], dtype="str"),
    )


def kept(pairs: Pairs, entry: Filter, titled: Sequence[bool] = (True,) * 6) -> list[int]:
    """The places of the events that pass."""
    left, _ = apply_filters(events(pairs), [entry], np.array(titled))
    assert left.times is not None
    return left.times.tolist()


# User 0 has a b a c, user 1 a b, user 2 b c c, user 3 d, with a b c d = 0 1 2 3.
SMALL = [(0, 0), (0, 1), (0, 0), (0, 2), (1, 0), (1, 1), (2, 1), (2, 2), (2, 2), (3, 3)]

# a b / b c / c d / d d: dropping a (one event) leaves user 0 with one event, which drops b, and so on up to d.
CHAIN = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 3)]


@pytest.mark.parametrize(
    ("pairs", "entry", "places"),
    [
        pytest.param(SMALL, DropDuplicates(filter="drop-duplicates"), [0, 1, 3, 4, 5, 6, 7, 9], id="first"),
        pytest.param(SMALL, DropDuplicates(filter="drop-duplicates", keep="last"), [1, 2, 3, 4, 5, 6, 8, 9], id="last"),
        pytest.param(SMALL, KCore(filter="k-core", users=2, items=2), list(range(9)), id="core"),
        pytest.param(SMALL, KCore(filter="k-core", users=3, items=1), [0, 1, 2, 3, 6, 7, 8], id="users"),
        pytest.param(SMALL, KCore(filter="k-core", users=1, items=2), list(range(9)), id="items"),
        pytest.param(SMALL, KCore(filter="k-core"), [], id="default-is-five"),
        pytest.param(CHAIN, KCore(filter="k-core", users=2, items=2), [6, 7], id="iterative"),
        pytest.param(
            CHAIN, KCore(filter="k-core", users=2, items=2, mode="one_pass"), [1, 2, 3, 4, 5, 6, 7], id="one-pass"
        ),
        pytest.param(SMALL, Latest(filter="latest", n=2), [2, 3, 4, 5, 7, 8, 9], id="latest"),
        pytest.param(SMALL, Latest(filter="latest", n=1), [3, 5, 8, 9], id="latest-one"),
        # random.Random(1).sample(range(4), 2) is [1, 2].
        pytest.param(SMALL, SampleUsers(filter="sample-users", n=2, seed=1), [4, 5, 6, 7, 8], id="sample"),
        pytest.param(SMALL, SampleUsers(filter="sample-users", n=9), list(range(10)), id="sample-of-fewer"),
        # 1, 2, 3 and 4 events have the users 3, 1, 2 and 0.
        pytest.param(SMALL, ActivityGroup(filter="activity-group", of=4, group=1), [9], id="sparsest"),
        pytest.param(SMALL, ActivityGroup(filter="activity-group", of=4, group=4), [0, 1, 2, 3], id="densest"),
        pytest.param(SMALL, ActivityGroup(filter="activity-group", of=3, group=1), [4, 5, 9], id="larger-groups-first"),
        pytest.param(SMALL, ActivityGroup(filter="activity-group", of=3, group=2), [6, 7, 8], id="smaller-groups-last"),
        # All users of CHAIN have two events.
        pytest.param(CHAIN, ActivityGroup(filter="activity-group", of=2, group=2), [4, 5, 6, 7], id="ties-by-user"),
        pytest.param(SMALL, ActivityGroup(filter="activity-group", of=9, group=9), [], id="more-groups-than-users"),
    ],
)
def test_a_filter_by_hand(pairs: Pairs, entry: Filter, places: list[int]) -> None:
    assert kept(pairs, entry) == places


def test_a_group_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="group 6 should be from 1 to 5"):
        ActivityGroup(filter="activity-group", of=5, group=6)


@given(pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=60).map(sorted), of=st.integers(1, 12))
@settings(deadline=None)
def test_activity_groups_part_the_users(pairs: Pairs, of: int) -> None:
    groups = [kept(pairs, ActivityGroup(filter="activity-group", of=of, group=n)) for n in range(1, of + 1)]
    assert sorted(place for group in groups for place in group) == list(range(len(pairs)))
    users = [{pairs[place][0] for place in group} for group in groups]
    assert sum(map(len, users)) == len(set().union(*users))
    assert max(map(len, users)) - min(map(len, users)) <= 1
    counts = Counter(user for user, _ in pairs)
    in_order = [sorted(counts[user] for user in group) for group in users]
    assert [n for group in in_order for n in group] == sorted(counts.values())


def test_untitled_items_go() -> None:
    assert kept(SMALL, TitledItems(filter="titled-items"), (True, False, True, False)) == [0, 2, 3, 4, 7, 8]


def test_the_funnel_says_what_each_filter_left() -> None:
    filters = [
        DropDuplicates(filter="drop-duplicates"),
        KCore(filter="k-core", users=2, items=2),
        Latest(filter="latest", n=1),
        TitledItems(filter="titled-items"),
        ActivityGroup(filter="activity-group", of=1, group=1),
    ]
    left, funnel = apply_filters(events(SMALL), filters, np.array([True, True, False, True]))
    assert funnel == [
        FunnelStep("read", users=4, items=4, interactions=10),
        FunnelStep("drop-duplicates keep=first", users=4, items=4, interactions=8),
        FunnelStep("k-core users=2 items=2 mode=iterative", users=3, items=3, interactions=7),
        FunnelStep("latest n=1", users=3, items=2, interactions=3),
        FunnelStep("titled-items", users=1, items=1, interactions=1),
        FunnelStep("activity-group of=1 group=1", users=1, items=1, interactions=1),
    ]
    assert (left.users.tolist(), left.items.tolist()) == ([1], [1])


def test_every_column_is_filtered_alike() -> None:
    left, _ = apply_filters(events(SMALL), [Latest(filter="latest", n=1)], np.ones(4, dtype=bool))
    assert left.times is not None
    assert left.ratings is not None
    assert left.reviews is not None
    assert left.features is not None
    assert left.features.tolist() == left.reviews.tolist()
    assert left.times.tolist() == left.ratings.tolist() == [int(review) for review in left.reviews] == [3, 5, 8, 9]


def test_columns_that_are_not_known_stay_unknown() -> None:
    bare = Events(np.array([0, 1], dtype=np.int32), np.array([0, 0], dtype=np.int32), None, None, None)
    left, _ = apply_filters(bare, [SampleUsers(filter="sample-users", n=1)], np.ones(1, dtype=bool))
    assert (left.times, left.ratings, left.reviews) == (None, None, None)


# Against plain loops


def plain(pairs: Pairs, entry: Filter, titled: Sequence[bool]) -> list[int]:
    places = list(range(len(pairs)))
    match entry:
        case DropDuplicates():
            seen: dict[tuple[int, int], int] = {}
            for place in places if entry.keep == "first" else reversed(places):
                seen.setdefault(pairs[place], place)
            return sorted(seen.values())
        case KCore():
            while True:
                users = Counter(pairs[p][0] for p in places)
                items = Counter(pairs[p][1] for p in places)
                left = [p for p in places if users[pairs[p][0]] >= entry.users and items[pairs[p][1]] >= entry.items]
                if left == places or entry.mode == "one_pass":
                    return left
                places = left
        case TitledItems():
            return [p for p in places if titled[pairs[p][1]]]
        case Latest():
            return [p for p in places if sum(pairs[q][0] == pairs[p][0] for q in places[p:]) <= entry.n]
        case SampleUsers():
            users = sorted({user for user, _ in pairs})
            chosen = random.Random(entry.seed).sample(users, min(entry.n, len(users)))
            return [p for p in places if pairs[p][0] in chosen]
        case ActivityGroup():
            counts = Counter(user for user, _ in pairs)
            by_activity = sorted(counts, key=lambda user: (counts[user], user))
            size, larger = divmod(len(by_activity), entry.of)
            start = (entry.group - 1) * size + min(entry.group - 1, larger)
            chosen = by_activity[start : start + size + (entry.group <= larger)]
            return [p for p in places if pairs[p][0] in chosen]


FILTERS = st.one_of(
    st.builds(DropDuplicates, filter=st.just("drop-duplicates"), keep=st.sampled_from(["first", "last"])),
    st.builds(
        KCore,
        filter=st.just("k-core"),
        users=st.integers(1, 4),
        items=st.integers(1, 4),
        mode=st.sampled_from(["iterative", "one_pass"]),
    ),
    st.builds(TitledItems, filter=st.just("titled-items")),
    st.builds(Latest, filter=st.just("latest"), n=st.integers(1, 4)),
    st.builds(SampleUsers, filter=st.just("sample-users"), n=st.integers(1, 5), seed=st.integers(0, 3)),
    st.builds(ActivityGroup, filter=st.just("activity-group"), of=st.integers(3, 5), group=st.integers(1, 3)),
)


@given(
    pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40).map(
        lambda pairs: sorted(pairs, key=lambda pair: pair[0])
    ),
    chain=st.lists(FILTERS, min_size=1, max_size=3),
    titled=st.lists(st.booleans(), min_size=6, max_size=6),
)
@settings(deadline=None, max_examples=200)
def test_chains_of_filters_equal_plain_loops(pairs: Pairs, chain: list[Filter], titled: list[bool]) -> None:
    left, funnel = apply_filters(events(pairs), chain, np.array(titled))
    places = list(range(len(pairs)))
    for entry, step in zip(chain, funnel[1:], strict=True):
        places = [places[p] for p in plain([pairs[p] for p in places], entry, titled)]
        users, items = {pairs[p][0] for p in places}, {pairs[p][1] for p in places}
        assert (step.users, step.items, step.interactions) == (len(users), len(items), len(places))
    assert left.times is not None
    assert left.times.tolist() == places
