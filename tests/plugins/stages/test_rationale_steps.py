"""Three steps found in answers as language models write them, and in none at all."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmrec_bench_plugins.stages.rationale_steps import Steps, listed, parse_steps

RECORDED = """Step 1: You like stories about justice: Rosewood, A Time to Kill.
Step 2:
1. Racial justice dramas
2. Sports romance
Step 3:
1. Amistad (1997)
2. Step by Step: a Memoir (1992)"""
LISTS = ("1. Racial justice dramas\n2. Sports romance", "1. Amistad (1997)\n2. Step by Step: a Memoir (1992)")


def test_an_answer_as_asked_for():
    steps = parse_steps(RECORDED)
    assert steps == Steps("You like stories about justice: Rosewood, A Time to Kill.", *LISTS)
    assert [steps.text(step) for step in (1, 2, 3)] == [steps.preferences, steps.kinds, steps.products]
    assert steps.whole
    assert listed(steps.products) == ["Amistad (1997)", "Step by Step: a Memoir (1992)"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("", ("", "", ""), id="empty"),
        pytest.param("You like films. 1. Drama", ("", "", ""), id="no steps"),
        pytest.param("Step 1: a Step 3: c", ("a", "", "c"), id="one missing"),
        pytest.param("Step 3: c\nStep 1: a\nStep 2: b", ("a", "b", "c"), id="out of order"),
        pytest.param("Step 1: a Step 2: b Step 1: again Step 3: c", ("a", "b", "c"), id="one twice"),
        pytest.param("step 1: a STEP 2: b sTeP3 : c", ("a", "b", "c"), id="any case, any space"),
        pytest.param("Sure! Here you go.\n\nStep 1: a", ("a", "", ""), id="talk before"),
        pytest.param("**Step 1:** a\n\n**Step 2:** b\n\n**Step 3:** c", ("a", "b", "c"), id="bold with the colon"),
        pytest.param("**Step 1**: a\n\n**Step 2**: b\n\n**Step 3**: c", ("a", "b", "c"), id="bold without it"),
        pytest.param("### Step 1: a\n\n## **Step 2:**\nb\n# Step 3:\nc", ("a", "b", "c"), id="headings"),
        pytest.param("Step 1: a\nStep 2:\n* x\n* y\nStep 3:\n- z\n- w", ("a", "* x\n* y", "- z\n- w"), id="bullets"),
        pytest.param("Step 1: a Step 2: 1. x 2. y", ("a", "1. x 2. y", ""), id="all on one line"),
        pytest.param(
            "Step 1: see step 2, then step 3. Step 2: b", ("see step 2, then step 3.", "b", ""), id="in prose"
        ),
        pytest.param("Step 4: a Step 12: b Footstep 1: c", ("", "", ""), id="other numbers and words"),
        pytest.param("Step 1:Step 2:Step 3:", ("", "", ""), id="marks alone"),
        pytest.param("Step 1: I like C#\nStep 2: **b**", ("I like C#", "**b**", ""), id="marks that are no marks"),
    ],
)
def test_what_models_make_of_it(answer, expected):
    steps = parse_steps(answer)
    assert (steps.preferences, steps.kinds, steps.products) == expected


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("1. a\n2. b", ["a", "b"]),
        ("1) a \n  2) b\r\n", ["a", "b"]),
        ("* a\n- b\n• c", ["a", "b", "c"]),
        ("1.\n2. b", ["b"]),
        ("a, b and c", []),
        ("1984 and others", []),
        ("", []),
    ],
)
def test_entries_of_lists(text, entries):
    assert listed(text) == entries


@pytest.mark.parametrize("lacking", ["Step 1:", "Step 2:", "Step 3:", "1. Amistad (1997)\n2. ", "You like stories"])
def test_an_answer_that_lacks_something_is_not_whole(lacking):
    assert lacking in RECORDED
    start, end = RECORDED.split(lacking)
    assert parse_steps(start + end).whole == (lacking == "You like stories")


pieces = st.sampled_from(["Step 1:", "step 2 :", "**Step 3:**", "Step", " ", "\n", "1. ", "* ", "#", "word", ":"])


@given(st.one_of(st.text(), st.lists(pieces, max_size=30).map("".join)))
@example("Step 1" + " " * 100_000)
@example("#" * 100_000 + "\n" * 100_000 + "1.")
@example("Step 2:\n" + "1. a" + " " * 100_000 + "b")
def test_whatever_it_is_the_parts_are_pieces_of_it(answer):
    steps = parse_steps(answer)
    for text in (steps.preferences, steps.kinds, steps.products):
        assert text in answer
        assert text == text.strip()
        assert all(entry in text for entry in listed(text))
    assert isinstance(steps.whole, bool)
