"""Additive attention against its formula, gradients included."""

import pytest
import torch

from llmrec_bench_plugins.blocks import additive_attention
from llmrec_bench_plugins.blocks.additive_attention import additive_weights


@pytest.mark.parametrize("chunk_values", [1, 300, 1 << 18], ids=["row by row", "uneven chunks", "one chunk"])
def test_weights_and_gradients_equal_autograds(monkeypatch, chunk_values):
    monkeypatch.setitem(additive_attention.CHUNK_VALUES, "cpu", chunk_values)
    rng = torch.Generator().manual_seed(0)
    inputs = [
        torch.randn(shape, generator=rng, dtype=torch.float64, requires_grad=True)
        for shape in [(5, 4, 6), (5, 7, 6), 6]
    ]
    asking, asked, scale = inputs
    expected = torch.sigmoid(asking[:, :, None] + asked[:, None]) @ scale
    ours = additive_weights(*inputs)
    assert torch.allclose(ours, expected)
    upstream = torch.randn(expected.shape, generator=rng, dtype=torch.float64)
    for a, b in zip(
        torch.autograd.grad(ours, inputs, upstream), torch.autograd.grad(expected, inputs, upstream), strict=True
    ):
        assert torch.allclose(a, b)


def test_weights_by_hand():
    weights = additive_weights(
        torch.zeros(1, 1, 2), torch.tensor([[[0.0, 0.0], [100.0, -100.0]]]), torch.tensor([2.0, 4])
    )
    assert weights.tolist() == [[[3.0, 2.0]]]
