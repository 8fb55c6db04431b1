"""Texts about users as vectors: which serves what, one step of them, and controls that say nothing."""

import numpy as np
import pytest

from llmrec_bench import BenchError, TrainingData
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.llms.simulation.faults import Faults
from llmrec_bench_plugins.stages.history_titles import HistoryTitles
from llmrec_bench_plugins.stages.rationale_steps import parse_steps
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales
from llmrec_bench_plugins.stages.text_encoders import TfIdf
from llmrec_bench_plugins.stages.user_histories import SERVED
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings, read_user_embeddings

TEACHER = TeacherRationales(writer=Simulated.Config())


def embeddings(texts=TEACHER, **options):
    return UserTextEmbeddings(**{"texts": texts, "encoder": TfIdf(), **options})


def read(workshop, stage, control="none", seed=0):
    vectors, rows = read_user_embeddings(workshop.artifact(stage), control, np.random.default_rng(seed))
    assert (vectors.dtype, rows.dtype, rows.shape) == (np.float32, np.int64, (3, workshop.train.n_users))
    assert not vectors[-1].any()
    return vectors, rows


@pytest.fixture
def shoppers(workshop, make_training):
    """Three users with a validation target: of three items, of one, of the same three; and one without anything."""
    plain = make_training([[0, 1, 2], [3], [0, 1, 2], []], n_items=8, targets=[4, 5, 6])
    workshop.train = TrainingData(
        plain.sequences, workshop.train.items, plain.validation, plain.validation_targets, "shoppers"
    )
    return workshop


@pytest.fixture
def crowd(workshop, make_training):
    """Fourteen users of whom no two have a text in common, the first with one item in training, the last with none."""
    rows = [[u % 8, (u + 1 + u // 8) % 8, (3 * u) % 8, u % 5] for u in range(12)]
    workshop.train = make_training([[5], *rows, []], n_items=8, targets=[7] * 13)
    return workshop


@pytest.mark.parametrize(
    ("cutoff", "wanted"),
    [
        # Number of the text, in the order of users and what they serve; -1 for none.
        ("earliest", [[0, -1, 0, -1]] * 3),
        ("single_train", [[0, 1, 0, -1]] * 3),
        ("per_split", [[0, -1, 0, -1], [1, 3, 1, -1], [2, 4, 5, -1]]),
    ],
)
@pytest.mark.parametrize("kind", ["titles", "teacher"])
def test_rows_worked_by_hand(shoppers, kind, cutoff, wanted):
    texts = HistoryTitles(cutoff=cutoff) if kind == "titles" else TEACHER.model_copy(update={"cutoff": cutoff})
    vectors, rows = read(shoppers, embeddings(texts))
    distinct = np.max(wanted) + 1
    assert len(vectors) == distinct + 1
    assert rows.tolist() == np.where(np.array(wanted) < 0, distinct, wanted).tolist()
    assert vectors[:-1].any(axis=1).all()
    without = sum(text < 0 for text in wanted[SERVED.index("test")])
    assert f"{distinct} distinct texts" in shoppers.lines[-1]
    assert shoppers.lines[-1].endswith(f"{without} of 4 users have none")


def test_vectors_are_those_of_the_texts(shoppers):
    vectors, rows = read(shoppers, embeddings(HistoryTitles(cutoff="per_split", history_length=2)))
    first = ["0). Alien (1979), 1). Brazil (1985)", "0). Brazil (1985), 1). Casino (1995)"]
    others = ["0). Casino (1995), 1). Emma (1996)", "0). Diva (1981)", "0). Diva (1981), 1). Fargo (1996)"]
    texts = [*first, *others, "0). Casino (1995), 1). Gigi (1958)"]
    assert vectors[:-1].tobytes() == TfIdf().encode(texts, "cpu")[0].tobytes()
    assert rows[:, 0].tolist() == [0, 1, 2]
    assert shoppers.seen == {"0": {"i0", "i1", "i2", "i4"}, "1": {"i3", "i5"}, "2": {"i0", "i1", "i2", "i6"}}


def test_titles_that_are_not_known_are_not_told_of(shoppers):
    items = shoppers.train.items.assign(title=["Alien", "", "Casino", "", "", "", "", ""])
    plain = shoppers.train
    shoppers.train = TrainingData(plain.sequences, items, plain.validation, plain.validation_targets, "untitled")
    _, rows = read(shoppers, embeddings(HistoryTitles(cutoff="single_train")))
    assert rows[0].tolist() == [0, 1, 0, 1]  # user 1's only item has no title
    assert {user: items for user, items in shoppers.seen.items() if items} == {"0": {"i0", "i2"}, "2": {"i0", "i2"}}
    assert "1 of 3 texts are empty" in shoppers.lines[-1]


@pytest.mark.parametrize("step", ["1", "2", "3"])
def test_one_step_of_a_rationale(workshop, step):
    stage = embeddings(step=step)
    vectors, rows = read(workshop, stage)
    told = {text.user: text.text for text in TEACHER.read(workshop.train, workshop.run(stage))}
    words = {user: parse_steps(text).text(int(step)) for user, text in told.items()}
    distinct = list(dict.fromkeys(words.values()))
    assert len(set(words.values()) | set(told.values())) > len(distinct)
    assert vectors[:-1].tobytes() == TfIdf().encode(distinct, "cpu")[0].tobytes()
    for user in range(workshop.train.n_users):
        number = distinct.index(words[user]) if user in words else len(distinct)
        assert rows[:, user].tolist() == [number] * 3


def test_users_whose_text_is_broken_get_zeros(workshop):
    teacher = TEACHER.model_copy(update={"writer": Simulated.Config(faults=Faults(malformed=0.5))})
    stage = embeddings(teacher, step="2")
    vectors, rows = read(workshop, stage)
    told = {text.user: text.text for text in teacher.read(workshop.train, workshop.run(stage))}
    having = [user for user, text in told.items() if parse_steps(text).kinds]
    assert 0 < len(having) < len(told)
    assert np.flatnonzero(rows[0] < len(vectors) - 1).tolist() == having
    assert f"{len(told) - len(having)} of {len(told)} texts are empty" in workshop.lines[-1]


@pytest.mark.parametrize(("step", "what"), [("all", "text"), ("3", "text with a step 3")])
def test_no_text_at_all_is_one_line(workshop, step, what):
    faults = Faults(refusal=1) if step == "all" else Faults(malformed=1)
    teacher = TEACHER.model_copy(update={"writer": Simulated.Config(faults=faults)})
    with pytest.raises(BenchError, match=f"^user-text-embeddings: no user has a {what}$"):
        workshop.artifact(embeddings(teacher, step=step))


def test_shuffled_gives_everybody_the_text_of_somebody_else(crowd):
    stage = embeddings()
    vectors, rows = read(crowd, stage)
    none = len(vectors) - 1
    having = np.flatnonzero(rows[0] < none)
    assert len(having) == none == 12  # each has a text of its own, so whose it is can be told
    draws = [read(crowd, stage, "shuffled", seed) for seed in range(10)]
    for shuffled_vectors, shuffled in draws:
        assert shuffled_vectors.tobytes() == vectors.tobytes()
        assert (shuffled[:, having] != rows[:, having]).all()
        assert (shuffled == shuffled[0]).all()
        assert sorted(shuffled[0, having]) == sorted(rows[0, having])
        assert (np.delete(shuffled, having, axis=1) == none).all()
    assert len({shuffled.tobytes() for _, shuffled in draws}) > 5
    assert read(crowd, stage, "shuffled", 3)[1].tobytes() == draws[3][1].tobytes()


def test_shuffled_leaves_nobody_an_own_text_where_texts_serve_splits_apart(crowd):
    stage = embeddings(TEACHER.model_copy(update={"cutoff": "per_split"}))
    vectors, rows = read(crowd, stage)
    having = rows < len(vectors) - 1
    assert having[1:].all(axis=0).sum() > having[0].sum()  # a user with one item has no text that serves training
    for seed in range(10):
        shuffled = read(crowd, stage, "shuffled", seed)[1]
        assert ((shuffled < len(vectors) - 1) == having).all()
        for moment in range(3):
            own, given = rows[moment, having[moment]], shuffled[moment, having[moment]]
            assert sorted(own) == sorted(given)
            assert (own != given).all()


def test_random_has_the_mean_and_the_spread_and_nothing_else(crowd):
    stage = embeddings(TEACHER.model_copy(update={"cutoff": "per_split"}), encoder=TfIdf(width=4))
    vectors, rows = read(crowd, stage)
    having = rows < len(vectors) - 1
    drawn = [read(crowd, stage, "random", seed) for seed in range(200)]
    # One a user, whatever it serves, and none where there is no text.
    assert all((r == np.where(having, np.arange(14), 14)).all() for _, r in drawn)
    values = np.stack([random[:-1] for random, _ in drawn])  # (200, U, w)
    assert np.allclose(values.mean(axis=(0, 1)), vectors[:-1].mean(axis=0), atol=0.02)
    assert np.allclose(values.std(axis=(0, 1)), vectors[:-1].std(axis=0), rtol=0.06)
    own = vectors[rows[2, :13]] - vectors[:-1].mean(axis=0)
    given = values[:, :13] - values.mean(axis=(0, 1))
    assert np.abs((own * given).mean(axis=(0, 1))).max() < 0.1 * own.var()
    assert read(crowd, stage, "random", 7)[0].tobytes() == drawn[7][0].tobytes()
    assert drawn[7][0].tobytes() != drawn[8][0].tobytes()


def test_random_does_not_tell_who_has_the_same_text(shoppers):
    _, rows = read(shoppers, embeddings(HistoryTitles()), "random")
    assert read(shoppers, embeddings(HistoryTitles()))[1].tolist() == [[0, 1, 0, 1]] * 3
    assert rows.tolist() == [[0, 4, 2, 4]] * 3


def test_the_key_is_over_texts_step_and_encoder():
    stages = [
        embeddings(),
        embeddings(HistoryTitles()),
        embeddings(HistoryTitles(history_length=3)),
        embeddings(step="1"),
        embeddings(encoder=TfIdf(width=3)),
        embeddings(TEACHER.model_copy(update={"cutoff": "per_split"})),
    ]
    assert len({stage.key("data") for stage in stages}) == len(stages)
    assert all(
        field.description for kind in (UserTextEmbeddings, HistoryTitles) for field in kind.model_fields.values()
    )
