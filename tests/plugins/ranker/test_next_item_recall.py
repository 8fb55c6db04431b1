"""The probe of what a model knows of users by heart."""

import json

import pytest

from llmrec_bench import BenchError, StageRun
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import load_prices
from llmrec_bench.stage import stages_of
from llmrec_bench_plugins.ranker.llm_ranker import LLMRanker
from llmrec_bench_plugins.ranker.next_item_recall import NextItemRecall, hits

TITLES = ["Alpha (1990)", "Beta", "Gamma", "", "2001: Delta", "Up"]
ROWS = [[0, 3, 1, 0, 4, 2, 5], [1, 0, 2, 5], [5, 0, 1]]
"""Without the film that has no title and without repetitions: 0 1 4 2 5, 1 0 2 5, 5 0 1."""


@pytest.fixture
def build(tmp_path, scripted, named):
    """`build(says)`: what the artifact holds, the remarks, and which interactions it saw."""

    def built(says, rows=ROWS, **options):
        train = named(TITLES, rows)
        remarks, saw = [], {}
        asking = Asking({"scripted": scripted}, tmp_path / "cassette", load_prices(None))
        stage = NextItemRecall(asked=scripted.Config(says=says), **{"shown": 2, "following": 2} | options)

        def llm(config):
            return asking.open(config, train.items, Meter())

        run = StageRun("cpu", lambda _: tmp_path, llm, saw.__setitem__, print, remarks.append, tmp_path, print)
        stage.build(train, tmp_path, run)
        return json.loads((tmp_path / "next_items.json").read_text()), remarks, saw

    return built


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ("Gamma\nAlpha", 2),
        ("1. gamma\n2) ALPHA (1991)", 2),
        ("2001: Delta", 1),
        ("1. 2001: Delta", 1),
        ("Gamma\n\nGamma", 1),
        ("x\ny\nGamma", 0),  # the third line of two
        ("1, 2, 3", 0),
        ("The Gamma Ray", 0),
        ("", 0),
    ],
)
def test_hits_at_two(answer, count):
    assert hits(answer, ["Gamma", "Alpha (1990)", "2001: Delta"], 2) == count


def test_worked_by_hand(build, asked):
    """Users 0 and 1 have four titled items; they came to 4 and 2, and to 2 and 5. Three users have 0, 1 and 5,
    two have 2 and one 4, so that the popular answer is 5 and 2."""
    found, remarks, saw = build("1. Gamma\n2. Up")
    assert [prompt.items for prompt in asked] == [("i0", "i1"), ("i1", "i0")]
    assert "in order: 0). Alpha (1990), 1). Beta. Which movies" in asked[0].messages[0].content
    assert "Name the next 2 by their titles" in asked[0].messages[0].content
    assert found == {"users": 2, "items": 4, "named": 3, "popular": 3}
    assert saw == {0: [0, 1, 4, 2], 1: [1, 0, 2, 5]}
    assert remarks == [
        "rule names 3 of the 4 training items that 2 users came to after their first 2; the most popular items are 3 "
        "of them. What is above may be remembered"
    ]


def test_so_many_users_are_drawn_by_the_seed(build, asked):
    rows = [[a, b, c] for a in range(3) for b in (4, 5) for c in range(3) if c != a]
    for seed in (0, 0):
        assert build("no", rows, users=3, following=1, seed=seed)[0]["users"] == 3
    assert len(asked) <= 3  # the second time the same, which is recorded


def test_failures_are_lines(build):
    with pytest.raises(BenchError, match=r"no user has 8 different training items with a title; lower `shown` or"):
        build("x", shown=4, following=4)
    with pytest.raises(BenchError, match="all 2 requests failed; the first: the server is on fire"):
        build("fails")


def test_a_ranker_has_it_built_beside_its_results(scripted):
    probe = NextItemRecall(asked=scripted.Config())
    config = LLMRanker.Config(language_model=scripted.Config(), next_items=probe)
    assert [stage for stage, _ in stages_of(config).values()] == [probe]
    assert "next_items" not in LLMRanker.Config(language_model=scripted.Config()).identity()
