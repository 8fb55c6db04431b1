"""What P5 is taught: stretches, lists, yes and no, wordings, each by its distribution."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from llmrec_bench_plugins.rdrec import p5_wordings as wordings
from llmrec_bench_plugins.rdrec.p5_tasks import (
    TASKS,
    SequentialChoiceTask,
    SequentialTask,
    SequentialYesNoTask,
    TopNTask,
    TopNYesNoTask,
    stretch,
)
from llmrec_bench_plugins.rdrec.p5_wordings import worded

LIST = re.compile(r"\d+(?: , \d+)+")


def numbers(text: str) -> list[int]:
    """Item codes of the numbers that belong to no `user_`."""
    return [int(found) - 1 for found in re.findall(r"(?<!user_)\b\d+", text.replace("item_", ""))]


@given(st.integers(2, 60), st.integers(0, 2**32))
def test_a_stretch_lies_where_p5_has_it(n, seed):
    """With the code's bounds, worked out for places from 1 and two more items behind: the end e in max(2, n - 3) ... n
    - 1, the item after it, the start in 1 ... min(3, e - 1)."""
    start, end = stretch(n, np.random.default_rng(seed))
    assert 0 <= start < end < n
    if n > 2:
        e = end  # the place of the last item shown, from 1
        assert max(2, n - 3) <= e <= n - 1
        assert 1 <= start + 1 <= min(3, e - 1)


@pytest.mark.parametrize(
    ("n", "chances"),
    [
        (2, {(0, 1): 1}),
        (3, {(0, 2): 1}),
        (4, {(0, 2): 1 / 2, (0, 3): 1 / 4, (1, 3): 1 / 4}),
        (6, {(s, e): 1 / 3 / min(3, e - 1) for e in (3, 4, 5) for s in range(min(3, e - 1))}),
        (30, {(s, e): 1 / 9 for e in (27, 28, 29) for s in (0, 1, 2)}),
    ],
)
def test_stretches_have_the_stated_chances(n, chances):
    rng = np.random.default_rng(0)
    counts = Counter(stretch(n, rng) for _ in range(4000))
    assert counts.keys() == chances.keys()
    expected = [4000 * chances[place] for place in counts]
    assert len(chances) == 1 or chisquare(list(counts.values()), expected).pvalue > 1e-3


def test_a_sequential_example_shows_bare_numbers_and_what_follows(make_training):
    train = make_training([list(range(30)), [5], []], n_items=30)
    task = SequentialTask(train, 20, 3, 0)
    assert task.sources.tolist() == [0]
    assert task.left_out == "2 of 3 users have too few training items and are left out"
    rng, separators = np.random.default_rng(1), Counter()
    for _ in range(2000):
        [example] = task.draw(np.array([0]), rng)
        shown, target = numbers(example.source), int(example.target) - 1
        assert example.prompt == "sequential"
        assert "user_1" in example.source
        assert "item_" not in example.source
        assert target in (27, 28, 29)
        assert shown == list(range(target - 20, target))  # of 24 to 29 between, the latest
        [separator] = {sign for sign in (" , ", " -> ") if sign in example.source}
        separators[separator] += 1
    assert chisquare(list(separators.values())).pvalue > 1e-3
    assert len(separators) == 2


@pytest.mark.parametrize(("task", "own"), [(SequentialChoiceTask, [4]), (TopNTask, [2, 7, 4])])
def test_a_list_has_one_right_item_at_any_place(task, own, make_training):
    train = make_training([[2, 7, 4], []], n_items=12, targets=[9])
    rng = np.random.default_rng(2)
    drawn = task(train, 20, negatives=3, seed=0)
    places, positives, others = Counter(), Counter(), Counter()
    for example in (drawn.draw(np.array([0]), rng)[0] for _ in range(2000)):
        listed, positive = numbers(LIST.findall(example.source)[-1]), int(example.target) - 1
        assert len(set(listed)) == len(listed) == 4
        assert set(listed) & {2, 7, 4} == {positive}
        places[listed.index(positive)] += 1
        positives[positive] += 1
        others.update(set(listed) - {positive})
    assert sorted(positives) == sorted(own)
    assert chisquare([places[place] for place in range(4)]).pvalue > 1e-3
    assert len(own) == 1 or chisquare(list(positives.values())).pvalue > 1e-3
    assert set(others) == {0, 1, 3, 5, 6, 8, 9, 10, 11}  # the validation target is not known to be one


@pytest.mark.parametrize(("task", "own"), [(SequentialYesNoTask, {4}), (TopNYesNoTask, {2, 7, 4})])
def test_yes_is_said_of_own_items_and_no_of_others_alike(task, own, make_training):
    train = make_training([[2, 7, 4]], n_items=12)
    rng = np.random.default_rng(3)
    drawn = task(train, 20, negatives=99, seed=0)
    said, asked = Counter(), {"yes": Counter(), "no": Counter()}
    for example in (drawn.draw(np.array([0]), rng)[0] for _ in range(2000)):
        item = numbers(example.source)[-1]
        assert ("item_" in example.source) == (task is TopNYesNoTask)
        said[example.target] += 1
        asked[example.target][item] += 1
    assert chisquare([said["yes"], said["no"]]).pvalue > 1e-3
    assert set(asked["yes"]) == own
    assert set(asked["no"]) == set(range(12)) - {2, 7, 4}
    assert chisquare(list(asked["no"].values())).pvalue > 1e-3


def test_of_a_user_with_all_items_none_is_wrong(make_training):
    task = TopNYesNoTask(make_training([[0, 1]], n_items=2), 20, 99, 0)
    rng = np.random.default_rng(4)
    assert {example.target for _ in range(50) for example in task.draw(np.array([0]), rng)} == {"yes"}


@pytest.mark.parametrize(
    ("wording", "lines", "asked"),
    [
        (wordings.SEQUENTIAL, 7, ("Here is the list", "According to the")),
        (wordings.SEQUENTIAL_CHOICE, 4, None),
        (wordings.SEQUENTIAL_YES_NO, 2, None),
        (wordings.TOP_N, 4, ("Which of the following", "We want to")),
        (wordings.TOP_N_YES_NO, 2, None),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else None,
)
def test_each_learned_wording_is_as_likely_and_the_last_may_be_held_out(wording, lines, asked):
    assert len(wording.lines) == lines
    rng = np.random.default_rng(5)
    counts = Counter(wording.drawn(rng) for _ in range(3000))
    learned = wording.lines[:-1] if asked else wording.lines
    assert set(counts) == set(learned)
    assert chisquare(list(counts.values())).pvalue > 1e-3
    assert "RecSys 2022" in wording.file.source
    if asked:
        assert wording.asked("seen").startswith(asked[0])
        assert wording.asked("held_out").startswith(asked[1])
        assert wording.asked("held_out") not in counts


def test_blanks_are_filled_as_p5_fills_them():
    line = "{user} {items} {candidates} {item} item_{item}"
    assert worded(line, 14, [72, 7390], " -> ", 3, [0, 1]) == "user_15 73 -> 7391 1 , 2 4 item_4"


def test_the_validation_examples_are_in_the_first_wording_and_about_the_target(make_training):
    train = make_training([[0, 1, 2], [3, 4], []], n_items=6, targets=[5, 0, 1])
    first, second = SequentialTask(train, 2, 3, 0).validation()
    assert (
        first.source == "Here is the list of what user_1 has bought: 2 , 3, try to recommend the next item to the user"
    )
    assert (first.target, second.target) == ("6", "1")
    for task, n in ((TopNTask, 3), (SequentialChoiceTask, 2)):
        once, again = task(train, 2, 2, seed=3), task(train, 2, 2, seed=3)
        examples = once.validation()
        assert examples == once.validation() == again.validation()
        assert len(examples) == n
        for row, (example, target) in enumerate(zip(examples, (5, 0, 1), strict=False)):
            listed = numbers(LIST.findall(example.source)[-1])
            assert len(set(listed)) == len(listed) == 3
            assert set(listed) & {*train.sequences[row].tolist(), target} == {target}
            assert int(example.target) - 1 == target
    for example, target in zip(TopNYesNoTask(train, 2, 2, seed=3).validation(), (5, 0, 1), strict=True):
        assert (numbers(example.source)[-1] == target) == (example.target == "yes")


def test_the_tasks_of_the_method_have_names_of_their_own(make_training):
    assert len({task.name for task in TASKS}) == len(TASKS) == 5
    train = make_training([[0, 1]], n_items=2)
    assert all(task(train, 20, 1, 0).prompts == (task.name,) for task in TASKS)
