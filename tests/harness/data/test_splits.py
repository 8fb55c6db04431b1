"""Every event lands in exactly one part, and no history reaches past its cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.splits import GlobalTime, LeaveOneOut, Ratio, Split, split
from llmrec_bench.errors import BenchError


def make(rows: list[list[int]], times: list[list[int]] | None = None) -> Sequences:
    return Sequences(
        offsets=np.cumsum([0, *map(len, rows)]),
        items=np.array([item for row in rows for item in row], dtype=np.int32),
        times=None if times is None else np.array([time for row in times for time in row], dtype=np.int64),
    )


def lists(sequences: Sequences) -> list[list[int]]:
    return [sequences[row].tolist() for row in range(len(sequences))]


def test_leave_one_out_holds_out_the_last_two_events() -> None:
    parts = split(make([[1, 2, 3, 4], [5, 6], [7, 8, 9], []]), LeaveOneOut())
    assert lists(parts.train) == [[1, 2], [5, 6], [7], []]
    assert parts.validation.users.tolist() == [0, 2]
    assert lists(parts.validation.histories) == [[1, 2], [7]]
    assert lists(parts.validation_targets) == [[3], [8]]
    assert parts.test.users.tolist() == [0, 2]
    assert lists(parts.test.histories) == [[1, 2, 3], [7, 8]]
    assert lists(parts.test_targets) == [[4], [9]]


def test_a_cut_by_position_is_the_time_of_the_latest_known_event() -> None:
    parts = split(make([[1, 2, 3, 4]], [[10, 20, 30, 40]]), LeaveOneOut())
    assert parts.validation.cut_times is not None
    assert parts.validation.cut_times.tolist() == [20]
    assert parts.test.cut_times is not None
    assert parts.test.cut_times.tolist() == [30]


def test_without_times_there_is_no_cut_time() -> None:
    assert split(make([[1, 2, 3]]), LeaveOneOut()).test.cut_times is None


@pytest.mark.parametrize(
    ("length", "shares", "expected"),
    [
        pytest.param(2, (0.8, 0.1, 0.1), (2, 0, 0), id="too few events are for training"),
        pytest.param(3, (0.8, 0.1, 0.1), (1, 1, 1), id="at least one of each"),
        pytest.param(10, (0.8, 0.1, 0.1), (8, 1, 1), id="as asked"),
        pytest.param(19, (0.8, 0.1, 0.1), (17, 1, 1), id="rounded down, the rest is for training"),
        pytest.param(100, (0.42, 0.29, 0.29), (42, 29, 29), id="a share that floats fall short of"),
        pytest.param(10, (0.05, 0.9, 0.05), (1, 8, 1), id="training keeps one event"),
        pytest.param(2, (0.5, 0.0, 0.5), (1, 0, 1), id="no validation, two events are enough"),
        pytest.param(10, (0.05, 0.0, 0.95), (1, 0, 9), id="no validation, mostly test"),
    ],
)
def test_ratio_counts(length: int, shares: tuple[float, float, float], expected: tuple[int, int, int]) -> None:
    rule = Ratio(train=shares[0], validation=shares[1], test=shares[2])
    # A second user keeps the split from being refused where the first has no test event.
    parts = split(make([list(range(length)), list(range(100))]), rule)
    assert (
        len(parts.train[0]),
        sum(len(parts.validation_targets[r]) for r in np.flatnonzero(parts.validation.users == 0)),
        sum(len(parts.test_targets[r]) for r in np.flatnonzero(parts.test.users == 0)),
    ) == expected


def test_global_time_cuts_all_users_at_one_moment() -> None:
    sequences = make([[1, 2, 3], [4, 5], [6], [7]], [[1, 5, 9], [2, 4], [9], [6]])
    parts = split(sequences, GlobalTime(validation_from=5, test_from=9))
    assert lists(parts.train) == [[1], [4, 5], [], []]
    assert parts.validation.users.tolist() == [0, 3]
    assert lists(parts.validation.histories) == [[1], []]
    assert lists(parts.validation_targets) == [[2], [7]]
    assert parts.test.users.tolist() == [0, 2]
    assert lists(parts.test.histories) == [[1, 2], []]
    assert lists(parts.test_targets) == [[3], [6]]
    assert parts.test.cut_times is not None
    assert parts.test.cut_times.tolist() == [8, 8]


def test_global_time_by_shares_keeps_a_second_together() -> None:
    sequences = make([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]], [[0, 1, 2, 3, 4], [5, 7, 7, 7, 8]])
    parts = split(sequences, GlobalTime(train=0.6, validation=0.2, test=0.2))
    # 60 % of 10 events end before the first 7, 80 % inside the group of 7s, which the test gets as a whole.
    assert lists(parts.train) == [[0, 1, 2, 3, 4], [5]]
    assert lists(parts.validation_targets) == []
    assert lists(parts.test_targets) == [[6, 7, 8, 9]]


@pytest.mark.parametrize(
    ("sequences", "rule", "message"),
    [
        pytest.param(make([[1], [2]]), LeaveOneOut(), "no test event of 2 by 2 users", id="one-item users"),
        pytest.param(make([]), LeaveOneOut(), "no event to split", id="no users"),
        pytest.param(make([[], []], [[], []]), GlobalTime(), "no event to split", id="no events"),
        pytest.param(make([[1, 2, 3]]), GlobalTime(), "needs a data set with times", id="no times"),
        pytest.param(make([[1, 2]], [[5, 5]]), GlobalTime(), "no training event", id="all at one second"),
        pytest.param(
            make([[1, 2]], [[5, 6]]), GlobalTime(validation_from=6, test_from=9), "no test event", id="late cut"
        ),
    ],
)
def test_what_cannot_be_split_is_refused(sequences: Sequences, rule: LeaveOneOut | GlobalTime, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        split(sequences, rule)


RULES = st.sampled_from(
    [
        LeaveOneOut(),
        Ratio(),
        Ratio(train=0.5, validation=0.25, test=0.25),
        Ratio(train=0.3, validation=0.0, test=0.7),
        GlobalTime(),
        GlobalTime(train=0.4, validation=0.3, test=0.3),
    ]
)


@given(lengths=st.lists(st.integers(0, 12), min_size=1, max_size=8), rule=RULES, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=150)
def test_every_event_is_in_one_part_and_targets_come_after_their_history(
    lengths: list[int], rule: LeaveOneOut | Ratio | GlobalTime, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # Item codes are the positions of events, so that an event can be told from any other.
    offsets = np.cumsum([0, *lengths])
    times = np.concatenate([np.sort(rng.integers(0, 20, size=n)) for n in lengths]).astype(np.int64)
    sequences = Sequences(offsets, np.arange(offsets[-1], dtype=np.int32), times)
    try:
        parts = split(sequences, rule)
    except BenchError:
        return
    check_parts(sequences, parts)


def check_parts(sequences: Sequences, parts: Split) -> None:
    for user in range(len(sequences)):
        known = parts.train[user].tolist()
        for queries, targets in ((parts.validation, parts.validation_targets), (parts.test, parts.test_targets)):
            assert len(queries) == len(targets)
            assert len(np.unique(queries.users)) == len(queries)
            for row in np.flatnonzero(queries.users == user):
                assert queries.histories[row].tolist() == known
                assert queries.cut_times is not None
                assert sequences.times is not None
                assert all(sequences.times[known] <= queries.cut_times[row])
                known += targets[row].tolist()
        assert known == sequences[user].tolist()
    assert all(parts.test_targets.lengths > 0)
    assert all(parts.validation_targets.lengths > 0)
