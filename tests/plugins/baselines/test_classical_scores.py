"""Scores of the classical baselines, worked out by hand on the `tiny` data: rows 012, 013, 12 and an empty one."""

import numpy as np
import pytest

from llmrec_bench_plugins.baselines import EASE, ItemKNN, Markov, Popularity, Random


def fitted(method, config, train, make_run, seed=0):
    fresh = method(method.Config(**config))
    fresh.fit(train, make_run(train, seed=seed))
    return fresh


def test_popularity_counts_users(tiny, make_queries, make_run):
    method = fitted(Popularity, {}, tiny, make_run)
    assert method.score(make_queries([[0], []])).tolist() == [[2, 3, 2, 1, 0]] * 2
    assert method.score(make_queries([[0]], [[3, 1]])).tolist() == [[1, 3]]


def test_popularity_counts_a_repeating_user_once(make_training, make_queries, make_run):
    method = fitted(Popularity, {}, make_training([[0, 0, 0], [1, 0]], n_items=2), make_run)
    assert method.score(make_queries([[]])).tolist() == [[2, 1]]


def test_random_is_a_function_of_seed_user_and_item(tiny, make_queries, make_run):
    method = fitted(Random, {}, tiny, make_run)
    full = method.score(make_queries([[0], [1]], users=[7, 9]))
    assert np.array_equal(
        method.score(make_queries([[], []], [[4, 0], [2, 2]], users=[9, 7])), [full[1, [4, 0]], full[0, [2, 2]]]
    )
    assert not np.array_equal(
        full, fitted(Random, {}, tiny, make_run, seed=1).score(make_queries([[0], [1]], users=[7, 9]))
    )


def test_random_is_uniform_and_hardly_ties(make_training, make_queries, make_run):
    method = fitted(Random, {}, make_training([[0]], n_items=20_000), make_run)
    scores = method.score(make_queries([[]] * 50))
    assert scores.min() >= 0
    assert scores.max() < 1
    counts = np.histogram(scores, bins=100, range=(0, 1))[0]
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 160  # chi-squared with 99 degrees of freedom: p about 1e-4
    assert np.corrcoef(scores)[~np.eye(50, dtype=bool)].max() < 0.04
    assert len(np.unique(scores[0])) > 19_900


ROOT = np.sqrt
KNN_FULL = [2 / ROOT(6), 2 / ROOT(6), 1 / 2 + 2 / ROOT(6), 1 / ROOT(2) + 1 / ROOT(3), 0]
KNN_NEAREST = [2 / ROOT(6), 2 / ROOT(6), 2 / ROOT(6), 1 / ROOT(2), 0]
KNN_SHRUNK = [2 / (ROOT(6) + 1), 2 / (ROOT(6) + 1), 1 / 3 + 2 / (ROOT(6) + 1), 1 / (ROOT(2) + 1) + 1 / (ROOT(3) + 1), 0]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({"neighbours": 5, "shrinkage": 0}, KNN_FULL, id="all neighbours"),
        pytest.param({"neighbours": 1, "shrinkage": 0}, KNN_NEAREST, id="only the nearest"),
        pytest.param({"neighbours": 5, "shrinkage": 1}, KNN_SHRUNK, id="shrunk by 1"),
    ],
)
def test_item_knn_sums_cosines_over_the_history(tiny, make_queries, make_run, config, expected):
    # Users in common: 01 two, 02 one, 03 one, 12 two, 13 one; users: 2, 3, 2, 1, 0.
    method = fitted(ItemKNN, config, tiny, make_run)
    assert method.score(make_queries([[0, 1]]))[0] == pytest.approx(expected, abs=1e-6)
    assert method.score(make_queries([[1, 0, 1]]))[0] == pytest.approx(expected, abs=1e-6)


def test_item_knn_block_by_block_equals_the_dense_definition(make_training, make_queries, make_run):
    rng = np.random.default_rng(5)
    n_items = 1200  # more than two blocks of items
    rows = [list(rng.choice(n_items, 12, replace=False)) for _ in range(400)]
    method = fitted(ItemKNN, {"neighbours": 7, "shrinkage": 2}, make_training(rows, n_items), make_run)
    users = np.zeros((400, n_items))
    for user, row in enumerate(rows):
        users[user, row] = 1
    common = users.T @ users
    norms = ROOT(np.diag(common))
    cosine = common / (np.outer(norms, norms) + 2)
    np.fill_diagonal(cosine, 0)
    order = np.argsort(-cosine.astype(np.float32), axis=0, kind="stable")
    kept = np.zeros_like(cosine)
    np.put_along_axis(kept, order[:7], np.take_along_axis(cosine, order[:7], axis=0), axis=0)
    assert np.allclose(method.score(make_queries(rows[:20])), users[:20] @ kept, atol=1e-6)


@pytest.mark.parametrize(
    ("smoothing", "history", "expected"),
    [
        pytest.param(1, [0, 1], [0.25 / 4, 0.375 / 4, 2.25 / 4, 1.125 / 4, 0], id="followers of 1, popularity behind"),
        pytest.param(0, [0, 1], [0, 0, 2 / 3, 1 / 3, 0], id="unsmoothed"),
        pytest.param(1, [2], [0.25, 0.375, 0.25, 0.125, 0], id="nothing follows 2"),
        pytest.param(0, [2], [0, 0, 0, 0, 0], id="nothing follows 2, unsmoothed"),
        pytest.param(2, [], [0.25, 0.375, 0.25, 0.125, 0], id="empty history is popularity"),
        pytest.param(0, [], [np.nan] * 5, id="empty history, unsmoothed"),
    ],
)
def test_markov_counts_what_followed_the_last_item(tiny, make_queries, make_run, smoothing, history, expected):
    method = fitted(Markov, {"smoothing": smoothing}, tiny, make_run)
    assert method.score(make_queries([history]))[0] == pytest.approx(expected, abs=1e-7, nan_ok=True)


def test_ease_equals_its_closed_form(tiny, make_queries, make_run):
    X = np.array([[1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]], dtype=float)
    P = np.linalg.inv(X.T @ X + 3 * np.eye(5))
    B = np.eye(5) - P / np.diag(P)
    method = fitted(EASE, {"regularisation": 3}, tiny, make_run)
    assert np.allclose(method.score(make_queries([[0, 1], [3], [4]])), one_hot([[0, 1], [3], [4]]) @ B, atol=1e-6)


def test_ease_columns_are_ridge_regressions_on_the_other_items(make_training, make_queries, make_run):
    rng = np.random.default_rng(3)
    X = (rng.random((30, 6)) < 0.4).astype(float)
    rows = [list(np.flatnonzero(row)) for row in X]
    method = fitted(EASE, {"regularisation": 0.7}, make_training(rows, 6), make_run)
    weights = method.score(make_queries([[item] for item in range(6)]))
    for item in range(6):
        others = np.delete(X, item, axis=1)
        ridge = np.linalg.solve(others.T @ others + 0.7 * np.eye(5), others.T @ X[:, item])
        assert np.delete(weights[:, item], item) == pytest.approx(ridge, abs=1e-5)
        assert weights[item, item] == 0


def one_hot(rows):
    matrix = np.zeros((len(rows), 5))
    for number, row in enumerate(rows):
        matrix[number, row] = 1
    return matrix
