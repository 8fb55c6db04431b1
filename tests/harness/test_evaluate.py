"""Ranks and lists against hand-worked cases and against a plain implementation that takes one query at a time."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.data.training import Queries
from llmrec_bench.errors import BenchError
from llmrec_bench.evaluate import rank
from llmrec_bench.metrics.rankings import UNRANKED, Popularity, Rankings
from llmrec_bench.protocol import Protocol
from llmrec_bench.tie_order import TieOrder

NAN = math.nan


def rows_of(rows: list[list[int]]) -> Sequences:
    return Sequences(np.cumsum([0, *map(len, rows)]), np.array([i for row in rows for i in row], dtype=np.int32))


@dataclass(frozen=True)
class Case:
    """Scores for B queries, by column."""

    scores: npt.NDArray[Any]
    histories: list[list[int]]
    targets: list[list[int]]
    n_items: int
    candidates: npt.NDArray[np.int32] | None = None
    users: npt.NDArray[np.int32] | None = None

    def rank(self, seed: int = 0, **options: Any) -> Rankings:
        users = np.arange(len(self.scores), dtype=np.int32) if self.users is None else self.users
        queries = Queries(users, rows_of(self.histories), None, self.candidates)
        row_of = {int(user): row for row, user in enumerate(users)}

        def score(block: Queries) -> npt.NDArray[Any]:
            return self.scores[[row_of[int(user)] for user in block.users]]

        protocol = Protocol.model_validate({"cutoffs": [2], **options})
        popularity = Popularity(np.zeros(self.n_items, dtype=np.int64), 1)
        return rank(score, queries, rows_of(self.targets), protocol, popularity, seed, "case")


def one(scores: list[float], target: int, history: list[int] | None = None, **options: Any) -> tuple[int, int]:
    """`above` and `tied` of one target among all items."""
    case = Case(np.array([scores], dtype=np.float32), [history or []], [[target]], len(scores))
    ranks = case.rank(**options).ranks
    return int(ranks.above[0]), int(ranks.tied[0])


class TestRanks:
    """Where a target lands."""

    def test_above_counts_greater_scores(self) -> None:
        assert one([0.5, 0.9, 0.1, 0.7], target=0) == (2, 1)

    def test_ties_are_kept_for_the_expected_value(self) -> None:
        assert one([0.5, 0.9, 0.5, 0.5], target=0) == (1, 3)

    def test_pessimistic_is_the_last_place_of_the_tie(self) -> None:
        assert one([0.5, 0.9, 0.5, 0.5], target=0, ties="pessimistic") == (3, 1)

    def test_pessimistic_targets_of_one_tie_take_its_last_places(self) -> None:
        case = Case(np.array([[5, 5, 5, 9, 1], [2, 1, 2, 1, 0]]), [[], []], [[0, 2], [0, 1, 2, 3]], 5)
        ranks = case.rank(ties="pessimistic").ranks
        assert sorted(ranks.above[:2].tolist()) == [2, 3]
        assert [sorted(ranks.above[2:][[0, 2]].tolist()), sorted(ranks.above[2:][[1, 3]].tolist())] == [[0, 1], [2, 3]]
        assert set(ranks.tied) == {1}

    def test_seeded_draws_each_place_of_the_tie(self) -> None:
        places = {one([0.5, 0.9, 0.5, 0.5], target=0, ties="seeded", seed=seed) for seed in range(40)}
        assert places == {(1, 1), (2, 1), (3, 1)}

    def test_seen_items_are_masked(self) -> None:
        scores = [0.5, 0.9, 0.1, 0.7]
        assert one(scores, target=0, history=[1, 1, 3]) == (0, 1)
        assert one(scores, target=0, history=[1, 3], seen="none") == (2, 1)

    def test_zero_leaves_seen_items_in_the_race(self) -> None:
        assert one([-0.5, 0.9, -0.1, 0.7], target=0, history=[1], seen="zero") == (3, 1)
        assert one([0.5, 0.9, 0.1, 0.7], target=0, history=[1], seen="zero") == (1, 1)

    def test_zero_does_not_rank_what_the_method_left_out(self) -> None:
        assert one([-0.5, NAN, -0.1], target=0, history=[1], seen="zero") == (1, 1)

    @pytest.mark.parametrize("seen", ["mask", "none", "zero"])
    def test_a_target_out_of_the_history_keeps_its_score(self, seen: str) -> None:
        assert one([0.9, 0.5, 0.1], target=1, history=[1], seen=seen) == (1, 1)

    def test_nan_never_beats_a_number(self) -> None:
        assert one([0.5, NAN, -9.0], target=2) == (1, 1)

    def test_a_nan_target_is_a_miss(self) -> None:
        assert one([NAN, 0.1, NAN], target=0) == (UNRANKED, 1)
        assert one([NAN, NAN, NAN], target=0, ties="pessimistic") == (UNRANKED, 1)

    def test_scores_of_any_real_type_are_compared_as_float32(self) -> None:
        for dtype in (np.float64, np.float16, np.int64, np.bool_):
            case = Case(np.array([[0, 1, 1]], dtype=dtype), [[]], [[1]], 3)
            assert (case.rank().ranks.above[0], case.rank().ranks.tied[0]) == (0, 2)
        case = Case(np.array([[1.0, 1.0 + 1e-12, 0.0]]), [[]], [[0]], 3)
        assert case.rank().ranks.tied[0] == 2

    def test_several_targets_compete_with_each_other(self) -> None:
        case = Case(np.array([[4, 3, 2, 1], [1, 2, 3, 4]]), [[], []], [[1, 0, 1], [3]], 4)
        ranks = case.rank().ranks
        assert ranks.queries.tolist() == [0, 0, 1]
        assert ranks.items.tolist() == [0, 1, 3]
        assert ranks.above.tolist() == [0, 1, 0]
        assert ranks.gains.tolist() == [1, 1, 1]

    def test_a_query_without_targets_has_a_list_and_no_rank(self) -> None:
        rankings = Case(np.array([[1, 2, 3], [3, 2, 1]]), [[], []], [[], [1]], 3).rank()
        assert rankings.ranks.queries.tolist() == [1]
        assert rankings.lists.tolist() == [[2, 1], [0, 1]]

    def test_no_queries(self) -> None:
        rankings = Case(np.empty((0, 3)), [], [], 3).rank()
        assert rankings.lists.shape == (0, 2)
        assert len(rankings.ranks.items) == 0


class TestLists:
    """What a user would have been shown."""

    def test_best_first_without_seen_and_unranked_items(self) -> None:
        case = Case(np.array([[5, 4, 3, NAN, 1], [NAN, NAN, 7, NAN, NAN]]), [[0], []], [[4], [0]], 5)
        rankings = case.rank(cutoffs=[3])
        assert rankings.lists.tolist() == [[1, 2, 4], [2, PAD, PAD]]
        assert rankings.lists.dtype == np.int32
        assert rankings.offered.tolist() == [4, 5]

    def test_equal_scores_are_shown_in_a_drawn_order(self) -> None:
        shown = {tuple(Case(np.array([[1, 1, 1, 2]]), [[]], [[0]], 4).rank(seed).lists[0]) for seed in range(40)}
        assert shown == {(3, 0), (3, 1), (3, 2)}

    def test_the_drawn_place_of_a_target_is_its_place_in_the_list(self) -> None:
        case = Case(np.ones((50, 6)), [[]] * 50, [[u % 6] for u in range(50)], 6)
        rankings = case.rank(ties="seeded", cutoffs=[6])
        assert all(rankings.lists[u, rankings.ranks.above[u]] == u % 6 for u in range(50))


class TestCandidates:
    """Columns that stand for items of the query's own."""

    def test_columns_are_items(self) -> None:
        candidates = np.array([[7, 2, 5], [9, 8, PAD]], dtype=np.int32)
        case = Case(np.array([[0.1, 0.3, 0.2], [0.5, 0.6, 99.0]]), [[], [8]], [[5], [9]], 10, candidates)
        rankings = case.rank()
        assert rankings.ranks.above.tolist() == [1, 0]
        assert rankings.lists.tolist() == [[2, 5], [9, PAD]]
        assert rankings.offered.tolist() == [3, 1]

    def test_whatever_stands_in_padding_is_ignored(self) -> None:
        candidates = np.array([[3, PAD, PAD]], dtype=np.int32)
        for filler in (NAN, np.inf, -np.inf, 1e30):
            rankings = Case(np.array([[0.5, filler, filler]]), [[]], [[3]], 4, candidates).rank()
            assert (rankings.ranks.above[0], rankings.ranks.tied[0]) == (0, 1)
            assert rankings.lists.tolist() == [[3, PAD]]

    def test_a_target_that_is_not_offered_is_a_miss(self) -> None:
        case = Case(np.array([[0.5, 0.4]]), [[]], [[3]], 4, np.array([[0, 1]], dtype=np.int32))
        assert case.rank().ranks.above.tolist() == [UNRANKED]

    def test_a_copy_of_the_target_ties_with_it_and_is_listed_once(self) -> None:
        case = Case(np.array([[5, 4, 5, 1]]), [[]], [[3]], 6, np.array([[3, 1, 3, 0]], dtype=np.int32))
        rankings = case.rank(cutoffs=[3])
        assert (rankings.ranks.above[0], rankings.ranks.tied[0]) == (0, 2)
        assert rankings.lists.tolist() == [[3, 1, 0]]
        assert rankings.offered.tolist() == [4]
        assert case.rank(ties="pessimistic").ranks.above.tolist() == [1]
        assert {int(case.rank(seed, ties="seeded").ranks.above[0]) for seed in range(40)} == {0, 1}

    def test_copies_that_a_method_scores_apart_are_each_the_target_in_their_turn(self) -> None:
        case = Case(np.array([[9, 1, 5]]), [[]], [[3]], 6, np.array([[3, 3, 0]], dtype=np.int32))
        assert {int(case.rank(seed).ranks.above[0]) for seed in range(40)} == {0, 2}

    def test_copies_of_a_negative_stand_above_as_often_as_they_were_drawn(self) -> None:
        case = Case(np.array([[5, 4, 5, 1]]), [[]], [[1]], 6, np.array([[3, 1, 3, 0]], dtype=np.int32))
        assert case.rank().ranks.above.tolist() == [2]


class TestRefusals:
    """What a method must not return."""

    @pytest.mark.parametrize("wrong", [np.inf, -np.inf, 1e39])
    def test_infinities_name_the_method_and_the_first_query(self, wrong: float) -> None:
        scores = np.zeros((5, 3))
        scores[3:, 1] = wrong
        scores[1, 0] = NAN
        case = Case(scores, [[1]] * 5, [[0]] * 5, 3, users=np.array([4, 5, 6, 9, 8], dtype=np.int32))
        with pytest.raises(
            BenchError, match=r"method 'case': score\(\) returned an infinity .* query 3 \(user code 9\)"
        ):
            case.rank()

    @pytest.mark.parametrize("shape", [(2, 4), (1, 3), (6,), (2, 3, 1)], ids=str)
    def test_wrong_shapes(self, shape: tuple[int, ...]) -> None:
        queries = Queries(np.arange(2, dtype=np.int32), rows_of([[], []]), None, None)
        with pytest.raises(BenchError, match=r"method 'm': .* shape \(.*\); expected \(2, 3\)"):
            rank(
                lambda _: np.zeros(shape, dtype=np.float32),
                queries,
                rows_of([[0], [1]]),
                Protocol(cutoffs=(2,)),
                Popularity(np.zeros(3, dtype=np.int64), 1),
                0,
                "m",
            )

    @pytest.mark.parametrize(
        ("returned", "given"),
        [
            pytest.param(np.array([["a", "b", "c"]]), "dtype <U1", id="text"),
            pytest.param(np.array([[1, None, 2]]), "dtype object", id="object"),
            pytest.param(np.zeros((1, 3), dtype=complex), "dtype complex128", id="complex"),
            pytest.param([[1, 2, 3]], "a list", id="list"),
            pytest.param(None, "a NoneType", id="nothing"),
        ],
    )
    def test_wrong_types(self, returned: Any, given: str) -> None:
        queries = Queries(np.arange(1, dtype=np.int32), rows_of([[]]), None, None)
        popularity = Popularity(np.zeros(3, dtype=np.int64), 1)
        with pytest.raises(BenchError, match=rf"method 'm': for queries 0 to 0 score\(\) returned {given}; expected"):
            rank(lambda _: returned, queries, rows_of([[0]]), Protocol(cutoffs=(2,)), popularity, 0, "m")

    def test_a_list_longer_than_the_candidates(self) -> None:
        with pytest.raises(BenchError, match="cut-off 4 is larger than the 3 candidates"):
            Case(np.zeros((1, 3)), [[]], [[0]], 3).rank(cutoffs=[4])


def plain(case: Case, users: list[int], options: dict[str, Any], seed: int) -> dict[str, Any]:
    """The same answer in plain Python, query by query."""
    ranks, lists, offered = [], [], []
    for row, user in enumerate(users):
        columns = range(case.n_items) if case.candidates is None else case.candidates[row].tolist()
        targets, history = sorted(set(case.targets[row])), set(case.histories[row]) - set(case.targets[row])
        kept = [(item, float(score)) for item, score in zip(columns, case.scores[row], strict=True) if item != PAD]
        if options["seen"] == "mask":
            kept = [(item, score) for item, score in kept if item not in history]
        elif options["seen"] == "zero":
            kept = [(item, score * 0 if item in history else score) for item, score in kept]
        offered.append(len(kept))
        first: dict[int, float] = {}
        for item, score in kept:
            first.setdefault(item, score)
        order = TieOrder(seed, np.array([user], dtype=np.int32))
        key = {item: int(order.keys(np.array([0]), np.array([item]))[0]) for item in first}
        used: dict[int, int] = {}
        for target in targets:
            own = first.get(target, NAN)
            above = sum(score > own for _, score in kept)
            tied = sum(score == own for _, score in kept)
            if math.isnan(own):
                above, tied = UNRANKED, 1
            elif options["ties"] == "pessimistic":
                last = above + tied - 1
                above, tied = last - used.get(last, 0), 1
                used[last] = used.get(last, 0) + 1
            elif options["ties"] == "seeded":
                copies = sum(item == target for item, _ in kept)
                above += sum(score == own and key[item] < key[target] for item, score in kept)
                above, tied = above + int(key[target] / 2**32 * copies), 1
            ranks.append((row, target, above, tied))
        ranked = sorted((i for i, s in first.items() if not math.isnan(s)), key=lambda i: (-first[i], key[i]))
        lists.append((ranked + [PAD] * options["cutoffs"][0])[: options["cutoffs"][0]])
    return {"ranks": ranks, "lists": lists, "offered": offered}


def as_plain(rankings: Rankings) -> dict[str, Any]:
    ranks = rankings.ranks
    columns = (ranks.queries.tolist(), ranks.items.tolist(), ranks.above.tolist(), ranks.tied.tolist())
    return {
        "ranks": list(zip(*columns, strict=True)),
        "lists": rankings.lists.tolist(),
        "offered": rankings.offered.tolist(),
    }


def random_case(seed: int, n_items: int, offer: str, nan_share: float, levels: int) -> Case:
    """Scores with many ties that depend on the item, as a method's must; repeats of a candidate tie with it."""
    rng = np.random.default_rng(seed)
    n_queries = int(rng.integers(1, 6))
    scores = rng.integers(-levels, levels + 1, size=(n_queries, n_items)).astype(np.float32)
    scores[rng.random(scores.shape) < nan_share] = NAN
    histories = [rng.integers(n_items, size=rng.integers(0, 8)).tolist() for _ in range(n_queries)]
    targets = [rng.integers(n_items, size=rng.integers(0, 4)).tolist() for _ in range(n_queries)]
    users = rng.permutation(100)[:n_queries].astype(np.int32)
    if offer == "all":
        return Case(scores, histories, targets, n_items, None, users)
    width = int(rng.integers(3, 2 * n_items))
    candidates = rng.integers(n_items, size=(n_queries, width)).astype(np.int32)
    for row in range(n_queries):
        candidates[row, width - rng.integers(0, width) :] = PAD
    return Case(np.take_along_axis(scores, candidates, axis=1), histories, targets, n_items, candidates, users)


CASES = st.builds(
    random_case,
    seed=st.integers(0, 10**6),
    n_items=st.one_of(st.integers(3, 40), st.integers(520, 600)),
    offer=st.sampled_from(["all", "candidates"]),
    nan_share=st.sampled_from([0.0, 0.3, 0.95]),
    levels=st.sampled_from([0, 1, 3, 1000]),
)


@given(
    case=CASES,
    options=st.fixed_dictionaries(
        {
            "seen": st.sampled_from(["mask", "none", "zero"]),
            "ties": st.sampled_from(["expected", "pessimistic", "seeded"]),
            "cutoffs": st.integers(1, 3).map(lambda k: [k]),
        }
    ),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=200)
def test_equals_a_plain_implementation(case: Case, options: dict[str, Any], seed: int) -> None:
    assert case.users is not None
    assert as_plain(case.rank(seed, **options)) == plain(case, case.users.tolist(), options, seed)


@given(case=CASES, ties=st.sampled_from(["expected", "seeded"]), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_block_size_and_candidate_order_do_not_matter(case: Case, ties: str, seed: int) -> None:
    expected = as_plain(case.rank(ties=ties))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llmrec_bench.evaluate._BLOCK_QUERIES", 2)
        patch.setattr("llmrec_bench.evaluate._CHUNK_CELLS", 1)
        assert as_plain(case.rank(ties=ties)) == expected
    if case.candidates is not None:
        order = np.random.default_rng(seed).permuted(
            np.arange(case.candidates.shape[1])[None].repeat(len(case.scores), 0), axis=1
        )
        candidates, scores = (np.take_along_axis(array, order, axis=1) for array in (case.candidates, case.scores))
        shuffled = Case(scores, case.histories, case.targets, case.n_items, candidates, case.users)
        assert as_plain(shuffled.rank(ties=ties)) == expected


def test_constant_scores_are_exactly_at_the_chance_level() -> None:
    candidates = np.random.default_rng(0).permuted(np.arange(101, dtype=np.int32)[None].repeat(30, 0), axis=1)
    ranks = Case(np.zeros((30, 101)), [[]] * 30, [[u] for u in range(30)], 200, candidates).rank(cutoffs=[10]).ranks
    assert set(ranks.above) == {0}
    assert set(ranks.tied) == {101}
    # Rank uniform over 1..101: HR@10 is 10/101, whatever the columns.
    assert np.mean(10 / ranks.tied) == pytest.approx(10 / 101, abs=1e-12)


def test_an_oracle_is_first_and_scores_are_left_as_the_method_made_them() -> None:
    scores = np.eye(6, dtype=np.float32)
    before = scores.copy()
    case = Case(scores, [[(u + 1) % 6] for u in range(6)], [[u] for u in range(6)], 6)
    rankings = case.rank()
    assert rankings.ranks.above.tolist() == [0] * 6
    assert rankings.lists[:, 0].tolist() == list(range(6))
    queries = Queries(np.arange(6, dtype=np.int32), rows_of(case.histories), None, None)
    scores.flags.writeable = False
    rank(lambda _: scores, queries, rows_of(case.targets), Protocol(cutoffs=(2,)), rankings.popularity, 0, "read-only")
    assert np.array_equal(scores, before)
