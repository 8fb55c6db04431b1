"""RDRec: rationales as two more tasks, its ablations, and the slips of its code, each by what it changes."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pydantic
import pytest
from tests.plugins.rdrec.test_explanations import SEARCH, reviews_of, text_about
from tests.plugins.stages.test_review_rationales import Oracle

from llmrec_bench import BenchError
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.rdrec.rdrec import RDRec
from llmrec_bench_plugins.stages.review_rationales import ReviewRationales

TINY = {"kind": "from-scratch", "width": 16, "layers": 1, "heads": 2, "feed_forward": 16}
STAGE = ReviewRationales(writer=Simulated.Config())
SMALL = {"trunk": TINY, "epochs": 1, "batch_size": 16, "negatives": 3, "beams": 10, "explanation_search": SEARCH}
PROMPTS = ["explanation", "sequential", "top_n", "preference", "attribute"]


@pytest.fixture
def reviewed(make_training):
    """Twelve users of four items each, all reviewed, and a validation review each."""
    rows = [[(user + step) % 8 for step in range(4)] for user in range(12)]
    train = make_training(rows, n_items=8, targets=[(user + 4) % 8 for user in range(12)])
    written = [(user, item, text_about(item)) for user, row in enumerate(rows) for item in row]
    held_out = [(user, (user + 4) % 8, text_about((user + 4) % 8)) for user in range(12)]
    return replace(train, reviews=reviews_of(written), validation_reviews=reviews_of(held_out))


@pytest.fixture
def lend(reviewed, make_run, tmp_path: Path):
    """`lend()`: a run whose stage an oracle has answered for, review by review, two of the answers unreadable."""
    items = [*reviewed.reviews["item"], *reviewed.validation_reviews["item"]]
    kinds = ["loud" if item % 2 else "soft" for item in items]
    answers = [f"1. The user prefers {kind} things.\n2. The item is {kind}." for kind in kinds]
    answers[3] = answers[50] = ""
    told = Oracle(answers).build(STAGE, reviewed, tmp_path / "rationales")
    assert Counter(told["part"]) == {"train": 47, "validation": 11}

    def call(train=reviewed, **options):
        return replace(make_run(train, **options), artifact=lambda stage: tmp_path / "rationales")

    return call


def fitted(train, run, **config):
    method = RDRec(RDRec.Config(rationales=STAGE, **SMALL | config))
    method.fit(train, run)
    return method


def batches_of(method, train, run) -> list[Counter]:
    """How many examples of each prompt are in each batch of an epoch."""
    tasks = {task.name: task for task in method.tasks(train, run)}
    epoch = method._epochs(tasks, np.random.default_rng(0))()
    return [Counter(PROMPTS[number] for number in batch.tasks.tolist()) for batch, _ in epoch]


def test_it_ranks_and_explains(reviewed, lend, make_queries):
    method = fitted(reviewed, lend())
    assert list(method._writer.prompt_numbers) == PROMPTS
    assert method._writer.model.prompts.shape[0] == 5
    scores = method.score(make_queries([[1, 2], [3]]))
    assert np.isfinite(scores).sum(axis=1).tolist() == [6, 7]
    users, items = reviewed.validation_reviews["user"].to_numpy(), reviewed.validation_reviews["item"].to_numpy()
    texts = method.explain(users, items)
    assert len(texts) == 12
    again = fitted(reviewed, lend())
    assert again.score(make_queries([[1, 2], [3]])).tobytes() == scores.tobytes()
    assert again.explain(users, items) == texts


def test_it_learns_what_rationales_say(reviewed, lend):
    """Asked for each item's attribute, at least seven of eight answers name the right kind."""
    trunk = {**TINY, "width": 64, "heads": 4, "feed_forward": 64, "dropout": 0.0}
    ratio = {"explanation": 0, "sequential": 1, "top_n": 0, "rationale": 1}
    method = fitted(reviewed, lend(), trunk=trunk, epochs=60, patience=None, ratio=ratio)
    writer = method._writer
    batch = writer.batch([f"Generate item_{item + 1}'s attribute" for item in range(8)], ["attribute"] * 8)
    tokens, _ = writer.model.generate(writer.model.encode(batch), 4, 1, 20)
    texts = writer.ids.tokenizer.batch_decode(tokens[:, 0], skip_special_tokens=True)
    right = [f"The item is {'loud' if item % 2 else 'soft'}." for item in range(8)]
    assert sum(text == wanted for text, wanted in zip(texts, right, strict=True)) >= 7
    assert method.explain(np.array([0], dtype=np.int32), np.array([0], dtype=np.int32)) is None


def test_batches_have_the_shares_that_the_ratio_names(reviewed, lend):
    """Of 64 examples each of four tasks has 16; a record gives two of them, and with `records` batches grow to 80."""
    options = {"batch_size": 64, "batching": "mixed"}
    equal = {"explanation": 16, "sequential": 16, "top_n": 16, "preference": 8, "attribute": 8}
    method = fitted(reviewed, lend(), **options)
    assert batches_of(method, reviewed, lend()) == [equal] * 6  # 47 records: 94 examples, 16 at a time
    grown = fitted(reviewed, lend(), **options, rationale_counts="records")
    batches = batches_of(grown, reviewed, lend())
    assert batches == [{**equal, "preference": 16, "attribute": 16}] * 3
    assert {batch.total() for batch in batches} == {80}


def test_the_ratio_is_by_name(reviewed, lend):
    ratio = {"explanation": 1, "rationale": 2, "sequential": 3, "top_n": 4}
    method = fitted(reviewed, lend(), ratio=ratio)
    turn = batches_of(method, reviewed, lend())[:10]
    assert [sorted(counts) for counts in turn] == (
        [["explanation"]] + [["sequential"]] * 3 + [["top_n"]] * 4 + [["attribute", "preference"]] * 2
    )


@pytest.mark.parametrize(
    ("epoch_by", "mixed", "alternating"),
    [("tasks", 3, 4 * 3), ("explanation", 3, 4 * 3), ("examples", 4, 3 + 1 + 1 + 3)],
)
def test_how_long_an_epoch_is(reviewed, lend, epoch_by, mixed, alternating):
    """48 reviews, 12 users and 47 records: batches of 64 have 16 of each task, and those of 16 have one task."""
    for batching, size, expected in (("mixed", 64, mixed), ("alternating", 16, alternating)):
        options = {"batching": batching, "batch_size": size, "rationale_counts": "records"}
        method = fitted(reviewed, lend(), **options, epoch_by=epoch_by)
        assert len(batches_of(method, reviewed, lend())) == expected


def test_prompts_as_released_go_to_the_wrong_texts(reviewed, lend):
    """Aligned, each text has the prompt of what it asks for. As released, records alternate and prompts do not."""

    def prompts_and_texts(**options):
        method = fitted(reviewed, lend(), **options)
        task = method.tasks(reviewed, lend())[3]
        batch, _ = method._batch(task.draw(np.arange(3), np.random.default_rng(0)))
        texts = method._writer.ids.tokenizer.batch_decode(batch.tokens, skip_special_tokens=True)
        about = ["preference" if "user_" in text else "attribute" for text in texts]
        return [PROMPTS[number] for number in batch.tasks.tolist()], about

    alternately = ["preference", "attribute"] * 3
    assert prompts_and_texts() == (alternately, alternately)
    blocks = ["preference"] * 3 + ["attribute"] * 3
    assert prompts_and_texts(rationale_task_ids="as_released") == (blocks, alternately)


@pytest.mark.parametrize(
    ("ablation", "left"), [("use_preference", {"attribute": 16}), ("use_attribute", {"preference": 16})]
)
def test_an_ablation_drops_one_part(reviewed, lend, ablation, left):
    method = fitted(reviewed, lend(), **{ablation: False}, ratio={"explanation": 0, "top_n": 0})
    batches = batches_of(method, reviewed, lend())
    assert [counts for counts in batches if "sequential" not in counts] == [left] * 3


def test_validation_rationales_choose_the_epoch_and_teach_nothing(reviewed, lend, monkeypatch):
    """Each task of the ratio has its loss: the rationales' of the eleven validation records, two examples each."""
    sizes = []

    def keep(model, batches, mean_over):
        sizes.append(sum(len(labels) for _, labels in batches))
        return 1.0

    monkeypatch.setattr("llmrec_bench_plugins.blocks.text_to_text_training.whole_loss", keep)
    method = fitted(reviewed, lend())
    assert sizes == [12, 12, 12, 22]
    task = method.tasks(reviewed, lend())[3]
    assert len(task.sources) == 47


def test_the_released_settings_are_valid_and_differ_for_sports():
    released, sports = (
        RDRec.Config(**{"rationales": STAGE, **RDRec.settings[name]}) for name in ("released", "released-sports")
    )
    assert (released.learning_rate, sports.learning_rate) == (5e-4, 1e-3)
    assert released.model_copy(update={"learning_rate": 1e-3}) == sports
    assert (released.beams, released.return_beams, released.write_seen) == (20, 15, False)
    assert (released.batching, released.epoch_by, released.patience) == ("mixed", "explanation", 5)


def test_the_wordings_and_the_stage_are_part_of_the_identity():
    identity = RDRec.Config(rationales=STAGE).identity()
    assert len(identity["prompt_hashes"]) == 6
    assert identity["rationales"]["stage"] == "review-rationales"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"use_preference": False, "use_attribute": False}, "neither preferences nor attributes are used"),
        ({"ratio": {"explanations": 1}}, "Extra inputs are not permitted"),
        ({"ratio": {"sequential": 0}}, "`candidates_prompt: sequential` asks for the task sequential"),
        ({"rationale_task_ids": "released"}, "Input should be 'aligned' or 'as_released'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        RDRec.Config(rationales=STAGE, **options)


def test_no_reviews_are_named_in_one_line(reviewed, lend):
    bare = replace(reviewed, reviews=None, validation_reviews=None)
    with pytest.raises(BenchError, match=r"^rdrec: the task explanation learns from reviews, .* have none") as raised:
        fitted(bare, lend())
    assert "\n" not in str(raised.value)


def test_rationales_that_could_not_be_read_are_named_in_one_line(reviewed, lend, tmp_path):
    table = tmp_path / "rationales" / "rationales.parquet"
    told = pd.read_parquet(table)
    told.assign(outcome="dropped").to_parquet(table)
    with pytest.raises(BenchError, match=r"^rdrec: the task rationale has no rationale to learn from") as raised:
        fitted(reviewed, lend())
    assert "\n" not in str(raised.value)
    fitted(reviewed, lend(), ratio={"rationale": 0})


def test_users_with_few_items_and_repeated_candidates(make_training, make_queries, lend, make_run):
    """A user with one training item explains and is asked about, and takes no part in stretches."""
    train = make_training([[0, 1, 2], [3], [], [4, 5]], n_items=8, targets=[3])
    train = replace(
        train, reviews=reviews_of([(0, 1, "Good."), (1, 3, "Bad.")]), validation_reviews=reviews_of([(0, 3, "So.")])
    )
    lines = []
    method = fitted(train, lend(train, log=lines.append))
    assert "sequential: 2 of 4 users have too few training items and are left out" in lines
    scores = method.score(make_queries([[3], []], [[5, 7, 5, 0], [1, 2, 3, 4]]))
    assert scores[0, 0] == scores[0, 2]
    assert np.isnan(scores[1]).all()
