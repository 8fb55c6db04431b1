"""Which items a text about a user may be made from, for each cut-off."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmrec_bench_plugins.stages.user_histories import SERVED, user_histories


@pytest.fixture
def shoppers(make_training):
    """Three users with a validation target: of four items, of one, and of none in training; one without."""
    return make_training([[4, 5, 6, 7], [2], [], [8, 9]], n_items=10, targets=[1, 3, 5])


def told(train, cutoff, longest=20):
    return [(h.user, h.serves, h.items) for h in user_histories(train, cutoff, longest)]


def test_earliest_worked_by_hand(shoppers):
    assert told(shoppers, "earliest") == [(0, SERVED, (4, 5, 6)), (3, SERVED, (8,))]


def test_per_split_worked_by_hand(shoppers):
    assert told(shoppers, "per_split") == [
        (0, ("train",), (4, 5, 6)),
        (0, ("validation",), (4, 5, 6, 7)),
        (0, ("test",), (4, 5, 6, 7, 1)),
        (1, ("validation",), (2,)),
        (1, ("test",), (2, 3)),
        (2, ("test",), (5,)),
        (3, ("train",), (8,)),
        (3, ("validation",), (8, 9)),
        (3, ("test",), (8, 9)),
    ]


def test_single_train_worked_by_hand(shoppers):
    assert told(shoppers, "single_train") == [(0, SERVED, (4, 5, 6, 7)), (1, SERVED, (2,)), (3, SERVED, (8, 9))]


def test_first_half_worked_by_hand(shoppers, make_training):
    validation_and_test = SERVED[1:]
    halves = [(0, SERVED, (4, 5)), (1, validation_and_test, (2,)), (3, SERVED, (8,))]
    assert told(shoppers, "first_half") == halves
    assert told(shoppers, "first_half", 1)[0] == (0, SERVED, (4,))
    odd = make_training([[4, 5, 6, 7, 8]], n_items=10)
    assert told(odd, "first_half") == [(0, SERVED, (4, 5, 6))]


def test_the_latest_are_kept(shoppers):
    assert told(shoppers, "earliest", 2) == [(0, SERVED, (5, 6)), (3, SERVED, (8,))]
    assert [items for user, _, items in told(shoppers, "per_split", 1) if user == 0] == [(6,), (7,), (1,)]


def test_several_validation_items_belong_to_the_test_s_history(make_training, make_sequences):
    plain = make_training([[0, 1]], n_items=5, targets=[2])
    train = type(plain)(plain.sequences, plain.items, plain.validation, make_sequences([[2, 3]]), "several")
    assert told(train, "per_split")[-1] == (0, ("test",), (0, 1, 2, 3))


N_ITEMS = 30
users = st.lists(
    st.lists(st.integers(0, N_ITEMS - 1), unique=True, max_size=12).map(
        # Training, validation target and test target; without the last two where there are too few.
        lambda items: (items[:-2], *items[-2:]) if len(items) > 2 else (items, None, None)
    ),
    min_size=1,
    max_size=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # `make_training` is a plain function
@given(users, st.integers(1, 15), st.sampled_from(["earliest", "per_split", "single_train", "first_half"]))
def test_no_text_was_made_from_what_it_is_to_find(make_training, drawn, longest, cutoff):
    drawn.sort(key=lambda user: user[1] is None)  # those with a validation target first, as `make_training` wants it
    rows = [row for row, _, _ in drawn]
    train = make_training(rows, N_ITEMS, targets=[target for _, target, _ in drawn if target is not None])
    served = set()
    for history in user_histories(train, cutoff, longest):
        row, validation, test = drawn[history.user]
        whole = [*row, validation, test]
        places = [whole.index(item) for item in history.items]
        assert 0 < len(places) <= longest
        assert places == list(range(places[0], places[-1] + 1))  # what stood there, in order, without a gap
        targets = {"train": len(row) - 1, "validation": len(row), "test": len(row) + 1}
        if cutoff == "single_train":
            assert places[-1] == len(row) - 1
        else:
            assert all(places[-1] < targets[moment] for moment in history.serves)
        if cutoff == "per_split" and validation is not None:
            assert places[-1] == targets[history.serves[0]] - 1
        for moment in history.serves:
            assert (history.user, moment) not in served
            served.add((history.user, moment))
    wanted = {user for user, (row, _, _) in enumerate(drawn) if len(row) > (0 if cutoff == "single_train" else 1)}
    assert wanted <= {user for user, _ in served}
