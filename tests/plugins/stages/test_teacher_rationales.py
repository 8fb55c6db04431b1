"""A teacher writes about users: whom it is asked about, with which items, and what becomes of failures."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd
import pytest

from llmrec_bench import BenchError, Completion, Prompt, TrainingData
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import PriceList
from llmrec_bench_plugins.llms.openai_compatible import OpenAICompatible
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.llms.simulation.faults import Faults
from llmrec_bench_plugins.stages.history_titles import HistoryTitles
from llmrec_bench_plugins.stages.rationale_steps import parse_steps
from llmrec_bench_plugins.stages.rationales import read_rationales
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales
from llmrec_bench_plugins.stages.user_histories import UserText, user_histories
from llmrec_bench_plugins.stages.wording import rationale_prompt, wording

WRITER = Simulated.Config()


class Flaky(Simulated):
    """Fails wherever item i0 is shown."""

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        for index, completion in super().answer(prompts):
            failed = Completion("", "failed", error="time out")
            yield index, failed if "i0" in prompts[index].items else completion


class Down(Simulated):
    """Always fails."""

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        for index in range(len(prompts)):
            yield index, Completion("", "failed", error="no route")


def teacher(**options):
    return TeacherRationales(**{"writer": WRITER, **options})


def build(workshop, stage, kind=Simulated):
    """Builds with a language model of another kind; the rows written."""
    asking = Asking({"simulated": kind}, workshop.folder / "other", PriceList([]))
    out = workshop.place(stage)
    out.mkdir(parents=True)
    run = workshop.run(stage)
    stage.build(
        workshop.train,
        out,
        replace(run, llm=lambda options: asking.open(options, workshop.train.items, Meter())),
    )
    return read_rationales(out)


def with_items(workshop, **columns):
    train = workshop.train
    items = train.items.assign(**columns)
    workshop.train = TrainingData(train.sequences, items, train.validation, train.validation_targets, "other")


@pytest.mark.parametrize("cutoff", ["earliest", "per_split", "single_train"])
def test_a_rationale_for_each_history(workshop, cutoff):
    stage, train = teacher(cutoff=cutoff, history_length=3), workshop.train
    rows = read_rationales(workshop.artifact(stage))
    histories = list(user_histories(train, cutoff, 3))
    tokens, titles = train.items["token"].tolist(), train.items["title"].tolist()
    assert list(rows.columns) == ["user", "serves", "items", "text"]
    assert rows["user"].tolist() == [h.user for h in histories]
    assert [tuple(serves) for serves in rows["serves"]] == [h.serves for h in histories]
    assert [list(items) for items in rows["items"]] == [[tokens[i] for i in h.items] for h in histories]
    assert all(parse_steps(text).whole for text in rows["text"])
    expected = [
        rationale_prompt("movies", [tokens[i] for i in h.items], [titles[i] for i in h.items]) for h in histories
    ]
    assert stage.prompts(train) == expected
    assert stage.language_model() == WRITER
    assert stage.read(train, workshop.run(stage)) == [
        UserText(h.user, h.serves, text) for h, text in zip(histories, rows["text"], strict=True)
    ]


@pytest.mark.parametrize("cutoff", ["earliest", "per_split"])
def test_a_figure_is_told_the_text_that_serves_the_test(workshop, cutoff):
    stage = teacher(cutoff=cutoff)
    folder = workshop.artifact(stage)
    rows = read_rationales(folder)
    served = rows[["test" in serves for serves in rows["serves"]]]
    assert stage.texts_about_users(folder) == dict(zip(served["user"], served["text"], strict=True))
    assert len(rows) > len(served) or cutoff == "earliest"


def test_a_prompt_worked_by_hand(workshop):
    prompt = teacher(history_length=2).prompts(workshop.train)[0]  # user 0 had the items 0, 1, 0 and 3
    start = "I've watched the following movies in the past in order: 0). Brazil (1985), 1). Alien (1979). Step 1: "
    assert prompt.messages[-1].content.startswith(start)
    assert (prompt.family, prompt.items) == ("rationale", ("i1", "i0"))


def test_products_have_another_wording(workshop):
    text = teacher(domain="products", products="games").prompts(workshop.train)[0].messages[-1].content
    assert text.startswith("I've purchased the following games in the past in order: 0). Alien (1979), 1). Brazil")


def test_long_titles_are_cut_and_whole_ones_change_no_key(workshop):
    with_items(workshop, title=[f"{word} and  some more" for word in "abcdefgh"])
    cut = teacher(history_length=2, title_words=2)
    assert ": 0). b and, 1). a and. Step 1" in cut.prompts(workshop.train)[0].messages[-1].content
    titles = HistoryTitles(history_length=2, title_words=2).read(workshop.train, workshop.run(cut))
    assert titles[0].text == "0). b and, 1). a and"
    for kind in (teacher(), HistoryTitles()):
        assert "title_words" not in kind.identity()  # what was built before there was the option stays known
        assert kind.model_copy(update={"title_words": 2}).identity() == {**kind.identity(), "title_words": 2}


def test_items_without_a_title_are_neither_shown_nor_told_of(workshop):
    with_items(workshop, title=["Alien", "", "Casino", "Diva", "Emma", "", "Gigi", ""])
    stage = teacher(cutoff="per_split")
    rows = read_rationales(workshop.artifact(stage))
    shown = [prompt.items for prompt in stage.prompts(workshop.train)]
    assert [tuple(items) for items in rows["items"]] == shown
    assert not {item for items in shown for item in items} & {"i1", "i5"}
    by_user: dict[str, set[str]] = {}
    for user, items in zip(rows["user"], shown, strict=True):
        by_user.setdefault(str(user), set()).update(items)
    assert workshop.seen == by_user


def test_users_with_nothing_to_show_are_not_asked_about(workshop):
    with_items(workshop, title=["Alien", *[""] * 7])
    rows = read_rationales(workshop.artifact(teacher()))
    assert {item for items in rows["items"] for item in items} == {"i0"}
    with_items(workshop, title=[""] * 8)
    with pytest.raises(BenchError, match=r"^stage 'teacher-rationales': no user has a history of titled items") as none:
        workshop.artifact(teacher(history_length=5))
    assert "\n" not in str(none.value)


def test_some_users_drawn_by_the_seed(workshop):
    def asked(**options):
        return read_rationales(workshop.artifact(teacher(**options)))

    whole = asked()
    draws = {seed: asked(users=4, seed=seed) for seed in range(4)}
    for rows in draws.values():
        assert rows["user"].is_unique
        assert len(rows) == 4  # of users with a history, so all are asked about
        pd.testing.assert_frame_equal(rows, whole[whole["user"].isin(rows["user"])].reset_index(drop=True))
    assert len({tuple(rows["user"]) for rows in draws.values()}) > 1
    again = teacher(users=4, seed=2).prompts(workshop.train)
    assert [p.items for p in again] == [tuple(items) for items in draws[2]["items"]]
    pd.testing.assert_frame_equal(asked(users=100), whole)
    every = asked(users=3, cutoff="per_split")
    assert every.groupby("user").size().max() == 3  # all histories of those drawn


def test_failed_requests_leave_their_users_without_and_are_told_of(workshop):
    stage = teacher()
    rows = build(workshop, stage, Flaky)
    showing = rows["items"].map(lambda items: "i0" in items)
    assert 0 < showing.sum() < len(rows)
    assert (rows["text"][showing] == "").all()
    assert rows["text"][~showing].map(bool).all()
    told = f"{showing.sum()} of {len(rows)} requests failed, these users have no rationale: time out"
    assert workshop.lines[1:] == [told, f"{(~showing).sum()} of {len(rows)} rationales have all three steps"]
    assert len(workshop.seen) == len(rows)


def test_refusals_are_no_rationales(workshop):
    stage = teacher(writer=Simulated.Config(faults=Faults(refusal=0.5)))
    rows = read_rationales(workshop.artifact(stage))
    refused = int((rows["text"] == "").sum())
    assert 0 < refused < len(rows)
    assert not rows["text"].str.contains("sorry|cannot|apolog|not able", case=False).any()
    assert workshop.lines[1] == f"{refused} of {len(rows)} requests were refused, these users have no rationale"


def test_broken_answers_are_kept_and_counted(workshop):
    stage = teacher(writer=Simulated.Config(faults=Faults(malformed=1)))
    rows = read_rationales(workshop.artifact(stage))
    assert rows["text"].map(bool).all()
    assert workshop.lines[1:] == [f"0 of {len(rows)} rationales have all three steps"]


def test_nothing_but_failures_is_one_line(workshop):
    with pytest.raises(BenchError, match=r"^stage 'teacher-rationales': all 8 requests failed; the first: no route$"):
        build(workshop, teacher(), Down)


def test_the_key_is_over_what_decides_the_text(monkeypatch, tmp_path):
    key = teacher().key("data")
    others = [
        teacher(domain="products").key("data"),
        teacher(cutoff="per_split").key("data"),
        teacher(cutoff="single_train").key("data"),
        teacher(history_length=5).key("data"),
        teacher(title_words=20).key("data"),
        teacher(writer=Simulated.Config(model="writer-2")).key("data"),
        teacher(users=5).key("data"),
        teacher(users=5, seed=1).key("data"),
    ]
    assert len({key, *others}) == 1 + len(others)
    assert teacher().key("data") == key
    changed = tmp_path / "rationale-movies.txt"
    changed.write_text(f"---\nsource: here\n---\n{wording('rationale', 'movies').text} Be brief.\n")
    (tmp_path / "rationale-products.txt").write_text(f"---\nsource: x\n---\n{wording('rationale', 'products').text}\n")
    products = teacher(domain="products").key("data")
    monkeypatch.setattr("llmrec_bench_plugins.stages.wording._FOLDER", tmp_path)
    assert teacher().key("data") != key
    assert teacher(domain="products").key("data") == products


def test_how_it_is_asked_names_no_result():
    def asked(**options):
        return teacher(writer=OpenAICompatible.Config(provider="openai", model="m", **options)).key("data")

    assert asked(concurrency=2) == asked(concurrency=9)
    assert asked(temperature=0.5) != asked()


def test_every_option_is_explained():
    assert all(field.description for field in TeacherRationales.model_fields.values())
