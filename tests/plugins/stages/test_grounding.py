"""Shares of words that a review bears out."""

import pytest

from llmrec_bench_plugins.stages.grounding import content_words, grounding, grounding_table

REVIEW = "Great nylon strings, they sound warm & do not break. 5 stars!"


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("The user prefers warm nylon strings.", 1.0),
        ("The user prefers warm steel strings.", 2 / 3),
        ("The item's attributes are WARM, Nylon.", 1.0),
        ("The user prefers steel over bronze.", 0.0),
        ("The string is warm", 1 / 2),  # words are not cut to stems
        ("The user prefers it.", None),
        ("", None),
    ],
)
def test_the_share_of_content_words_in_the_review(text: str, share: float | None) -> None:
    assert grounding(text, REVIEW) == (None if share is None else pytest.approx(share))


def test_words_of_every_script() -> None:
    assert content_words("Струны ЗВУЧАТ тепло") == {"струны", "звучат", "тепло"}
    assert content_words("तार अच्छे हैं") == {"तार", "अच्छे", "हैं"}
    assert content_words("柔软的琴弦") == {"柔", "软", "的", "琴", "弦"}
    assert content_words("Straße, STRASSE") == {"strasse"}
    assert content_words("Gitarre für Anfänger") == {"gitarre", "für", "anfänger"}
    assert grounding("琴弦很软", "这个琴弦柔软") == pytest.approx(3 / 4)
    assert grounding("Струны тёплые", "мягкие струны") == pytest.approx(1 / 2)


def test_ascii_and_other_text_are_read_alike() -> None:
    assert content_words(REVIEW) == content_words(f"{REVIEW} …") == {
        "great", "nylon", "strings", "sound", "warm", "break", "stars"
    }  # fmt: skip


def test_a_table_by_length() -> None:
    table = grounding_table([10, 11, 30, 101, 5, 7], [1.0, 0.5, 0.0, 0.25, None, 0.5])
    assert table.to_dict("list") == {
        "review_words": ["up to 10", "11 to 30", "over 100", "all"],
        "rationales": [2, 2, 1, 5],
        "grounding": [0.75, 0.25, 0.25, 0.45],
    }
    assert grounding_table([3], [None]).empty
