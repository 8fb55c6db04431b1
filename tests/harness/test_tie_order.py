"""The order among equal scores is random, complete, and depends on nothing but seed, user and item."""

import numpy as np

from llmrec_bench.tie_order import TieOrder

USERS = np.arange(400, dtype=np.int32)
ITEMS = np.arange(50, dtype=np.int32)


def keys(seed: int, users: np.ndarray = USERS, items: np.ndarray = ITEMS) -> np.ndarray:
    return TieOrder(seed, users).keys(np.arange(len(users))[:, None], items)


def test_no_two_items_of_a_user_share_a_key() -> None:
    many = keys(3, USERS[:3], np.arange(100_000))
    assert all(len(np.unique(row)) == 100_000 for row in many)


def test_an_order_does_not_depend_on_who_else_is_asked() -> None:
    some = np.array([7, 300, 2], dtype=np.int32)
    assert np.array_equal(keys(1, some, ITEMS[::-1]), keys(1)[some][:, ::-1])


def test_every_item_is_first_about_equally_often() -> None:
    for seed in range(3):
        users = np.arange(20_000, dtype=np.int32)
        first = np.bincount(keys(seed, users).argmin(axis=1), minlength=50)
        assert np.all(np.abs(first - 400) < 6 * np.sqrt(400))


def test_seeds_and_users_have_orders_of_their_own() -> None:
    places = np.concatenate([keys(seed).argsort(axis=1).argsort(axis=1) for seed in range(3)])
    correlations = np.corrcoef(places)[np.triu_indices(len(places), 1)]
    # Two random orders of 50 items correlate by 0 with a deviation of 1 / sqrt(49).
    assert abs(correlations.mean()) < 0.01
    assert abs(correlations.std() * 7 - 1) < 0.05
    assert correlations.max() < 0.9
