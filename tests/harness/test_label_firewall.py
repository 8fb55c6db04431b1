"""What a scorer is shown holds no trace of the answers, and guessing from the order of candidates does not pay."""

import pickle

import numpy as np
import numpy.typing as npt
import pytest

from llmrec_bench.candidates import draw, generator
from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.splits import GlobalTime, LeaveOneOut, Ratio, Split, split
from llmrec_bench.data.training import Queries
from llmrec_bench.evaluate import rank
from llmrec_bench.metrics.rankings import Popularity, Rankings
from llmrec_bench.protocol import Protocol, Sampled

U, I, L = 400, 90, 7  # noqa: E741 - users, items, length, as everywhere


def sequences_of(seed: int = 0) -> Sequences:
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(I)[:L] for _ in range(U)]
    times = np.sort(rng.integers(0, 1000, size=(U, L)), axis=1)
    return Sequences(np.arange(U + 1) * L, np.concatenate(rows).astype(np.int32), times.ravel().astype(np.int64))


class Recorder:
    """Scores at random and keeps the bytes of everything it was shown."""

    def __init__(self) -> None:
        self.shown: list[bytes] = []

    def __call__(self, queries: Queries) -> npt.NDArray[np.float32]:
        """float32 (B, C)."""
        self.shown.append(pickle.dumps(queries))
        width = I if queries.candidates is None else queries.candidates.shape[1]
        return np.random.default_rng(len(self.shown)).random((len(queries), width), dtype=np.float32)


@pytest.mark.parametrize("full", [True, False], ids=["full catalogue", "sampled"])
def test_other_answers_over_the_same_candidates_show_a_scorer_the_same_bytes(full: bool) -> None:
    sequences = sequences_of()
    parts = split(sequences, LeaveOneOut())
    rule = Sampled(n=30)
    rng = generator(0, "test")
    drawn = draw(rule, parts.test, parts.test_targets, parts.train, I, rng)
    candidates = None if full else drawn
    queries = Queries(parts.test.users, parts.test.histories, parts.test.cut_times, candidates)
    other_items = np.random.default_rng(1).permutation(parts.test_targets.items)
    if candidates is not None:
        # Any other candidate may be the answer.
        other_items = candidates[np.arange(U), np.random.default_rng(1).integers(31, size=U)]
    protocol = Protocol() if full else Protocol(candidates=rule)
    ranks, shown = [], []
    for items in (parts.test_targets.items, other_items):
        recorder = Recorder()
        targets = Sequences(parts.test_targets.offsets, items)
        popularity = Popularity(np.zeros(I, dtype=np.int64), U)
        ranks.append(rank(recorder, queries, targets, protocol, popularity, 0, "recorder").ranks.above)
        shown.append(recorder.shown)
    assert shown[0] == shown[1]
    assert not np.array_equal(ranks[0], ranks[1])


def with_other_test_events(sequences: Sequences, parts: Split) -> Sequences:
    assert sequences.times is not None
    held_out = np.ones(U * L, dtype=bool)
    for user, history in zip(parts.test.users, parts.test.histories.lengths, strict=True):
        held_out[user * L : user * L + history] = False
    for user in np.setdiff1d(np.arange(U), parts.test.users):
        held_out[user * L : (user + 1) * L] = False
    rng = np.random.default_rng(1)
    items, times = sequences.items.copy(), sequences.times.copy()
    items[held_out] = rng.permutation(items[held_out])
    times[held_out] += rng.integers(0, 50, size=held_out.sum())
    return Sequences(sequences.offsets, items, times)


SPLITS = pytest.mark.parametrize(
    "rule", [LeaveOneOut(), Ratio(), GlobalTime(validation_from=600, test_from=800)], ids=lambda rule: rule.kind
)


@SPLITS
def test_other_test_events_leave_everything_a_method_sees_as_it_was(rule: LeaveOneOut | Ratio | GlobalTime) -> None:
    sequences = sequences_of()
    parts = split(sequences, rule)
    others = split(with_other_test_events(sequences, parts), rule)
    assert not np.array_equal(others.test_targets.items, parts.test_targets.items)
    for name in ("train", "validation", "validation_targets", "test"):
        assert pickle.dumps(getattr(others, name)) == pickle.dumps(getattr(parts, name)), name


@SPLITS
@pytest.mark.parametrize("by", ["uniform", "popularity"])
def test_other_test_events_leave_the_validation_candidates_as_they_were(
    by: str, rule: LeaveOneOut | Ratio | GlobalTime
) -> None:
    # Were the test target kept out of them, a method could tell from what they lack.
    sequences = sequences_of()
    parts = split(sequences, rule)
    drawn = [
        draw(
            Sampled(n=I - L - 1, by=by),  # type: ignore[arg-type]
            part.validation,
            part.validation_targets,
            part.train,
            I,
            generator(0, "validation"),
        )
        for part in (parts, split(with_other_test_events(sequences, parts), rule))
    ]
    assert np.array_equal(*drawn)


def test_no_array_of_a_query_is_a_window_on_the_answers() -> None:
    sequences = sequences_of()
    parts = split(sequences, LeaveOneOut())
    for queries in (parts.test, parts.test.take(np.arange(5))):
        histories = queries.histories
        for array in (queries.users, queries.cut_times, histories.offsets, histories.items, histories.times):
            assert array is not None
            assert not np.may_share_memory(array, sequences.items)
            assert not np.may_share_memory(array, parts.test_targets.items)
            assert array.base is None or array.base.size <= array.size


def hits(rankings: Rankings, k: int) -> float:
    ranks = rankings.ranks
    return float(np.clip((k - ranks.above) / ranks.tied, 0, 1).sum() / rankings.n_queries)


@pytest.mark.parametrize("sign", [1, -1], ids=["first column first", "last column first"])
@pytest.mark.parametrize("mode", ["strict", "sasrec"])
def test_echoing_the_order_of_candidates_scores_chance(mode: str, sign: int) -> None:
    sequences = sequences_of()
    parts = split(sequences, LeaveOneOut())
    rule = Sampled(n=30, mode=mode)  # type: ignore[arg-type]
    protocol = Protocol(candidates=rule, seen="none", cutoffs=(10,))
    popularity = Popularity(np.zeros(I, dtype=np.int64), U)
    found = []
    for seed in range(10):
        drawn = draw(rule, parts.test, parts.test_targets, parts.train, I, generator(seed, "test"))
        queries = Queries(parts.test.users, parts.test.histories, parts.test.cut_times, drawn)
        echo = np.arange(31, dtype=np.float32) * -sign
        rankings = rank(
            lambda q, echo=echo: np.broadcast_to(echo, (len(q), 31)),
            queries,
            parts.test_targets,
            protocol,
            popularity,
            seed,
            "echo",
        )
        found.append(hits(rankings, 10))
    assert np.mean(found) == pytest.approx(10 / 31, abs=6 * np.sqrt(10 / 31 * 21 / 31 / (10 * U)))
