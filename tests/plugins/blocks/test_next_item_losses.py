"""Losses against their defining formulas."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from llmrec_bench_plugins.blocks import next_item_losses
from llmrec_bench_plugins.blocks.next_item_losses import (
    binary_cross_entropy,
    catalogue_cross_entropy,
    sampled_cross_entropy,
)


def test_binary_cross_entropy_by_hand():
    states = torch.tensor([[1.0, 2.0], [0.5, 0.0]])
    positives = torch.tensor([[1.0, 0.0], [2.0, 7.0]])
    negatives = torch.tensor([[0.0, -1.0], [9.0, 9.0]])
    has_negative = torch.tensor([True, False])
    expected = (math.log1p(math.exp(-1)) + math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 2
    assert float(binary_cross_entropy(states, positives, negatives, has_negative)) == pytest.approx(expected)


def test_sampled_cross_entropy_by_hand():
    """The second position's target was drawn, so one item is left to contrast it with."""
    items = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    loss = sampled_cross_entropy(torch.tensor([[1.0], [2.0]]), items, torch.tensor([3, 1]), torch.tensor([1, 2]))
    first = math.log(1 + math.exp(1 - 3) + math.exp(2 - 3))
    second = math.log(1 + math.exp(4 - 2))
    assert float(loss) == pytest.approx((first + second) / 2)


def test_sampled_cross_entropy_over_every_item_is_the_whole_catalogues():
    rng = torch.Generator().manual_seed(0)
    states, items = torch.randn(6, 4, generator=rng), torch.randn(10, 4, generator=rng)
    targets = torch.randint(1, 10, (6,), generator=rng)
    sampled = sampled_cross_entropy(states, items, targets, torch.arange(1, 10))
    assert float(sampled) == pytest.approx(float(catalogue_cross_entropy(states, items[1:], targets - 1)), rel=1e-5)


@pytest.mark.parametrize("chunk_values", [1, 70, 1 << 20], ids=["position by position", "uneven chunks", "one chunk"])
def test_catalogue_cross_entropy_and_its_gradients_equal_torch(monkeypatch, chunk_values):
    monkeypatch.setattr(next_item_losses._CatalogueCrossEntropy, "CHUNK_VALUES", chunk_values)
    rng = torch.Generator().manual_seed(0)
    states = torch.randn(17, 5, generator=rng, dtype=torch.float64, requires_grad=True)
    catalogue = torch.randn(23, 5, generator=rng, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 23, (17,), generator=rng)
    expected = cross_entropy(states @ catalogue.T, targets)
    ours = catalogue_cross_entropy(states, catalogue, targets)
    assert torch.allclose(ours, expected)
    for a, b in zip(
        torch.autograd.grad(3 * ours, (states, catalogue)),
        torch.autograd.grad(3 * expected, (states, catalogue)),
        strict=True,
    ):
        assert torch.allclose(a, b)


def test_catalogue_cross_entropy_survives_huge_logits():
    loss = catalogue_cross_entropy(torch.full((2, 1), 1000.0), torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1]))
    assert float(loss) == pytest.approx(1000)
