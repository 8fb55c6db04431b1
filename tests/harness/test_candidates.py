"""Candidates are the target and fair negatives, in an order that says nothing, drawn once."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from llmrec_bench import DataSource, Log
from llmrec_bench.candidates import check_candidates, draw, generator, offer, shuffle_rows
from llmrec_bench.data.dataset import Dataset
from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.data.splits import LeaveOneOut, Ratio, Split, split
from llmrec_bench.errors import BenchError
from llmrec_bench.protocol import CandidateFile, FullCatalogue, Protocol, Sampled

I = 60  # noqa: E741 - items, as everywhere


class NoSource(DataSource):
    """Made in memory."""

    name = "memory"

    def read(self) -> Log:
        """Nothing to read."""
        raise NotImplementedError


def users_with(n_users: int, length: int, seed: int = 0) -> Sequences:
    """Rows of different items, the first items of the catalogue more often than the last."""
    rng = np.random.default_rng(seed)
    chances = np.linspace(3, 1, I) / np.linspace(3, 1, I).sum()
    rows = [rng.choice(I, size=length, replace=False, p=chances) for _ in range(n_users)]
    return Sequences(np.arange(n_users + 1) * length, np.concatenate(rows).astype(np.int32))


def dataset_of(sequences: Sequences) -> Dataset:
    return Dataset(
        name="memory",
        source=NoSource(),
        sequences=sequences,
        users=pd.Index([f"u{u}" for u in range(len(sequences))]),
        items=pd.DataFrame({"token": [f"i{i}" for i in range(I)], "title": ""}),
        reviews=None,
        funnel=[],
        fingerprint="memory",
    )


def draw_test(rule: Sampled, parts: Split, seed: int = 1) -> npt.NDArray[np.int32]:
    return draw(rule, parts.test, parts.test_targets, parts.train, I, generator(seed, "test"))


@pytest.mark.parametrize("by", ["uniform", "popularity"])
@pytest.mark.parametrize("n", [1, 20, 52], ids=lambda n: f"{n} of at most 52")
def test_strict_negatives_are_different_and_none_is_the_users(by: str, n: int) -> None:
    sequences = users_with(300, 8)
    parts = split(sequences, LeaveOneOut())
    candidates = draw_test(Sampled(n=n, by=by), parts)  # type: ignore[arg-type]
    assert candidates.dtype == np.int32
    assert candidates.shape == (300, n + 1)
    for row, user in zip(candidates.tolist(), parts.test.users, strict=True):
        own = set(sequences[user].tolist())
        assert len(set(row)) == n + 1
        assert set(row) & own == {sequences[user][-1]}


def test_uniform_negatives_are_uniform() -> None:
    sequences = users_with(4000, 5)
    parts = split(sequences, LeaveOneOut())
    candidates = draw_test(Sampled(n=10), parts)
    free = np.ones((4000, I))
    free[sequences.rows(), sequences.items] = 0
    expected = (free * 10 / free.sum(axis=1, keepdims=True)).sum(axis=0)
    drawn = np.bincount(candidates.ravel(), minlength=I) - np.bincount(parts.test_targets.items, minlength=I)
    # Each count is near binomial; six deviations leave no room for chance over 60 items.
    assert np.all(np.abs(drawn - expected) < 6 * np.sqrt(expected))


@pytest.mark.parametrize("rounds", [12, 0], ids=["rejection", "exponential keys"])
def test_popular_negatives_follow_training_counts(rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmrec_bench.candidates._ROUNDS", rounds)
    # Nobody but user 0, whose row is not asked, has items 0..3; they were interacted with 8, 4, 2 and 0 times.
    popular = Sequences(np.array([0, 14]), np.array([0] * 8 + [1] * 4 + [2] * 2, dtype=np.int32))
    asked = np.array([[10, 11, 12]] * 6000, dtype=np.int32)
    train = Sequences(
        np.concatenate((popular.offsets, 14 + np.arange(1, 6001))), np.concatenate((popular.items, asked[:, 0]))
    )
    everything = Sequences(
        np.concatenate((popular.offsets, 14 + 3 * np.arange(1, 6001))), np.concatenate((popular.items, asked.ravel()))
    )
    parts = split(everything, LeaveOneOut())
    queries = parts.test.take(np.arange(1, 6001))
    targets = parts.test_targets.take(np.arange(1, 6001))
    rule = Sampled(n=2, by="popularity")
    candidates = draw(rule, queries, targets, train, I, generator(0, "test"))
    counts = np.bincount(candidates.ravel(), minlength=I)
    # Two draws without replacement with weights 4 : 2 : 1.
    left_out = {0: 2 / 7 * 1 / 5 + 1 / 7 * 2 / 6, 1: 4 / 7 * 1 / 3 + 1 / 7 * 4 / 6, 2: 4 / 7 * 2 / 3 + 2 / 7 * 4 / 5}
    for item, share in left_out.items():
        assert counts[item] == pytest.approx(6000 * (1 - share), abs=6 * np.sqrt(6000 * share * (1 - share)))
    assert counts[3] == 0


def test_sasrec_negatives_repeat_and_avoid_training_items_only() -> None:
    sequences = users_with(3000, 12)
    parts = split(sequences, LeaveOneOut())
    candidates = draw_test(Sampled(n=40, mode="sasrec"), parts)
    assert candidates.shape == (3000, 41)
    train = np.zeros((3000, I), dtype=bool)
    train[parts.train.rows(), parts.train.items] = True
    assert not np.take_along_axis(train, candidates, axis=1).any()
    # 40 draws from the 50 items that are not in training: each of them is expected 0.8 times.
    target, previous = parts.test_targets.items, parts.validation_targets.items
    for items, added in ((target, 1), (previous, 0)):
        times = (candidates == items[:, None]).sum(axis=1) - added
        assert times.mean() == pytest.approx(0.8, abs=6 * np.sqrt(0.8 / 3000))
        assert times.max() > 1


def test_the_targets_column_says_nothing() -> None:
    sequences = users_with(6000, 5)
    parts = split(sequences, LeaveOneOut())
    candidates = draw_test(Sampled(n=9), parts)
    columns = np.bincount((candidates == parts.test_targets.items[:, None]).argmax(axis=1), minlength=10)
    assert np.all(np.abs(columns - 600) < 6 * np.sqrt(540))


def test_every_target_is_offered_and_short_rows_are_padded() -> None:
    sequences = Sequences(np.array([0, 4, 14]), np.array([0, 1, 2, 3, *range(20, 30)], dtype=np.int32))
    parts = split(sequences, Ratio(train=0.5, validation=0.1, test=0.4))
    candidates = draw_test(Sampled(n=5), parts)
    assert parts.test_targets.lengths.tolist() == [1, 4]
    assert candidates.shape == (2, 9)
    assert {26, 27, 28, 29} <= set(candidates[1].tolist())
    assert (candidates[0] == PAD).tolist() == [False] * 6 + [True] * 3


def test_seed_and_purpose_decide_the_draw() -> None:
    sequences = users_with(20, 8)
    parts = split(sequences, LeaveOneOut())
    first, again, other = (draw_test(Sampled(n=20), parts, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    streams = (generator(1, "test"), generator(1, "validation"), np.random.default_rng(1))  # the last is `Run.rng`
    assert len({rng.random() for rng in streams}) == 3


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param(Sampled(n=53), r"leaves 52 of 60 items .* use n up to 52", id="strict"),
        pytest.param(Sampled(n=100), r"use n up to 52", id="more than the catalogue"),
    ],
)
def test_more_negatives_than_there_are_is_refused(rule: Sampled, message: str) -> None:
    sequences = users_with(5, 8)
    parts = split(sequences, LeaveOneOut())
    with pytest.raises(BenchError, match=message):
        draw_test(rule, parts)
    with pytest.raises(BenchError, match=message):
        check_candidates(dataset_of(sequences), parts, Protocol(candidates=rule))


def test_a_user_with_every_item_in_training_is_refused_in_sasrec_mode() -> None:
    sequences = Sequences(np.array([0, I + 2]), np.array([*range(I), 0, 1], dtype=np.int32))
    with pytest.raises(BenchError, match="leaves 0 of 60 items"):
        draw_test(Sampled(n=5, mode="sasrec"), split(sequences, LeaveOneOut()))


def test_shuffling_keeps_rows_and_moves_padding_to_the_end() -> None:
    shuffled = shuffle_rows(np.array([[PAD, 1, 2, PAD, 3]] * 50, dtype=np.int32), np.random.default_rng(0))
    assert {tuple(sorted(row)) for row in shuffled[:, :3].tolist()} == {(1, 2, 3)}
    assert len({tuple(row) for row in shuffled.tolist()}) == 6
    assert (shuffled[:, 3:] == PAD).all()


class TestOffer:
    """What methods and the harness get for one part of a split."""

    sequences = users_with(30, 8)
    parts = split(sequences, LeaveOneOut())
    dataset = dataset_of(sequences)
    sampled = Protocol(candidates=Sampled(n=20))

    def test_full_catalogue_needs_no_candidates(self, tmp_path: Path) -> None:
        offered = offer(self.dataset, self.parts, Protocol(), "test", 1, tmp_path)
        assert offered.queries.candidates is None
        assert offered.hash == "full"
        assert not list(tmp_path.iterdir())

    def test_a_draw_is_stored_and_read_again(self, tmp_path: Path) -> None:
        folder = tmp_path / "candidates"
        first = offer(self.dataset, self.parts, self.sampled, "test", 1, folder)
        (path,) = folder.iterdir()
        assert first.queries.candidates is not None
        stored = np.load(path, allow_pickle=False)
        assert np.array_equal(stored, first.queries.candidates)
        # What is stored is what is used: a mark left in the file comes back.
        np.save(path, stored[:, ::-1])
        again = offer(self.dataset, self.parts, self.sampled, "test", 1, folder)
        assert again.queries.candidates is not None
        assert np.array_equal(again.queries.candidates, stored[:, ::-1])
        assert again.hash != first.hash

    def test_parts_seeds_and_options_have_sets_of_their_own(self, tmp_path: Path) -> None:
        hashes = {
            offer(self.dataset, self.parts, protocol, purpose, seed, tmp_path).hash
            for protocol in (self.sampled, Protocol(candidates=Sampled(n=21)))
            for purpose in ("validation", "test")
            for seed in (1, 2)
        }
        assert len(hashes) == len(list(tmp_path.iterdir())) == 8

    def test_a_seed_of_the_protocol_holds_for_all_trials(self, tmp_path: Path) -> None:
        fixed = Protocol(candidates=Sampled(n=20, seed=5))
        first, second = (offer(self.dataset, self.parts, fixed, "test", seed, tmp_path) for seed in (1, 2))
        assert first.hash == second.hash == offer(self.dataset, self.parts, self.sampled, "test", 5, tmp_path).hash

    def test_damaged_candidates_are_named(self, tmp_path: Path) -> None:
        offer(self.dataset, self.parts, self.sampled, "test", 1, tmp_path)
        (path,) = tmp_path.iterdir()
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(BenchError, match=rf"{path.name}: the stored candidates are damaged"):
            offer(self.dataset, self.parts, self.sampled, "test", 1, tmp_path)

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(BenchError, match="cannot store the candidates"):
            offer(self.dataset, self.parts, self.sampled, "test", 1, tmp_path / "file" / "candidates")

    def test_a_file_narrows_the_test_to_its_users(self, tmp_path: Path) -> None:
        path = tmp_path / "given.txt"
        path.write_text("u7\ti1 i2 i3 i4\nu3\ti5 i6\n")
        protocol = Protocol(candidates=CandidateFile(path=path), cutoffs=(2,))
        offered = offer(self.dataset, self.parts, protocol, "test", 1, tmp_path)
        assert offered.queries.users.tolist() == [3, 7]
        assert offered.targets.items.tolist() == [self.sequences[3][-1], self.sequences[7][-1]]
        assert offered.queries.candidates is not None
        assert [sorted(row) for row in offered.queries.candidates.tolist()] == [[PAD, PAD, 5, 6], [1, 2, 3, 4]]
        validation = offer(self.dataset, self.parts, protocol, "validation", 1, tmp_path)
        assert validation.queries.candidates is None
        assert len(validation.queries) == 30

    @pytest.mark.parametrize("candidates", [FullCatalogue(), Sampled(n=20)], ids=["full", "sampled"])
    def test_a_cut_off_above_the_candidates_is_refused(
        self, candidates: FullCatalogue | Sampled, tmp_path: Path
    ) -> None:
        protocol = Protocol(candidates=candidates).model_copy(update={"cutoffs": (61,)})
        with pytest.raises(BenchError, match="cut-off 61 is larger than the"):
            offer(self.dataset, self.parts, protocol, "test", 1, tmp_path)
