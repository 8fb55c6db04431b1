"""Texts that were shown their targets are refused; items that a user had twice are not mistaken for that."""

import pytest

from llmrec_bench import BenchError
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.stages import history_titles
from llmrec_bench_plugins.stages import user_histories as histories
from llmrec_bench_plugins.stages.history_titles import HistoryTitles
from llmrec_bench_plugins.stages.served_targets import check_served
from llmrec_bench_plugins.stages.student_folder import StudentFolder
from llmrec_bench_plugins.stages.student_rationales import StudentRationales
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales
from llmrec_bench_plugins.stages.text_encoders import TfIdf
from llmrec_bench_plugins.stages.user_histories import SERVED, UserHistory, user_histories
from llmrec_bench_plugins.stages.user_preferences import UserPreferences
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings


@pytest.fixture
def train(make_training):
    """Of user 0 the training target, of user 1 the validation target is an item had before; user 2 has no such."""
    return make_training([[4, 5, 6, 4], [1, 2, 3], [7, 8, 9]], n_items=11, targets=[7, 2, 10])


def told(train, cutoff, histories):
    lines = []
    check_served("letters", train, cutoff, histories, lines.append)
    [line] = lines
    return line


@pytest.mark.parametrize(
    ("cutoff", "longest", "says"),
    [
        ("earliest", 20, "1 of 3 in training, 1 of 3 in validation; all as items that the user had before"),
        ("earliest", 1, "0 of 3 in training, 1 of 3 in validation; all as items that the user had before"),
        ("per_split", 20, "1 of 3 in training, 1 of 3 in validation; all as items that the user had before"),
        (
            "single_train",
            20,
            "3 of 3 in training, 1 of 3 in validation; those of training by the cut-off, others as items that the user "
            "had before",
        ),
    ],
)
def test_repeats_are_counted_and_no_leak(train, cutoff, longest, says):
    histories = user_histories(train, cutoff, longest)
    assert told(train, cutoff, histories) == f"targets among the items shown: {says}"


def test_nothing_shown_is_said_too(make_training):
    train = make_training([[0, 1, 2]], n_items=4, targets=[3])
    line = told(train, "earliest", user_histories(train, "earliest", 20))
    assert line == "targets among the items shown: 0 of 1 in training, 0 of 1 in validation"


@pytest.mark.parametrize(
    ("user", "serves", "items", "first"),
    [
        (2, SERVED, (7, 8, 9), "train target of user number 2"),
        (2, ("validation",), (7, 8, 10), "validation target of user number 2"),
        (2, ("train",), (10,), "train target of user number 2"),  # what came later still
        (0, ("train",), (4, 5, 6, 4), "train target of user number 0"),  # had before, and shown once too often
        (0, ("train",), (5, 6, 4), "train target of user number 0"),  # had before, but not after these
        (1, ("validation",), (1, 2, 3, 2), "validation target of user number 1"),
    ],
)
@pytest.mark.parametrize("cutoff", ["earliest", "per_split"])
def test_a_text_that_was_shown_its_target_is_refused(train, cutoff, user, serves, items, first):
    others = [history for history in user_histories(train, cutoff, 20) if history.user != user]
    histories = [*others, UserHistory(user, serves, items)]
    targets = sum(moment != "test" for history in histories for moment in history.serves)
    with pytest.raises(BenchError) as refused:
        told(train, cutoff, histories)
    assert str(refused.value) == (
        f"stage 'letters': 1 of {targets} targets did not come after all that was shown; the first is the {first}"
    )


def test_a_single_text_from_all_of_training_may_not_show_more(train):
    assert "3 of 3 in training" in told(train, "single_train", user_histories(train, "single_train", 20))
    with pytest.raises(BenchError, match=r"the first is the train target of user number 2$"):
        told(train, "single_train", [UserHistory(2, SERVED, (8, 9, 10))])


@pytest.mark.parametrize("kind", ["teacher", "student", "titles", "preferences"])
def test_every_source_of_texts_is_checked_before_anything_is_asked(workshop, monkeypatch, tmp_path, kind):
    def leaking(train, cutoff, longest):
        """Takes the last training item for a part of the history."""
        for history in user_histories(train, "single_train", longest):
            yield UserHistory(history.user, ("train",), history.items)

    for module in (history_titles, histories):
        monkeypatch.setattr(module, "user_histories", leaking)
    student = tmp_path / "student"
    student.mkdir()
    stage = {
        "teacher": TeacherRationales(writer=Simulated.Config()),
        "student": StudentRationales(student=StudentFolder.model_construct(kind="folder", path=student)),
        "preferences": UserPreferences(writer=Simulated.Config()),
        "titles": UserTextEmbeddings(texts=HistoryTitles(), encoder=TfIdf()),
    }[kind]
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(type(stage), "key", lambda stage, fingerprint: "key")
    with pytest.raises(
        BenchError, match=rf"^stage '{stage.name}': 9 of 9 targets did not come after all that was shown"
    ):
        stage.build(workshop.train, out, workshop.run(stage))
    assert list(out.iterdir()) == []
    assert not workshop.folder.exists()  # no cassette
