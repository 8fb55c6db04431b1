"""Windows and pairs: how many prompts, which order comes out, and chance where answers say nothing."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from llmrec_bench import BenchError, ChosenMethod
from llmrec_bench_plugins.baselines.popularity import Popularity
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.llms.simulation.faults import Faults
from llmrec_bench_plugins.ranker.answers import Reading
from llmrec_bench_plugins.ranker.llm_ranker import LLMRanker
from llmrec_bench_plugins.ranker.procedures import ListWise, PairWise, SlidingWindow

PAIRS = {"procedure": PairWise()}
OUTCOMES = {
    "malformed": "empty",
    "off_list": "off-list",
    "duplicate": "duplicate",
    "refusal": "refused",
}


def windows(window, step, passes=1):
    return {"procedure": SlidingWindow(window=window, step=step, passes=passes)}


def answered(procedure, n, answer):
    """What a course returns and how many prompts it takes, where `answer` gives the places of a prompt it ranks."""
    course, prompts = procedure.course(n), 0
    try:
        shown = next(course)
        while True:
            prompts += len(shown)
            shown = course.send([Reading(tuple(answer(places)), "valid") for places in shown])
    except StopIteration as end:
        return end.value, prompts


def by_worth(worth):
    """The best first, as a model that makes no mistake would say."""
    return lambda places: np.argsort(-np.array(worth)[places], kind="stable").tolist()


orders = st.integers(1, 30).flatmap(lambda n: st.permutations(range(n)))


@given(orders)
def test_a_model_without_mistakes_gives_the_whole_order_in_pairs(worth):
    standing, prompts = answered(PairWise(), len(worth), by_worth(worth))
    assert standing.tolist() == [len(worth) - 1 - w for w in worth]
    assert prompts == len(worth) * (len(worth) - 1)


@given(orders, st.integers(2, 12), st.data())
def test_a_model_without_mistakes_gives_the_whole_order_in_enough_passes(worth, window, data):
    n, step = len(worth), data.draw(st.integers(1, window - 1))
    passes = 1 + max(0, -(-(n - window) // (window - step)))
    standing, prompts = answered(SlidingWindow(window=window, step=step, passes=passes), n, by_worth(worth))
    assert standing.tolist() == [n - 1 - w for w in worth]
    assert prompts == passes * (1 + max(0, -(-(n - window) // step)))


@given(orders, st.integers(2, 12), st.data())
def test_one_pass_finds_the_best(worth, window, data):
    n, step = len(worth), data.draw(st.integers(1, window - 1))
    standing, _ = answered(SlidingWindow(window=window, step=step), n, by_worth(worth))
    best = np.argsort(-np.array(worth))[: window - step]
    assert standing[best].tolist() == list(range(len(best)))


@given(st.integers(1, 30), st.integers(2, 12), st.data())
def test_answers_in_the_order_of_the_prompt_keep_it(n, window, data):
    step = data.draw(st.integers(1, window - 1))
    echo = lambda places: range(len(places))  # noqa: E731
    assert answered(ListWise(), n, echo)[0].tolist() == list(range(n))
    assert answered(SlidingWindow(window=window, step=step), n, echo)[0].tolist() == list(range(n))
    assert len(set(answered(PairWise(), n, echo)[0])) == 1  # each is first as often as last


def test_a_window_worked_by_hand():
    """Worth of places 0 to 4: the window of 3 shows 2, 3, 4, then 0 and 1 with the best of these."""
    worth = [1, 5, 2, 4, 3]
    standing, prompts = answered(SlidingWindow(window=3, step=2), 5, by_worth(worth))
    assert prompts == 2
    # First answer 3, 4, 2; second 1, 3, 0. The order is 1, 3, 0, 4, 2, and nobody compared 0 with 4.
    assert standing.tolist() == [2, 0, 3, 1, 2]


def test_what_a_window_leaves_out_ties_behind_what_it_names():
    standing, _ = answered(SlidingWindow(window=3, step=2), 5, lambda places: [2])
    # The first answer names 4, which moves on before 2 and 3; the second names it again, and 0 and 1 stay open.
    assert standing.tolist() == [1, 1, 1, 1, 0]


def test_pairs_worked_by_hand():
    """0 beats 1 in both orders, 0 and 2 contradict each other, and of 1 and 2 one order has no answer."""
    said = {(0, 1): [0], (1, 0): [1], (0, 2): [0], (2, 0): [0], (1, 2): [1], (2, 1): []}
    standing, prompts = answered(PairWise(), 3, lambda places: said[tuple(places.tolist())])
    assert prompts == 6
    assert standing.tolist() == [0.5, 1 + 0.75, 0.5 + 0.25]


# Through the ranker


@pytest.mark.parametrize("options", [PAIRS, windows(6, 2, passes=3), {"permutations": 2} | windows(6, 2, passes=3)])
def test_the_whole_order_comes_out_as_scores(make_training, make_queries, make_ranker, options):
    train = make_training([[0]], n_items=30)
    queries = make_queries([[0], [1]], [[9, 4, 7, 2, 11, 8, 5, 3, 20, 6], [29, 28, 27, 26, 25, 24, 23, 22, 21, 20]])
    scores = make_ranker(train, "sorts", **options).score(queries)
    for row, items in zip(scores, queries.candidates, strict=True):
        assert row.tolist() == [-sorted(items).index(item) for item in items]


@pytest.mark.parametrize("place", [0, 11])
@pytest.mark.parametrize("says", ["echo", "first 2", "1", "refuses"])
@pytest.mark.parametrize("options", [windows(5, 3), windows(5, 3, passes=2)])
def test_windows_give_nothing_away(make_training, make_queries, make_ranker, hit_rate, place, says, options):
    rng = np.random.default_rng(1)
    rows = np.sort(np.array([rng.choice(np.arange(2, 60), 12, replace=False) for _ in range(800)]))
    queries = make_queries([[0, 1]] * 800, rows)
    ranker = make_ranker(make_training([[0, 1]], n_items=60), says, **options)
    rate = hit_rate(ranker, queries, rows[:, place].tolist(), 3, 60)
    assert rate == pytest.approx(0.25, abs=0 if says == "refuses" else 4 * np.sqrt(0.25 * 0.75 / 800))


@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize("says", ["echo", "1", "2", "refuses", "nothing that I know"])
def test_pairs_by_place_are_exactly_chance(make_training, make_queries, make_ranker, hit_rate, place, says):
    rng = np.random.default_rng(1)
    rows = np.sort(np.array([rng.choice(np.arange(2, 40), 6, replace=False) for _ in range(50)]))
    ranker = make_ranker(make_training([[0, 1]], n_items=40), says, **PAIRS)
    rate = hit_rate(ranker, make_queries([[0, 1]] * 50, rows), rows[:, place].tolist(), 2, 40)
    assert rate == pytest.approx(1 / 3, abs=1e-12)
    said = " | ".join(ranker.remarks)
    assert ranker.remarks[0] == "asked for each two candidates in both orders"
    if says in ("echo", "1", "2"):
        first = "0" if says == "2" else "750"
        assert f"750 of 750 pairs have another winner in each order, {first} of them what was shown first" in said
    assert ranker.prompt_places(make_queries([[0, 1]], rows[:1])) is None


@pytest.mark.parametrize("options", [PAIRS, windows(4, 2), {"permutations": 2} | windows(4, 2, passes=2)])
@pytest.mark.parametrize("prompt", ["sequential", "in-context"])
def test_a_plan_knows_how_many_and_about_how_long(make_training, make_queries, make_ranker, asked, options, prompt):
    train = make_training([[0, 1, 2]], n_items=30)
    queries = make_queries([[0, 1], [], [3]], [range(4, 13), range(4, 13), [*range(10, 14), *[-1] * 5]])
    ranker = make_ranker(train, "sorts", seed=5, prompt=prompt, **options)
    ranker.score(queries)
    planned = list(ranker.prompts(train, queries, 5))
    lists = options.get("permutations", 1)
    count = 9 * 8 + 4 * 3 if options is PAIRS else lists * lists * (4 + 1)  # as many passes as permutations here
    assert len(planned) == len(asked) == count
    assert len({(prompt.items, prompt.sample) for prompt in planned}) == count  # none is taken for a repetition
    assert ranker.prompts_need_fit is (options is not PAIRS)
    assert (planned == asked) is (options is PAIRS)
    lengths = [sum(one.characters for one in some) for some in (planned, asked)]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.02)


@pytest.mark.parametrize("fault", OUTCOMES)
@pytest.mark.parametrize(("options", "answers"), [(PAIRS, 5 * 4), (windows(3, 1), 3)])
def test_the_ledger_counts_answers(make_training, make_queries, make_run, fault, options, answers):
    train = make_training([[0, 1]], n_items=30)
    rng = np.random.default_rng(0)
    queries = make_queries([[0, 1]] * 20, [rng.choice(30, 5, replace=False) for _ in range(20)])
    for share in (0.3, 1.0):
        model = Simulated.Config(faults=Faults(**{fault: share}))
        ranker = LLMRanker(LLMRanker.Config(language_model=model, domain="products", **options))
        ranker.fit(train, make_run(train))
        ranker.score(queries)
        ranker.score(queries)  # counted once
        counts = dict(ranker._ledger.outcomes())
        assert sum(counts.values()) == 20 * answers
        assert ranker.remarks[1].startswith(f"{20 * answers} answers to 20 queries: ")
        whole = sum(set(entry.outcomes) == {"valid"} for entry in ranker._ledger.entries.values())
        assert ranker.remarks[2] == f"of the queries, {whole} of 20 got only valid answers"
        assert counts.keys() == ({OUTCOMES[fault]} if share == 1 else {"valid", OUTCOMES[fault]})
    if OUTCOMES[fault] in ("empty", "refused"):
        assert (ranker.score(queries) == -2).all()


def test_a_cut_answer_is_counted(make_training, make_queries, make_run):
    train = make_training([[0, 1]], n_items=30)
    model = Simulated.Config(faults=Faults(truncated=1))
    ranker = LLMRanker(LLMRanker.Config(language_model=model, domain="products", **windows(10, 5)))
    ranker.fit(train, make_run(train))
    ranker.score(make_queries([[0, 1]], [range(2, 22)]))
    assert dict(ranker._ledger.outcomes()) == {"short": 3}
    [entry] = ranker._ledger.entries.values()
    assert entry.places == 30
    assert 0 < entry.unranked < 30


def test_a_provider_that_fails_for_all_is_one_line(make_training, make_queries, make_ranker):
    for options, count in ((PAIRS, 6), (windows(2, 1), 1)):
        ranker = make_ranker(make_training([[0]], n_items=9), "fails", **options)
        with pytest.raises(BenchError, match=f"^llm-ranker: all {count} requests failed; the first: the server is on"):
            ranker.score(make_queries([[0]], [[2, 3, 4]]))


def test_titles_missing_equal_and_odd(make_queries, make_ranker, asked, named):
    """Twins get numbers where one prompt shows both; what has no title comes last."""
    train = named(["Old\nFilm", "Twins", 'Say\n"no"', "Twins", "", "7", "Up"])
    ranker = make_ranker(train, "sorts", answer="titles", **PAIRS)
    [scores] = ranker.score(make_queries([[4, 0]], [[1, 2, 3, 4, 5, 6]]))
    assert scores.tolist() == [0, -1, -2, -5, -3, -4]
    texts = [prompt.messages[0].content for prompt in asked]
    assert len(texts) == 5 * 4
    assert sum("Twins (1)" in text and "Twins (2)" in text for text in texts) == 2
    assert sum("Twins (" in text for text in texts) == 2
    assert all("\n" not in text for text in texts)
    said = " | ".join(ranker.remarks)
    assert "1 candidates have no title and were not shown" in said
    assert "2 candidates share a title with another and were shown with a number" in said


def test_prompts_of_windows_lose_history_to_fit(make_training, make_queries, make_ranker, asked):
    ranker = make_ranker(make_training([[0]], n_items=60), "echo", longest_prompt=500, **windows(5, 2))
    ranker.score(make_queries([list(range(40))], [range(40, 60)]))
    assert len(asked) == 9
    assert all(prompt.characters <= 500 for prompt in asked)
    assert all("i39" in prompt.items and "i0" not in prompt.items for prompt in asked)  # the latest stay
    assert "9 prompts have a shorter history to fit `longest_prompt`" in ranker.remarks


def test_a_retriever_proposes_to_pairs_and_windows(make_training, make_queries, make_ranker, asked):
    train = make_training([[0, 1, 2, 3], [0, 1, 2], [0, 1], [0]], n_items=6)
    for options, count in ((PAIRS, 6), (windows(2, 1), 2)):
        asked.clear()
        ranker = make_ranker(train, "sorts", retriever=ChosenMethod.of(Popularity), retrieved=3, **options)
        [scores] = ranker.score(make_queries([[0]]))
        assert len(asked) == count
        assert np.flatnonzero(~np.isnan(scores)).tolist() == [1, 2, 3]
        assert scores[1] == 0
    places = ranker.prompt_places(make_queries([[0]]))
    assert sorted(places[0].tolist()) == [-1, -1, -1, -1, 0, 1]  # the first window shows two of three


def test_a_query_without_candidates_to_compare_asks_nothing(make_queries, make_ranker, asked, named):
    ranker = make_ranker(named(["One", "Two", ""]), "echo", **PAIRS)
    scores = ranker.score(make_queries([[0], [0]], [[1, -1], [2, -1]]))
    assert scores[0, 0] == 0  # the only one
    assert np.isnan(scores[1]).all()
    assert asked == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"order": "recorded", **PAIRS}, "recorded rankings are of whole lists, and `procedure: {kind: pair-wise}`"),
        ({"order": "recorded", **windows(5, 2)}, "whole lists, and `procedure: {kind: sliding-window}` asks about"),
        ({"permutations": 2, **PAIRS}, "`{kind: pair-wise}` asks in both orders, and there are no others; use"),
    ],
)
def test_what_makes_no_sense_together(options, told):
    with pytest.raises(ValidationError, match="1 validation error") as refused:
        LLMRanker.Config(language_model=Simulated.Config(), **options)
    assert told in str(refused.value)


def test_a_step_leaves_something_to_move_on():
    with pytest.raises(ValidationError, match="nothing moves on; use a step of 3 or less"):
        SlidingWindow(window=4, step=4)


def test_whole_lists_have_the_identity_they_had():
    plain = LLMRanker.Config(language_model=Simulated.Config())
    assert "procedure" not in plain.identity()
    kinds = [plain.model_copy(update=options).identity()["procedure"] for options in (PAIRS, windows(4, 2))]
    assert kinds == [{"kind": "pair-wise"}, {"kind": "sliding-window", "window": 4, "step": 2, "passes": 1}]


def test_spans_cover_the_list():
    for n, (window, step) in ((n, pair) for n in range(1, 25) for pair in permutations(range(1, 9), 2)):
        if step < window and window > 1:
            spans = SlidingWindow(window=window, step=step)._spans(n)
            assert spans[0][1] == n
            assert spans[-1][0] == 0
            assert all(1 < end - start <= window or n == 1 for start, end in spans)
            assert all(later[1] - step_start[0] == window - step for step_start, later in pairwise(spans))
