"""What reviews and rationales teach, example by example."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from llmrec_bench_plugins.rdrec.review_tasks import ExplanationTask, RationaleTask, begun
from llmrec_bench_plugins.rdrec.templates import ATTRIBUTE, ATTRIBUTIONS, EXPLANATION


def reviews_of(*rows: tuple[int, int, str]) -> pd.DataFrame:
    users, items, texts = zip(*rows, strict=True) if rows else ((), (), ())
    codes = {"user": np.array(users, dtype=np.int32), "item": np.array(items, dtype=np.int32)}
    return pd.DataFrame({**codes, "text": pd.Series(texts, dtype="str"), "feature": ""})


RATIONALES = pd.DataFrame(
    [
        (0, 4, "The user prefers red.", "The item is red.", "train"),
        (1, 2, "The user prefers blue.", "", "train"),
        (2, 7, "", "The item is soft.", "train"),
        (3, 5, "", "", "train"),
        (0, 1, "The user prefers wood.", "The item is old.", "validation"),
        (2, 3, "The user prefers tin.", "The item is new.", "validation"),
    ],
    columns=["user", "item", "preference", "attribute", "part"],
)


def rationale_task(parts=("preference", "attribute"), wording=ATTRIBUTE, tokens=20, size=64, **quirks):
    switches = {"prompts_as_released": False, "counts_records": False, **quirks}
    return RationaleTask(RATIONALES, parts, wording, tokens, batch_size=size, **switches)


def told(examples) -> list[tuple[str, str, str]]:
    return [(example.prompt, example.source, example.target) for example in examples]


def test_an_explanation_is_what_the_user_wrote(make_training):
    train = make_training([[0, 1, 2], [3, 4]], n_items=6)
    train = replace(train, reviews=reviews_of((0, 2, "Fine lamp."), (1, 3, "Too small.")))
    task = ExplanationTask(replace(train, validation_reviews=reviews_of((1, 5, "Good."))), text_tokens=7)
    assert task.sources.tolist() == [0, 1]
    assert task.taught == ["Fine lamp.", "Too small."]
    rng = np.random.default_rng(0)
    sources, counts = Counter(), 3600
    for example in (task.draw(np.array([1]), rng)[0] for _ in range(counts)):
        assert (example.prompt, example.target, example.target_tokens) == ("explanation", "Too small.", 7)
        sources[example.source] += 1
    assert set(sources) == set(EXPLANATION.filled("user_2", "item_4"))
    assert len(sources) == 9
    assert chisquare(list(sources.values())).pvalue > 1e-3
    assert told(task.validation()) == [("explanation", "user_2 item_6", "Good.")]


def test_without_reviews_nothing_is_explained(make_training):
    train = make_training([[0, 1, 2]], n_items=3)
    for reviews in (None, reviews_of()):
        task = ExplanationTask(replace(train, reviews=reviews), 20)
        assert len(task.sources) == 0
        assert task.validation() == []


def test_a_text_is_cut_to_what_its_tokens_can_need():
    assert begun("one  two\nthree four", 2) == "one two three"
    assert begun("one two", 2) == "one two"
    assert begun("好 " * 10_000, 3) == "好 好 好 好"


def test_each_rationale_gives_the_parts_it_has():
    task = rationale_task()
    assert task.sources.tolist() == [0, 1, 2]  # the fourth has neither part
    assert told(task.draw(np.array([2, 0, 1]), np.random.default_rng(0))) == [
        ("attribute", "Generate item_8's attribute", "The item is soft."),
        ("preference", "Generate user_1's preference", "The user prefers red."),
        ("attribute", "Generate item_5's attribute", "The item is red."),
        ("preference", "Generate user_2's preference", "The user prefers blue."),
    ]
    assert [prompt for prompt, _, _ in told(task.validation())] == ["preference", "attribute"] * 2
    assert task.validation()[1].source == "Generate item_2's attribute"
    assert all(example.target_tokens == 20 for example in task.validation())


def test_prompts_as_released_are_those_of_other_examples():
    """The texts alternate, the prompts do not: of two records the second and third example have the other's."""
    task = rationale_task(prompts_as_released=True)
    drawn = told(task.draw(np.array([0, 0]), np.random.default_rng(0)))
    assert [source for _, source, _ in drawn] == ["Generate user_1's preference", "Generate item_5's attribute"] * 2
    assert [prompt for prompt, _, _ in drawn] == ["preference", "preference", "attribute", "attribute"]
    # In validation batch by batch: alone a record is aligned.
    both = ["preference", "preference", "attribute", "attribute"]
    assert [prompt for prompt, _, _ in told(task.validation())] == both
    alone = rationale_task(prompts_as_released=True, size=1)
    assert [prompt for prompt, _, _ in told(alone.validation())] == ["preference", "attribute"] * 2


@pytest.mark.parametrize(("part", "records"), [("preference", [0, 1]), ("attribute", [0, 2])])
def test_an_ablation_leaves_the_other_part(part, records):
    task = rationale_task(parts=[part], prompts_as_released=True)
    drawn = task.draw(task.sources, np.random.default_rng(0))
    assert [example.prompt for example in drawn] == [part] * 2
    assert task.taught == [RATIONALES[part][record] for record in records]
    assert task.counts == 1


def test_a_record_takes_the_place_of_its_examples_unless_records_are_counted():
    assert rationale_task().counts == 2
    assert rationale_task(counts_records=True).counts == 1


def test_the_released_wording_asks_for_attributions():
    [example] = rationale_task(parts=["attribute"], wording=ATTRIBUTIONS).draw(np.array([0]), np.random.default_rng(0))
    assert example.source == "Generate item_5's attributions"
