"""The most typical reviews of items, worked out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from llmrec_bench_plugins.baselines import Popularity, TypicalReview


def reviewed(train, rows):
    """The training data with reviews: user, item, text."""
    table = pd.DataFrame(rows, columns=["user", "item", "text"]).astype({"user": np.int32, "item": np.int32})
    return replace(train, reviews=table.assign(feature=""))


def explained(train, make_run, items, **config):
    method = TypicalReview(TypicalReview.Config(**config))
    method.fit(train, make_run(train))
    return method.explain(np.zeros(len(items), dtype=np.int32), np.array(items, dtype=np.int32))


ROWS = [
    (0, 0, "bright and cheap"), (0, 1, "too loud"), (1, 0, "bright lamp, and cheap"), (1, 3, "..."), (2, 1, "too loud"),
    (2, 2, "arrived broken"), (2, 0, "late"),
]  # fmt: skip


def test_the_review_nearest_to_all_of_an_item(tiny, make_run):
    train = reviewed(tiny, ROWS)
    # Item 0: two reviews share words, the one with a word more is farther from the mean; item 1: equal ones; item 2:
    # the only one; item 3: no word in it; item 4: nobody reviewed it, and "too loud" was said most.
    assert explained(train, make_run, [0, 1, 2, 3, 4, 0]) == [
        "bright and cheap", "too loud", "arrived broken", "...", "too loud", "bright and cheap"
    ]  # fmt: skip


def test_reviews_may_be_cut(tiny, make_run):
    assert explained(reviewed(tiny, ROWS), make_run, [0, 3], words=2) == ["bright and", "..."]


def test_reviews_without_a_word(tiny, make_run):
    assert explained(reviewed(tiny, [(0, 0, "!"), (1, 0, "?")]), make_run, [0, 1]) == ["!", "!"]


@pytest.mark.parametrize("rows", [None, []])
def test_without_reviews_it_is_popularity_and_writes_nothing(tiny, make_queries, make_run, rows):
    train = tiny if rows is None else reviewed(tiny, rows)
    assert explained(train, make_run, [0]) is None
    method, plain = TypicalReview(TypicalReview.Config()), Popularity(Popularity.Config())
    for one in (method, plain):
        one.fit(train, make_run(train))
    asked = make_queries([[0], []])
    np.testing.assert_array_equal(method.score(asked), plain.score(asked))
