"""The probe of what a model knows by heart."""

import json

import pytest

from llmrec_bench import BenchError, StageRun
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import load_prices
from llmrec_bench.stage import stages_of
from llmrec_bench_plugins.ranker.llm_ranker import LLMRanker
from llmrec_bench_plugins.ranker.title_recall import TitleRecall, completes

TITLES = ["The Quiet Garden (1999)", "Alone", "Blue Night Sky", "", "Two Words"]


@pytest.fixture
def build(tmp_path, scripted, named):
    """`build(says)`: what the artifact holds, what was asked, and the remarks."""

    def built(says, shown=TITLES, **options):
        train = named(shown)
        remarks, log = [], []
        asking = Asking({"scripted": scripted}, tmp_path / "cassette", load_prices(None))
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        stage = TitleRecall(asked=scripted.Config(says=says), **options)

        def llm(config):
            return asking.open(config, train.items, Meter())

        stage.build(
            train, out, StageRun("cpu", lambda _: out, llm, lambda *_: None, log.append, remarks.append, out, print)
        )
        return json.loads((out / "recall.json").read_text()), remarks, log

    return built


@pytest.mark.parametrize(
    ("answer", "title", "is_known"),
    [
        ("Blue Night Sky", "Blue Night Sky", True),
        ("blue night sky.", "Blue Night Sky", True),
        ("The Quiet Garden (1998)", "The Quiet Garden (1999)", True),
        ("The Quiet Garden", "The Quiet Garden (1999)", True),
        ("The Quiet", "The Quiet Garden (1999)", False),
        ("The Quiet Garden Party", "The Quiet Garden (1999)", False),
        ("", "Blue Night Sky", False),
    ],
)
def test_what_counts_as_completed(answer, title, is_known):
    assert completes(answer, title) is is_known


def test_titles_of_two_words_and_more_are_begun(build, asked):
    found, remarks, _ = build("Two words")
    assert [prompt.messages[0].content.split('"')[1] for prompt in asked] == ["The", "Blue", "Two"]
    assert [prompt.items for prompt in asked] == [("i0",), ("i2",), ("i4",)]
    assert found == {"titles": 3, "completed": 1}
    assert remarks == [
        "rule completes 1 of 3 titles of the data set from their first words; what it remembers it need not infer"
    ]


def test_so_many_titles_are_drawn_by_the_seed(build, asked):
    titles = [f"Title number {i}" for i in range(50)]
    for seed in (0, 0, 1):
        assert build("no", titles, titles=5, seed=seed)[0] == {"titles": 5, "completed": 0}
    assert len(asked) > 5  # answers are recorded, so that the second build asked nothing new
    assert len(asked) <= 10


def test_failures_are_lines(build):
    with pytest.raises(BenchError, match="no title of the data set has two words"):
        build("x", ["Alone", ""])
    with pytest.raises(BenchError, match="all 3 requests failed; the first: the server is on fire"):
        build("fails")


def test_a_ranker_has_it_built_beside_its_results(scripted):
    probe = TitleRecall(asked=scripted.Config())
    config = LLMRanker.Config(language_model=scripted.Config(), memory=probe)
    assert [stage for stage, _ in stages_of(config).values()] == [probe]
    assert not stages_of(LLMRanker.Config(language_model=scripted.Config()))
