"""Reading two sentences out of answers of many forms."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrec_bench_plugins.stages.rationale_pair import RationalePair, parse_rationale

USER, ITEM = "The user prefers soft strings.", "The item's attributes are nylon and low tension."
BOTH = RationalePair(USER, ITEM)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(f"Sure, here are the two sentences:\n1. {USER}\n2. {ITEM}", id="as asked for"),
        pytest.param(f"1. {USER}\n2. {ITEM}", id="without an opening"),
        pytest.param(f"1. {USER} 2. {ITEM}", id="on one line"),
        pytest.param(f"Here you go: 1) {USER} 2) {ITEM}", id="brackets on one line"),
        pytest.param(f"(1) {USER}\n\n(2) {ITEM}\n\nI hope this helps!", id="with an ending"),
        pytest.param(f"Of course!\n\n1. {USER}\n\n2. {ITEM}", id="blank lines"),
        pytest.param(f"- {USER}\n- {ITEM}", id="dashes"),
        pytest.param(f"* **Preference:** {USER}\n* **Attributes:** {ITEM}", id="labels in bold"),
        pytest.param(f"User preference: {USER}\nItem attributes: {ITEM}", id="labels"),
        pytest.param(f"{USER}\n{ITEM}", id="plain lines"),
        pytest.param(f"{USER} {ITEM}", id="running text"),
        pytest.param(f"Okay, here are two short sentences: {USER} {ITEM}", id="an opening in running text"),
        pytest.param(f"I'd be happy to help!\n\n{USER}\n{ITEM}", id="politeness"),
        pytest.param(f"```\n1. {USER}\n2. {ITEM}\n```", id="fenced"),
        pytest.param(json.dumps({"preference": USER, "attributes": ITEM}), id="an object"),
        pytest.param(f"```json\n{json.dumps({'1': USER, '2': ITEM}, indent=1)}\n```", id="a fenced object"),
        pytest.param(f'{{"answer": "Of course: {USER} {ITEM}', id="half an object"),
        pytest.param(f"1. The user\nprefers soft strings.\n2. {ITEM}", id="a broken line"),
    ],
)
def test_both_sentences(answer: str) -> None:
    assert parse_rationale(answer) == BOTH


@pytest.mark.parametrize(
    ("answer", "pair"),
    [
        (USER, RationalePair(preference=USER)),
        (ITEM, RationalePair(attribute=ITEM)),
        (f"1. {USER}\n2.", RationalePair(preference=USER)),
        (f"1. N/A\n2. {ITEM}", RationalePair(attribute=ITEM)),
        (f"1. {USER}\n2. The item's attributes are xxx .", RationalePair(preference=USER)),
        ("1. The user prefers xxx .\n2. The item's attributes are xxx .", RationalePair()),
        ("", RationalePair()),
        (" \n\n ", RationalePair()),
        ("I'm sorry, but I cannot help with that. It is an item.", RationalePair()),
        ("I cannot explain this.", RationalePair()),
    ],
)
def test_one_sentence_or_none(answer: str, pair: RationalePair) -> None:
    assert parse_rationale(answer) == pair
    assert (pair.whole, pair.empty) == (False, pair == RationalePair())


def test_a_preference_of_two_sentences_goes_up_to_the_item() -> None:
    told = "They play at home. They want a quiet sound. The product is small and cheap. It ships fast."
    assert parse_rationale(told) == RationalePair(
        "They play at home. They want a quiet sound.", "The product is small and cheap."
    )


def test_an_opening_ends_at_its_first_colon() -> None:
    told = f"Here are two sentences: The user prefers these: soft strings. {ITEM}"
    assert parse_rationale(told) == RationalePair("The user prefers these: soft strings.", ITEM)


def test_a_full_stop_within_a_sentence_ends_none() -> None:
    told = "The user prefers gear by Dr. Strings, e.g. the 2.5 mm set. The item is sturdy."
    assert parse_rationale(told) == RationalePair(
        "The user prefers gear by Dr. Strings, e.g. the 2.5 mm set.", "The item is sturdy."
    )


def test_other_scripts() -> None:
    assert parse_rationale("用户喜欢柔软的琴弦。该商品是尼龙的。") == RationalePair(
        "用户喜欢柔软的琴弦。", "该商品是尼龙的。"
    )
    assert parse_rationale("1. Покупатель любит тишину.\n2. Струны нейлоновые.") == RationalePair(
        "Покупатель любит тишину.", "Струны нейлоновые."
    )


def test_as_released_the_second_and_third_line_lose_three_characters_whatever_they_are() -> None:
    assert parse_rationale(f"Sure:\n1. {USER}\n2. {ITEM}", "released") == BOTH
    assert parse_rationale(f"1. {USER}\n2. {ITEM}", "released") == RationalePair()
    assert parse_rationale(f"Sure:\n\n1. {USER}\n2. {ITEM}", "released") == RationalePair("", USER)
    assert parse_rationale(f"Sure:\n{USER}\n{ITEM}", "released") == RationalePair(USER[3:].strip(), ITEM[3:].strip())


@given(st.text(max_size=200))
def test_whatever_an_answer_is_its_parts_are_lines_of_it(answer: str) -> None:
    pair = parse_rationale(answer)
    for part in (pair.preference, pair.attribute):
        assert "\n" not in part
        assert len(part) <= len(answer)
