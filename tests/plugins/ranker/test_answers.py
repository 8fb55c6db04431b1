"""Answers as language models give them: every form is read, and what is wrong with it has a name."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrec_bench_plugins.ranker.answers import read_ranking

FILMS = (
    "Toy Story (1995)",  # 0
    "Usual Suspects, The (1995)",  # 1
    "12 Angry Men (1957)",  # 2
    'Dumb "and" Dumber (1994)',  # 3
    "2001: A Space Odyssey (1968)",  # 4
    "Schindler's List (1993)",  # 5
)
BEST = (4, 0, 5, 1, 3, 2)
TITLES = [FILMS[place] for place in BEST]
NUMBERS = [place + 1 for place in BEST]
LINES = "\n".join(f"{i}. {title}" for i, title in enumerate(TITLES, start=1))


def titles(text, shown=FILMS, cut=False):
    return read_ranking(text, shown, "titles", cut)


def numbers(text, shown=FILMS, cut=False):
    return read_ranking(text, shown, "numbers", cut)


@pytest.mark.parametrize("text", [LINES, LINES.replace(". ", ") ", 6), "\n".join(TITLES), f"\n{LINES}\n\n"])
def test_titles_in_the_form_asked_for_are_valid(text):
    assert titles(text) == titles(LINES)
    assert (titles(text).order, titles(text).outcome) == (BEST, "valid")


@pytest.mark.parametrize("text", ["5, 1, 6, 2, 4, 3", "5 1 6 2 4 3", "5\n1\n6\n2\n4\n3", "5,1,6,2,4,3."])
def test_numbers_in_the_form_asked_for_are_valid(text):
    assert (numbers(text).order, numbers(text).outcome) == (BEST, "valid")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\n".join(f"- {title}" for title in TITLES), id="bullets"),
        pytest.param("\n".join(f"* **{title}**" for title in TITLES), id="bold bullets"),
        pytest.param("\n".join(f'{i}. "{title}"' for i, title in enumerate(TITLES, 1)), id="quotes"),
        pytest.param("\n".join(f"{i}) {title.upper()}" for i, title in enumerate(TITLES, 1)), id="capitals"),
        pytest.param("\n".join(f"{i}. {title} - as you like it" for i, title in enumerate(TITLES, 1)), id="reasons"),
        pytest.param("\n".join(f"{i}. {title}: a classic, 10 of 10" for i, title in enumerate(TITLES, 1)), id="colons"),
        pytest.param(f"Here is my ranking:\n\n{LINES}\n\nEnjoy these 6 films!", id="prose around"),
        pytest.param(
            "\n".join(f"{i}. [{n}] {t}" for i, (n, t) in enumerate(zip(NUMBERS, TITLES, strict=True), 1)), id="both"
        ),
        pytest.param("\n".join(f"[{n}] {t}" for n, t in zip(NUMBERS, TITLES, strict=True)), id="as in the prompt"),
        pytest.param("; ".join(TITLES), id="semicolons"),
        pytest.param(" > ".join(TITLES), id="arrows"),
        pytest.param(LINES.replace("\n", " "), id="numbered on one line"),
        pytest.param(json.dumps(TITLES), id="JSON list"),
        pytest.param(f"```json\n{json.dumps({'ranking': TITLES}, indent=1)}\n```", id="JSON in a fence"),
        pytest.param(json.dumps({str(i): title for i, title in enumerate(TITLES, 1)}), id="JSON by place"),
        pytest.param(json.dumps({title: i for i, title in enumerate(TITLES, 1)}), id="JSON by title"),
        pytest.param(json.dumps([{"rank": i, "title": t} for i, t in enumerate(TITLES, 1)]), id="JSON objects"),
        pytest.param(LINES.replace("Odyssey", "Odissey").replace("Suspects", "Suspect"), id="misspelt"),
        pytest.param(LINES.replace("Schindler's", "Schindler’s").replace('"and"', "and"), id="other quotes"),
        pytest.param("5, 1, 6, 2, 4, 3", id="numbers instead"),
    ],
)
def test_titles_in_other_forms_are_repaired(text):
    assert (titles(text).order, titles(text).outcome) == (BEST, "repaired")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[5, 1, 6, 2, 4, 3]", id="JSON"),
        pytest.param('{"ranking": [5, 1, 6, 2, 4, 3]}', id="JSON object"),
        pytest.param("My ranking: 5, 1, 6, 2, 4, 3", id="behind a colon"),
        pytest.param("Sure, here are the 6 films.\n5, 1, 6, 2, 4, 3\nEnjoy!", id="prose around"),
        pytest.param("[5], [1], [6], [2], [4], [3]", id="brackets"),
        pytest.param("5 > 1 > 6 > 2 > 4 > 3", id="arrows"),
        pytest.param("\n".join(f"{i}. {n}" for i, n in enumerate(NUMBERS, 1)), id="numbered"),
        pytest.param("\n".join(f"- {n}" for n in NUMBERS), id="bullets"),
        pytest.param("\n".join(f"[{n}] {t}" for n, t in zip(NUMBERS, TITLES, strict=True)), id="with titles"),
        pytest.param(
            "\n".join(f"[{n}] {t.split(' (')[0]}" for n, t in zip(NUMBERS, TITLES, strict=True)), id="no years"
        ),
        pytest.param(LINES, id="titles instead"),
    ],
)
def test_numbers_in_other_forms_are_repaired(text):
    assert (numbers(text).order, numbers(text).outcome) == (BEST, "repaired")


@pytest.mark.parametrize(
    ("text", "order", "outcome"),
    [
        ("5, 1, 5, 2", (4, 0, 1), "duplicate"),
        ("5, 1, 9, 2, 4, 3", (4, 0, 1, 3, 2), "off-list"),
        ("5, 1, 0, 2", (4, 0, 1), "off-list"),
        ("9, 9, 8", (), "off-list"),
        ("5, 1", (4, 0), "short"),
        ("", (), "empty"),
        ("  \n ", (), "empty"),
        ("I would rather not say.", (), "empty"),
        ('{"answer": "I would rather talk about these than number them', (), "empty"),
        ("I recommend that you watch all of these 6 films.", (), "empty"),
    ],
)
def test_faults_of_numbers_have_names(text, order, outcome):
    assert (numbers(text).order, numbers(text).outcome) == (order, outcome)


@pytest.mark.parametrize(
    ("text", "order", "outcome"),
    [
        (f"1. {FILMS[3]}\n2. {FILMS[3]}\n3. {FILMS[0]}", (3, 0), "duplicate"),
        (f"1. {FILMS[3]}\n2. Gone with the Wind (1939)\n3. {FILMS[0]}", (3, 0), "off-list"),
        (f"{FILMS[3]}\nGone with the Wind (1939)\n{FILMS[0]}", (3, 0), "off-list"),
        (f"1. {FILMS[3]}\n2. {FILMS[0]}", (3, 0), "short"),
        ("1. Casablanca (1942)", (), "off-list"),
        (json.dumps(["Casablanca (1942)", FILMS[0]]), (0,), "off-list"),
        ("I'm sorry, but I can't help with that request.", (), "empty"),
    ],
)
def test_faults_of_titles_have_names(text, order, outcome):
    assert (titles(text).order, titles(text).outcome) == (order, outcome)


@pytest.mark.parametrize("text", ["1. The", "1. Story", "- List", "1. Men\n2. A", "1. 1995", "1. Toy", "Suspects"])
def test_a_short_line_is_no_part_of_a_title(text):
    assert titles(text).order == ()


def test_numerals_tell_sequels_apart():
    shown = ("Rocky III (1982)", "Rocky IV (1985)", "Toy Story 2 (1999)", "Alien (1979)")
    assert titles("1. Rocky II (1982)\n2. Toy Story 3 (1999)\n3. Rocky IV (1986)", shown).order == ()
    assert titles("1. Rockey III (1982)\n2. Toy Storey 2 (1999)", shown).order == (0, 2)


def test_what_is_alike_to_two_candidates_is_neither():
    assert titles("1. Batman Return", ("Batman Returna", "Batman Returnb")).order == ()


def test_equal_titles_are_told_apart_by_number_alone():
    shown = ("Twins", "Other", "Twins")
    assert numbers("3, 2, 1", shown).order == (2, 1, 0)
    assert titles("Twins\nOther", shown).order == (1,)


def test_titles_that_look_like_numbers():
    shown = ("1984", "7", "12 Monkeys", "3. Liga")
    assert titles("1. 7\n2. 3. Liga\n3. 12 Monkeys\n4. 1984", shown).order == (1, 3, 2, 0)
    assert titles("7\n3. Liga\n12 Monkeys\n1984", shown).order == (1, 3, 2, 0)
    assert numbers("4, 3, 2, 1", shown).order == (3, 2, 1, 0)


@pytest.mark.parametrize(
    ("text", "read", "order"),
    [
        ("5, 1, 6, 2, 1", numbers, (4, 0, 5, 1)),  # it may have been going to say 12
        ("5\n1\n6\n2", numbers, (4, 0, 5)),
        ("5", numbers, ()),
        (LINES[: LINES.index("Schindler") + 5], titles, (4, 0)),
        ('["Toy Story (1995)",\n "12 Angry Men (1957)",\n "Schind', titles, (0, 2)),
    ],
)
def test_the_last_entry_of_an_answer_that_was_cut_does_not_count(text, read, order):
    assert read(text, cut=True).order == order
    assert read(text, cut=True).outcome == ("short" if order else "empty")


@pytest.mark.parametrize(
    "text", ["9" * 6000, f"1, {'1' * 6000}", "[" * 100_000, f'{{"{"7" * 6000}": 1}}', f"[{'1' * 6000}]"]
)
def test_a_model_that_does_not_stop_does_no_harm(text):
    assert numbers(text).outcome in ("off-list", "empty")
    assert titles(text).outcome in ("off-list", "empty")


def test_brackets_in_prose_are_no_list():
    assert numbers("Here are all [6] films:\n5, 1, 6, 2, 4, 3").order == BEST
    assert titles(f"Of the 6 films [2] is best.\n{LINES}").order == BEST
    assert numbers("My ranking: [5, 1, 6, 2, 4, 3]\nEnjoy!").order == BEST


def test_json_that_was_cut_by_nobody_knows_whom():
    assert titles('["Toy Story (1995)", "12 Angry Men (1957)", "Schind').order == (0, 2)


@given(st.permutations(range(6)), st.randoms(use_true_random=False))
def test_every_order_is_read_back_in_every_form(order, chance: random.Random):
    listed = [FILMS[place] for place in order]
    forms = [
        "\n".join(f"{i}. {title}" for i, title in enumerate(listed, 1)),
        "\n".join(f"• {title}" for title in listed),
        json.dumps(listed),
        "Ranking:\n" + "\n".join(f'{i}) "{title}" – fits' for i, title in enumerate(listed, 1)),
    ]
    assert titles(chance.choice(forms)).order == tuple(order)
    assert numbers(", ".join(str(place + 1) for place in order)).order == tuple(order)


@given(st.text(), st.booleans())
def test_whatever_is_said_names_each_candidate_once_at_most(text, cut):
    for reading in (titles(text, cut=cut), numbers(text, cut=cut)):
        assert len(set(reading.order)) == len(reading.order)
        assert set(reading.order) <= set(range(6))
        assert (reading.outcome in ("valid", "repaired")) <= (len(reading.order) == 6)
        assert (reading.outcome == "empty") <= (not reading.order)


@pytest.mark.parametrize("answer", ["numbers", "titles"])
@pytest.mark.parametrize(
    ("endless", "outcome"), [("well, ", "empty"), ("1, ", "duplicate"), ("(well - ", "empty"), ("1. x\n", "off-list")]
)
def test_an_answer_without_end_is_read_to_its_end(endless, outcome, answer):
    """A model that repeats itself to the limit of its tokens: each mark could end a title, and none does."""
    assert read_ranking(endless * 30_000, ["Heat (1995)", "Fargo (1996)"], answer).outcome == outcome
