"""Item texts: clean, one row per item, always a title."""

import pandas as pd
import pytest

from llmrec_bench_plugins.datasets.item_texts import clean, item_texts, no_item_texts, with_year


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Episode I &amp; II", "Episode I & II"),
        ("Marvel&rsquo;s Spider-Man", "Marvel’s Spider-Man"),
        ("Sid&#39;s &#x41;ge", "Sid's Age"),
        ("AT&T Salt&lter", "AT&T Salt&lter"),
        ("  two\tblanks \n here ", "two blanks here"),
        ("", ""),
    ],
)
def test_entities_and_white_space(raw: str, expected: str) -> None:
    assert clean(raw) == expected


def test_the_first_row_of_an_item_counts_and_missing_texts_are_empty() -> None:
    frame = item_texts(
        pd.Series([7, 8, 7]),
        {"title": pd.Series(["a", None, "b"]), "price": pd.Series([1.5, float("nan"), 2.0])},
    )
    assert frame.index.tolist() == [7, 8]
    assert frame["title"].tolist() == ["a", ""]
    assert frame["price"].iloc[0] == 1.5


def test_there_is_always_a_title() -> None:
    assert item_texts(pd.Series([1]), {"brand": pd.Series(["x"])})["title"].tolist() == [""]
    assert no_item_texts().columns.tolist() == ["title"]
    assert len(no_item_texts()) == 0


def test_years_go_behind_titles_that_lack_them() -> None:
    titles = pd.Series(["Toy Story", "Triad (Yao a yao)", "Land (1995)", "unknown", "Later"])
    years = pd.Series(["1995", "1995", "1995", "unknown", ""])
    assert with_year(titles, years).tolist() == [
        "Toy Story (1995)",
        "Triad (Yao a yao) (1995)",
        "Land (1995)",
        "unknown",
        "Later",
    ]
