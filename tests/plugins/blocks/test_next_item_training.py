"""The training loop: what it learns, what it keeps, how it stops."""

import numpy as np
import pytest
import torch
from torch import nn

from llmrec_bench_plugins.blocks import next_item_training
from llmrec_bench_plugins.blocks.epochs import DivergedError
from llmrec_bench_plugins.blocks.next_item_losses import catalogue_cross_entropy
from llmrec_bench_plugins.blocks.next_item_training import (
    TrainingOptions,
    next_item_loss,
    train_next_item,
)
from llmrec_bench_plugins.blocks.sequence_encoder import CausalEncoder, ItemTable, SequenceEncoder

OPTIONS = {
    "loss": "ce",
    "negatives": 3,
    "history_length": 4,
    "epochs": 5,
    "batch_size": 8,
    "learning_rate": 0.05,
    "gradient_clip": 5.0,
    "patience": None,
}


class LastItem(CausalEncoder):
    """The smallest encoder: a linear map of the last item."""

    def __init__(self, n_items=4, width=8):
        super().__init__(ItemTable(n_items, width))
        self.map = nn.Linear(width, width)

    def states(self, rows):
        return self.map(self.items(rows))


class LastItemOnly(SequenceEncoder):
    """The same, without the states in between."""

    def __init__(self, n_items=4, width=8):
        super().__init__(ItemTable(n_items, width))
        self.map = nn.Linear(width, width)

    def forward(self, rows):
        last = (rows > 0).sum(dim=1) - 1
        return self.map(self.items(rows[torch.arange(len(rows)), last]))


def seeded(kind):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind()


@pytest.fixture
def encoder():
    return seeded(LastItem)


def train(
    encoder,
    validate=lambda: 0.0,
    log=lambda line: None,
    rows=((0, 1, 2, 3, 0, 1), (2, 3, 0), (1,)),
    first_targets=None,
    **options,
):
    offsets = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    items = np.array([item for row in rows for item in row], dtype=np.int32)
    chosen = TrainingOptions(**OPTIONS | options)
    return train_next_item(encoder, offsets, items, chosen, np.random.default_rng(0), validate, log, first_targets)


every_loss = pytest.mark.parametrize("loss", ["ce", "bce", "sampled_softmax"])


@every_loss
@pytest.mark.parametrize("kind", [LastItem, LastItemOnly])
def test_the_smallest_encoder_learns_a_cycle(kind, loss):
    encoder = seeded(kind)
    train(encoder, epochs=200, loss=loss, rows=[[0, 1, 2, 3, 0], [1, 2, 3], [3, 0], [0, 1]])
    with torch.no_grad():
        scores = encoder(torch.tensor([[1], [2], [3], [4]])) @ encoder.items.catalogue().T
    scores.fill_diagonal_(-torch.inf)  # bce draws none of a sequence's own items, so nothing pushes these down
    assert scores.argmax(dim=1).tolist() == [1, 2, 3, 0]
    assert torch.equal(encoder.items.weight[0], torch.zeros(8))


def test_the_best_epoch_is_put_back_after_patience_runs_out(encoder):
    values = iter([0.1, 0.5, 0.5, 0.2, 0.9])
    weights = []

    def validate():
        weights.append(encoder.items.weight.detach().clone())
        return next(values)

    outcome = train(encoder, validate, patience=2)
    assert (outcome.epochs, outcome.best_epoch, outcome.best_value) == (4, 2, 0.5)
    assert torch.equal(encoder.items.weight, weights[1])
    assert not torch.equal(weights[1], weights[3])
    assert not encoder.training


def test_without_patience_nothing_is_validated_and_the_last_weights_stay(encoder):
    def validate():
        raise AssertionError("not asked for")

    outcome = train(encoder, validate, epochs=3)
    assert (outcome.epochs, outcome.best_epoch) == (3, 3)
    assert np.isnan(outcome.best_value)


def test_a_broken_loss_is_named_with_its_epoch_and_step(encoder):
    with torch.no_grad():
        encoder.map.bias[0] = float("nan")
    with pytest.raises(DivergedError, match="the loss became nan in epoch 1, step 1"):
        train(encoder)


def test_nothing_to_learn_from_is_refused(encoder):
    with pytest.raises(ValueError, match="two items or more"):
        train(encoder, rows=[[1], [], [2]])


@pytest.mark.parametrize("kind", [LastItem, LastItemOnly])
@pytest.mark.parametrize("length", [2, 5])
def test_what_stands_before_a_first_target_is_history_only(kind, length, monkeypatch):
    """Of 0 1 2 3 0 the items 3 and 0 are learnt, of 2 3 0 the last one, and nothing of the others."""
    learnt = []

    def spy(states, catalogue, targets):
        learnt.extend(targets.tolist())
        return catalogue_cross_entropy(states, catalogue, targets)

    monkeypatch.setattr(next_item_training, "catalogue_cross_entropy", spy)
    rows, firsts = ((0, 1, 2, 3, 0), (2, 3, 0), (1, 2), (1,)), np.array([3, 2, 2, 1])
    train(seeded(kind), rows=rows, first_targets=firsts, loss="ce", history_length=length, epochs=1, patience=None)
    assert sorted(learnt) == [0, 0, 3]


def test_no_item_behind_a_first_target_is_refused(encoder):
    with pytest.raises(ValueError, match="behind its first target"):
        train(encoder, rows=((0, 1), (2,)), first_targets=np.array([2, 1]))


@every_loss
def test_skipped_transitions_are_not_in_the_loss(encoder, loss):
    encoder.requires_grad_(False)
    rows, drawn = np.array([[1, 2, 3, 4], [4, 1, 0, 0]]), np.array([4, 2])
    some = next_item_loss(encoder, rows, drawn, loss, skipped=np.array([2, 0]))
    for_each = drawn[:, None] if loss == "bce" else [drawn, drawn]
    alone = [
        next_item_loss(encoder, np.array([row]), own, loss) for row, own in zip([[3, 4], [4, 1]], for_each, strict=True)
    ]
    assert float(some) == pytest.approx(float(sum(alone)) / 2, rel=1e-5)


@every_loss
def test_the_loss_covers_each_real_position_once(encoder, loss):
    """A padded batch has the mean loss of its sequences taken alone, weighted by their positions."""
    encoder.requires_grad_(False)
    long, short = np.array([4, 4, 1]), np.array([2])  # for bce one negative a position, else shared
    drawn = [np.concatenate([long, short]), long, short] if loss == "bce" else [long] * 3
    together = next_item_loss(encoder, np.array([[1, 2, 3, 4], [4, 1, 0, 0]]), drawn[0], loss)
    first = next_item_loss(encoder, np.array([[1, 2, 3, 4]]), drawn[1], loss)
    second = next_item_loss(encoder, np.array([[4, 1]]), drawn[2], loss)
    assert float(together) == pytest.approx((3 * float(first) + float(second)) / 4, rel=1e-5)


@every_loss
def test_prefix_by_prefix_the_loss_is_that_of_all_positions_at_once(loss):
    drawn = np.array([4, 4, 1, 2])
    causal, other = seeded(LastItem).requires_grad_(False), seeded(LastItemOnly).requires_grad_(False)
    at_once = next_item_loss(causal, np.array([[1, 2, 3, 4], [4, 1, 0, 0]]), drawn, loss)
    prefixes = np.array([[1, 2, 0, 0], [1, 2, 3, 0], [1, 2, 3, 4], [4, 1, 0, 0]])
    assert float(next_item_loss(other, prefixes, drawn, loss)) == pytest.approx(float(at_once), rel=1e-5)
