"""What free texts come to, by hand."""

from llmrec_bench_plugins.rdrec.free_answers import FreeAnswers


def test_every_kind_of_text_is_read_and_counted_once():
    answers = FreeAnswers()
    texts = ["3", "4 and more", "3", "9", "0", "item", "", "5", "1" * 40, "-2"]
    for _ in range(2):  # scored again, counted once
        codes = answers.read(7, texts, n_items=8, history={3}, candidates=None)
    assert codes == [2, 3, -1, -1, -1, -1, -1, 4, -1, -1]
    [line] = answers.remarks()
    assert line == (
        "10 texts written for 1 queries: 2 item, 1 seen, 0 not a candidate, 2 off-catalogue, 1 duplicate, 4 unreadable"
    )


def test_an_item_outside_the_candidates_is_told_apart():
    answers = FreeAnswers()
    assert answers.read(0, ["3", "4", "2"], n_items=8, history={3}, candidates={1, 3}) == [2, 3, 1]
    [line] = answers.remarks()
    assert line.endswith(": 1 item, 1 seen, 1 not a candidate, 0 off-catalogue, 0 duplicate, 0 unreadable")


def test_nothing_written_is_nothing_to_say():
    assert list(FreeAnswers().remarks()) == []


def test_the_last_of_several_texts_may_count():
    """Item 7 is named first, third and last, item 2 between: which of the two leads depends on what counts."""
    texts = ["7", "2", "07", "none", "7 again"]
    best, last = FreeAnswers(), FreeAnswers()
    assert best.read(0, texts, 10, set(), None) == [6, 1, -1, -1, -1]
    assert last.read(0, texts, 10, set(), None, "last") == [-1, 1, -1, -1, 6]
    assert best.by_user == last.by_user
