"""The ranker's scores: by the answers alone, at chance where these say nothing, with every answer accounted for."""

import re

import numpy as np
import pytest
from pydantic import ValidationError

from llmrec_bench import PAD, BenchError, ChosenMethod
from llmrec_bench_plugins.baselines.bm25 import BM25
from llmrec_bench_plugins.baselines.popularity import Popularity
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.llms.simulation.faults import Faults
from llmrec_bench_plugins.ranker import llm_ranker
from llmrec_bench_plugins.ranker.ledger import agreement, rank_by_third
from llmrec_bench_plugins.ranker.llm_ranker import LLMRanker

USERS, ITEMS, WIDTH = 1500, 400, 20


def outcomes(ranker):
    return dict(ranker._ledger.outcomes())


@pytest.fixture
def crowd(make_training):
    return make_training([[0, 1]], n_items=ITEMS)


def crowd_queries(make_queries, place):
    """Many queries with the target in one column, and with the lowest or highest code of its row."""
    rng = np.random.default_rng(1)
    rows = np.sort(np.array([rng.choice(np.arange(2, ITEMS), WIDTH, replace=False) for _ in range(USERS)]))
    if place not in (0, WIDTH - 1):
        rows = rng.permuted(rows, axis=1)
    return make_queries([[0, 1]] * USERS, rows), rows[:, place].tolist()


@pytest.mark.parametrize("place", [0, 7, WIDTH - 1])
@pytest.mark.parametrize(
    ("says", "options"),
    [
        ("echo", {}),
        ("first 4", {}),
        ("1", {}),
        ("I cannot say", {}),
        ("echo", {"permutations": 3}),
    ],
)
def test_the_order_of_the_prompt_gives_nothing_away(crowd, make_queries, make_ranker, hit_rate, place, says, options):
    queries, targets = crowd_queries(make_queries, place)
    rate = hit_rate(make_ranker(crowd, says, **options), queries, targets, 5, ITEMS)
    assert rate == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / USERS))


def test_no_answer_is_exactly_chance(crowd, make_queries, make_ranker, hit_rate):
    queries, targets = crowd_queries(make_queries, 0)
    assert hit_rate(make_ranker(crowd, "refuses"), queries, targets, 5, ITEMS) == 0.25


def test_scores_worked_by_hand(make_queries, make_ranker, asked, named):
    """The prompt's own order is unknown here, so the answer is read against what was shown."""
    train = named(["a", "b", "c", "d", "e"])
    [scores] = make_ranker(train, "2, 4").score(make_queries([[0]], [[4, 1, 3, PAD, 2]]))
    shown = [int(token[1:]) for token in asked[0].items[1:]]
    assert sorted(shown) == [1, 2, 3, 4]
    expected = {shown[1]: 0.0, shown[3]: -1.0, shown[0]: -2.5, shown[2]: -2.5}
    assert scores[[0, 1, 2, 4]].tolist() == [expected[item] for item in (4, 1, 3, 2)]
    assert np.isnan(scores[3])


def test_permutations_average_ranks(make_queries, make_ranker, asked, named):
    train = named(list("abcdef"))
    [scores] = make_ranker(train, "first 2", permutations=3).score(make_queries([[0]], [[1, 2, 3, 4]]))
    ranks = []
    for prompt in asked:
        first, second, *_ = (int(token[1:]) for token in prompt.items[1:])
        ranks.append([{first: 0, second: 1}.get(item, 2.5) for item in (1, 2, 3, 4)])
    assert [prompt.sample for prompt in asked] == [0, 1, 2]
    assert len({prompt.items for prompt in asked}) > 1
    assert scores.tolist() == pytest.approx([-np.mean(column) for column in zip(*ranks, strict=True)])


def test_the_order_of_a_prompt_depends_on_seed_and_user_alone(make_queries, make_ranker, asked, named):
    train = named([f"t{i}" for i in range(30)])
    rows = [[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]]
    for seed in (1, 1, 2):
        for row in rows:
            make_ranker(train, seed=seed).score(make_queries([[0]], [row], users=[3]))
    make_ranker(train, seed=1).score(make_queries([[0]], [rows[0]], users=[4]))
    one, other, again, once_more, new_seed, _, new_user = (prompt.items for prompt in asked)
    assert one == other == again == once_more
    assert len({one, new_seed, new_user}) == 3


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (None, "valid"),
        ("malformed", "empty"),
        ("off_list", "off-list"),
        ("duplicate", "duplicate"),
        ("truncated", "short"),
        ("refusal", "refused"),
    ],
)
def test_every_fault_of_the_simulated_model_has_its_line(make_training, make_queries, make_run, fault, outcome):
    train = make_training([[0, 1]], n_items=30)
    faults = Faults() if fault is None else Faults(**{fault: 1.0})
    ranker = LLMRanker(LLMRanker.Config(language_model=Simulated.Config(faults=faults), domain="products"))
    ranker.fit(train, make_run(train))
    rng = np.random.default_rng(0)
    ranker.score(make_queries([[0, 1]] * 50, [rng.choice(30, 12, replace=False) for _ in range(50)]))
    assert outcomes(ranker) == {outcome: 50}
    assert f"50 answers to 50 queries: {50 if outcome == 'valid' else 0} valid" in ranker.remarks[0]
    assert f"50 {outcome}" in ranker.remarks[0]


def test_the_ledger_adds_up(make_training, make_queries, make_run):
    train = make_training([[0, 1]], n_items=30)
    faults = Faults(malformed=0.1, off_list=0.1, duplicate=0.1, truncated=0.1, refusal=0.1)
    options = {"language_model": Simulated.Config(faults=faults), "permutations": 2}
    ranker = LLMRanker(LLMRanker.Config(**options))
    ranker.fit(train, make_run(train))
    rng = np.random.default_rng(0)
    queries = make_queries([[0, 1]] * 200, [rng.choice(30, 12, replace=False) for _ in range(200)])
    ranker.score(queries.take(np.arange(150)))
    ranker.score(queries.take(np.arange(100, 200)))  # scored again, counted once
    counts = outcomes(ranker)
    assert sum(counts.values()) == 400
    assert counts.keys() == {"valid", "empty", "off-list", "duplicate", "short", "refused"}
    assert ranker.remarks[0].startswith("400 answers to 200 queries: ")


def test_a_provider_that_fails_for_all_is_one_line(make_training, make_queries, make_ranker):
    ranker = make_ranker(make_training([[0]], n_items=9), "fails")
    with pytest.raises(BenchError, match=r"^llm-ranker: all 2 requests failed; the first: the server is on fire$"):
        ranker.score(make_queries([[0], [1]], [[2, 3], [4, 5]]))


def test_the_whole_catalogue_is_refused_before_anything_is_asked(make_training, make_queries, make_ranker, asked):
    train = make_training([[0]], n_items=9)
    ranker = make_ranker(train)
    for ask in (ranker.score, lambda queries: ranker.prompts(train, queries, 0)):
        with pytest.raises(BenchError, match="whole catalogue, which fits no prompt; give the protocol sampled"):
            ask(make_queries([[0], [1]]))
    assert asked == []


def test_what_a_plan_is_told_is_what_is_asked(make_training, make_queries, make_ranker, asked):
    train = make_training([[0, 1, 2]], n_items=30)
    queries = make_queries([[0, 1], [], [3]], [[4, 5, 6], [7, 8, 9], [10, 11, PAD]])
    for options in ({}, {"prompt": "recency-focused"}, {"prompt": "in-context", "answer": "titles", "permutations": 2}):
        asked.clear()
        ranker = make_ranker(train, seed=5, **options)
        ranker.score(queries)
        assert list(ranker.prompts(train, queries, 5)) == asked
        assert len(asked) == 2 * options.get("permutations", 1)


def test_forms_of_the_prompt(make_queries, make_ranker, asked, named):
    train = named(["Alpha", "Beta", "Gamma", "Delta"], category=["x|y", "", "z", "x"])
    queries = make_queries([[0, 1, 2]], [[3]])
    for options in (
        {},
        {"prompt": "recency-focused"},
        {"prompt": "in-context"},
        {"history_length": 2, "history_order": "reversed"},
        {"domain": "products", "products": "games", "item_text": "title-and-category", "answer": "titles"},
    ):
        make_ranker(train, **options).score(queries)
    plain, recent, context, reverse, shop = (prompt.messages[0].content for prompt in asked)
    assert "in order: 0). Alpha, 1). Beta, 2). Gamma. Now there are 1 candidate movies" in plain
    assert "[1] Delta. Rank all of them" in plain
    assert "Note that my most recently watched movie is Gamma. Rank all" in recent
    assert "in order: 0). Alpha, 1). Beta. If I had asked you then for a new movie, Gamma would have been" in context
    assert "in order: 0). Beta" not in reverse
    assert "in order: 0). Gamma, 1). Beta. Now" in reverse
    assert "following games in the past in order: 0). Alpha (x, y), 1). Beta, 2). Gamma (z). Now" in shop
    assert shop.endswith("Use all of the given titles and no others.")


def test_anonymous_items_are_numbers_drawn_by_the_seed(make_queries, make_ranker, asked, named):
    train = named(["Alpha", "Beta", "", "Gamma", "Delta"])
    for seed in (1, 1, 2):
        make_ranker(train, seed=seed, item_text="anonymous").score(make_queries([[0, 1, 2]], [[3, 4]]))
    first, again, other = (prompt.messages[0].content for prompt in asked)
    assert first == again != other
    assert not any(title in first for title in train.items["title"] if title)
    assert len(set(re.findall(r"item \d", first))) == 4


def test_a_shuffled_history_is_the_same_items_in_an_order_of_each_user(make_training, make_queries, make_ranker, asked):
    train = make_training([[0]], n_items=30)
    history = list(range(12))
    ranker = make_ranker(train, history_order="shuffled", permutations=2)
    ranker.score(make_queries([history, history], [[20, 21], [20, 21]]))
    first, again, other, _ = (prompt.items[:12] for prompt in asked)
    assert first == again != other
    assert sorted(first) == sorted(other) == sorted(f"i{item}" for item in history)
    assert first != tuple(f"i{item}" for item in history)


def test_titles_missing_equal_and_odd(make_queries, make_ranker, asked, named):
    train = named(["Old\nFilm", "Twins", 'Say "no"', "Twins", "", "1. 2", "Twins (1)"])
    answer = 'Twins (1)\nTwins (2)\nTwins (3)\n1. 2\nSay "no"'
    ranker = make_ranker(train, answer, answer="titles")
    [scores] = ranker.score(make_queries([[4, 0]], [[1, 2, 3, 4, 5, 6]]))
    [prompt] = asked
    text = prompt.messages[0].content
    assert "in order: 0). Old Film. Now there are 5 candidate" in text
    assert "i4" not in prompt.items
    for title in ("Twins (1)", "Twins (2)", "Twins (3)", '"no"', "1. 2"):
        assert title in text
    assert outcomes(ranker) == {"valid": 1}
    by_item = dict(zip((1, 2, 3, 4, 5, 6), scores.tolist(), strict=True))
    assert by_item[6] == 0.0  # its own title goes first; the twins were given numbers that it has not
    assert {by_item[1], by_item[3]} == {-1.0, -2.0}
    assert (by_item[5], by_item[2], by_item[4]) == (-3.0, -4.0, -5.0)
    said = " | ".join(ranker.remarks)
    assert "1 candidates have no title and were not shown" in said
    assert "2 candidates share a title with another and were shown with a number" in said
    assert "1 of 6 places were left open" in said


def test_nothing_to_ask(make_queries, make_ranker, asked, named):
    train = named(["One", "", "Two", "Three"])
    ranker = make_ranker(train)
    scores = ranker.score(make_queries([[], [1], [0], [0]], [[2, 3], [2, 3], [1, PAD], [2, 3]]))
    assert np.isnan(scores[:3]).all()
    assert not np.isnan(scores[3]).any()
    assert len(asked) == 1
    assert "3 queries had nothing to ask, no history or no candidate" in ranker.remarks


def test_a_long_prompt_loses_its_oldest_history(make_training, make_queries, make_ranker, asked):
    train = make_training([[0]], n_items=60)
    queries = make_queries([list(range(40)), [1]], [[50, 51], [50, 51]])
    ranker = make_ranker(train, longest_prompt=500)
    ranker.score(queries)
    assert asked[0].characters <= 500
    shown = asked[0].items[:-2]
    assert shown == tuple(f"i{item}" for item in range(40 - len(shown), 40))
    assert 0 < len(shown) < 40
    assert "1 prompts have a shorter history to fit `longest_prompt`" in ranker.remarks
    with pytest.raises(BenchError, match=r"has 2.. characters, and `longest_prompt` is 100; raise it, show fewer"):
        make_ranker(train, longest_prompt=100).score(queries)


def test_the_recorded_order_is_for_the_recordings_alone(make_training, make_queries, make_ranker):
    train = make_training([[0]], n_items=60)
    with pytest.raises(BenchError, match="recorded rankings of MovieLens-100K, 943 users with 20 candidates each, and"):
        make_ranker(train, order="recorded").score(make_queries([[0]], [[1, 2]]))
    with pytest.raises(ValidationError, match="one order was recorded"):
        make_ranker(train, order="recorded", permutations=2)


# Two stages


def test_the_retriever_proposes_and_what_it_missed_has_no_score(make_training, make_queries, make_ranker, asked):
    rows = [[0, 1, 2], [0, 1], [0, 3], [0, 1, 2]]  # counts: 0: 4, 1: 3, 2: 2, 3: 1
    train = make_training(rows, n_items=6)
    options = {"retriever": ChosenMethod.of(Popularity), "retrieved": 2}
    ranker = make_ranker(train, **options)
    full = ranker.score(make_queries([[0], [1]]))
    assert [set(prompt.items[1:]) for prompt in asked] == [{"i1", "i2"}, {"i0", "i2"}]
    assert np.flatnonzero(~np.isnan(full[0])).tolist() == [1, 2]
    assert sorted(full[1][[0, 2]].tolist()) == [-1.0, 0.0]
    offered = ranker.score(make_queries([[0]], [[5, 2, PAD, 3, 4]]))
    assert np.flatnonzero(~np.isnan(offered[0])).tolist() == [1, 3]
    seen = make_ranker(train, retrieve_seen=True, **options).score(make_queries([[0]]))
    assert np.flatnonzero(~np.isnan(seen[0])).tolist() == [0, 1]
    assert ranker.remarks[0] == "candidates are the first 2 of popularity"


def test_a_retriever_that_finds_nothing_asks_nothing(named, make_queries, make_ranker, asked):
    train = named(["One", "Two", "Three"])
    ranker = make_ranker(train, retriever=ChosenMethod.of(BM25), retrieved=5)
    assert np.isnan(ranker.score(make_queries([[]]))).all()
    assert asked == []


def test_a_miss_is_a_miss_at_every_cutoff(make_training, make_queries, make_ranker, hit_rate):
    train = make_training([[0, 1, 2], [0, 1], [0, 1, 3]], n_items=6)
    ranker = make_ranker(train, retriever=ChosenMethod.of(Popularity), retrieved=2)
    queries = make_queries([[0], [0]])
    assert hit_rate(ranker, queries, [1, 5], 5, 6) == 0.5


def test_a_plan_with_a_retriever_knows_how_many_prompts_and_not_which(make_training, make_queries, make_ranker):
    train = make_training([[0, 1, 2], [0, 1]], n_items=6)
    ranker = make_ranker(train, retriever=ChosenMethod.of(Popularity), retrieved=2, permutations=3)
    assert ranker.prompts_need_fit
    assert len(ranker.prompts(train, make_queries([[0], [1]]), 0)) == 6
    assert not make_ranker(train).prompts_need_fit


def test_a_retriever_asks_no_language_model():
    inner = LLMRanker.Config(language_model=Simulated.Config())
    with pytest.raises(ValidationError, match="the retriever 'llm-ranker' asks a language model itself"):
        LLMRanker.Config(language_model=Simulated.Config(), retriever=ChosenMethod.of(LLMRanker, inner))


# Position bias


def test_thirds_of_a_prompt():
    assert rank_by_third([np.arange(6.0)]) == pytest.approx((0.1, 0.5, 0.9))
    assert rank_by_third([np.arange(6.0), np.arange(6.0)[::-1]]) == pytest.approx((0.5, 0.5, 0.5))
    assert rank_by_third([np.arange(2.0)]) == rank_by_third([]) == ()


def test_agreement_is_kendalls_tau():
    one, other = np.array([0.0, 1, 2, 3]), np.array([0.0, 1, 3, 2])
    assert agreement([one, other]) == pytest.approx(4 / 6)  # five pairs agree, one does not
    assert agreement([one, other, one]) == pytest.approx((4 / 6 + 4 / 6 + 1) / 3)
    assert agreement([one, one[::-1]]) == -1
    assert np.isnan(agreement([one]))
    assert np.isnan(agreement([np.array([0.0]), np.array([0.0])]))


def test_a_model_that_echoes_the_prompt_is_seen_through(crowd, make_queries, make_ranker):
    queries, _ = crowd_queries(make_queries, 0)
    ranker = make_ranker(crowd, permutations=2)
    ranker.score(queries.take(np.arange(300)))
    said = " | ".join(ranker.remarks)
    assert "first 0.158, middle 0.526, last 0.868" in said  # means of 0..6, 7..13 and 14..19, over 19
    assert "Kendall's tau between permutations " in said
    tau = float(said.partition("permutations ")[2].split(",")[0])
    assert abs(tau) < 0.05


def test_places_are_those_of_the_first_prompt(make_training, make_queries, make_ranker, asked):
    train = make_training([[0, 1, 2], [0, 1]], n_items=9)
    ranker = make_ranker(train, permutations=2)
    queries = make_queries([[0], [], [1]], [[4, 5, PAD], [5, 6, 7], [8, 7, 2]])
    ranker.score(queries)
    places = ranker.prompt_places(queries)
    first, _, second, _ = (list(prompt.items[1:]) for prompt in asked)
    assert places[0].tolist() == [first.index("i4"), first.index("i5"), -1]
    assert places[1].tolist() == [-1, -1, -1]
    assert places[2].tolist() == [second.index(f"i{item}") for item in (8, 7, 2)]
    staged = make_ranker(train, retriever=ChosenMethod.of(Popularity), retrieved=2)
    staged.score(make_queries([[0]]))
    staged._retriever = None  # its proposals are kept, and not made again
    [whole] = staged.prompt_places(make_queries([[0]]))
    assert sorted(whole.tolist()) == [-1] * 7 + [0, 1]
    assert set(np.flatnonzero(whole >= 0)) == {1, 2}


def test_the_first_answer_is_read_before_the_last_prompt_is_made(make_training, make_queries, make_ranker, monkeypatch):
    ranker = make_ranker(make_training([[0, 1, 2, 3]], n_items=4))
    events = []

    def answer_arriving(self, prompts):
        for i, prompt in enumerate(prompts):
            events.append("asked")
            yield from ((i, completion) for _, completion in self.answer([prompt]))

    read = llm_ranker.read_ranking
    monkeypatch.setattr(type(ranker._model._model), "answer_arriving", answer_arriving, raising=False)
    monkeypatch.setattr(llm_ranker, "read_ranking", lambda *given: events.append("read") or read(*given))
    scores = ranker.score(make_queries([[0], [1], [2]], [[1, 2], [2, 3], [3, 0]]))
    assert events == ["asked", "read"] * 3
    assert not np.isnan(scores).any()
