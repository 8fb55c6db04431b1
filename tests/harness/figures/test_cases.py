"""Cases: who is chosen, what is shown, and that nobody takes them for evidence."""

import shutil

import pytest

from llmrec_bench import BenchError
from llmrec_bench.figures.figure import Case, ShownList, StageText
from llmrec_bench.figures.one_line import one_line

CASES = "cases: {kind: cases, cutoff: 2, users: 1, methods: [plain, idle, reader]}"

# Targets: a 4, b 5, c 2, d 1.
PLAIN = ("50", "54", "01", "30")  # finds b's
READER = ("40", "01", "02", "031")  # finds a's and c's; d's stands third


@pytest.fixture
def cases(study):
    def make(asked=CASES, **options):
        made = study(asked, **options)
        made.keep("plain", 1, lists=PLAIN)
        made.keep("reader", 1, lists=READER, simulated=True)
        return made

    return make


def test_the_first_user_whom_only_the_last_method_serves(cases):
    study = cases()
    study.write({0: "He likes\n\x1b[31mred\u202e things.", 1: "not asked for"})
    figure = study.figure()
    [planned] = [p for p in study.plan.stages if p.stage.name == "notes"]
    assert (figure.gained, figure.lost) == (2, 1)
    assert figure.cases == (
        Case(
            user="a",
            history=("Zero", "i1", "Two <b>|", "Three"),
            earlier=0,
            targets=(r"Four \x1b[31mred",),
            lists=(
                ShownList("plain", False, ("Five", "Zero"), None),
                ShownList("idle", False, None, None),
                ShownList("reader", True, (r"Four \x1b[31mred", "Zero"), 1),
            ),
            texts=(
                StageText(
                    f"notes {planned.key[:6]}", ("reader",), True, r"He likes \x1b[31mred\u202e things."
                ),
            ),
        ),
    )  # fmt: skip
    assert "There are 2 such users, and 1 for whom it is the other way round." in figure.notes[0]
    assert "not that there is one" in figure.notes[0]
    assert "a control may have had others" in figure.notes[1]
    assert any(note.startswith("SIMULATED: the language model behind reader") for note in figure.notes)


def test_as_many_as_there_are(cases):
    figure = cases(CASES.replace("users: 1", "users: 100")).figure()
    assert [case.user for case in figure.cases] == ["a", "c"]
    assert figure.cases[1].lists[2].place == 2


def test_the_other_way_round(cases):
    figure = cases("cases: {kind: cases, cutoff: 2, methods: [reader, plain]}").figure()
    assert ([case.user for case in figure.cases], figure.gained, figure.lost) == (["b"], 1, 2)


def test_the_first_seed_counts(cases):
    study = cases()
    study.keep("plain", 2, lists=READER)
    study.keep("reader", 2, lists=PLAIN)
    assert [case.user for case in study.figure().cases] == ["a"]
    assert "Not run yet: 1 of 3 trials." in study.figure().notes  # of the first seed's


def test_before_both_are_finished_there_is_no_case(study):
    study = study(CASES)
    study.keep("plain", 1, lists=PLAIN)
    study.fail("reader", 1)
    figure = study.figure()
    assert (figure.gained, figure.lost, figure.cases) == (None, None, ())
    assert figure.notes[0] == "No case can be chosen: no finished trial of reader here, seed 1."


def test_a_text_that_is_gone_or_says_nothing(cases):
    study = cases()
    assert study.figure().cases[0].texts[0].text is None
    folder = study.write({1: "about another"}, simulated=False)
    assert (study.figure().cases[0].texts[0].text, study.figure().cases[0].texts[0].simulated) == ("", False)
    (folder / "notes.parquet").write_bytes(b"broken")
    with pytest.raises(BenchError, match=r"notes-\w+: its texts cannot be read .*; delete it to build it again"):
        study.figures()
    shutil.rmtree(folder)
    assert study.figure().cases[0].texts[0].text is None


def test_what_was_written_about_users_of_another_data_set_is_not_shown(cases):
    change = {
        "shop: {source: four}": "shop: {source: four}, mall: {source: four, options: {shift: 1}}",
        "reader: ": "reader: {config: {digest: {built_on: mall}}}",
    }
    study = cases(CASES.replace("]}", "], datasets: [shop]}"), change=change)
    assert {p.dataset.label for p in study.plan.stages if p.stage.name == "notes"} == {"mall"}
    study.write({0: "about somebody else"})
    assert study.figure().cases[0].texts == ()


def test_a_long_history_shows_its_end(cases, monkeypatch):
    monkeypatch.setattr("llmrec_bench.figures.cases._HISTORY", 2)
    [case] = cases().figure().cases
    assert (case.history, case.earlier) == (("Two <b>|", "Three"), 2)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\r\n  c\u2028d", "a b c d"),
        ("\x1b]0;title\x07\x7f\x9b", r"\x1b]0;title\x07\x7f\x9b"),
        ("\u202etxt\u2066", r"\u202etxt\u2066"),
        ("Amélie 😀 日本", "Amélie 😀 日本"),
        ("", ""),
    ],
)
def test_one_line(text, shown):
    assert one_line(text) == shown
