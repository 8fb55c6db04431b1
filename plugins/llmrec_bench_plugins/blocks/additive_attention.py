"""Additive attention weights without keeping the (T, L, d) sums they come from."""

from typing import Any

import torch
from torch import Tensor

CHUNK_VALUES = {"cpu": 1 << 18, "cuda": 1 << 26}
"""How many sums to hold at a time."""


def additive_weights(asking: Tensor, asked: Tensor, scale: Tensor) -> Tensor:
    """(B, T, L): scale . sigmoid(asking_t + asked_l), from (B, T, d), (B, L, d) and (d,)."""
    weights: Tensor = _AdditiveWeights.apply(asking, asked, scale)  # type: ignore[no-untyped-call]
    return weights


class _AdditiveWeights(torch.autograd.Function):
    """Works on a few rows at a time and computes the sigmoids anew for the gradients.

    Autograd's way writes and reads (B, T, L, d) values several times over; a few rows stay in the processor's cache.
    """

    @staticmethod
    def forward(ctx: Any, asking: Tensor, asked: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(asking, asked, scale)
        weights = asking.new_empty((*asking.shape[:2], asked.shape[1]))
        for rows in _chunks(asking, asked):
            weights[rows] = _sigmoids(asking[rows], asked[rows]) @ scale
        return weights

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        asking, asked, scale = ctx.saved_tensors
        asking_grad, asked_grad = torch.empty_like(asking), torch.empty_like(asked)
        scale_grad = torch.zeros_like(scale)
        for rows in _chunks(asking, asked):
            by_weight = grad[0][rows]  # (b, T, L)
            sigmoids = _sigmoids(asking[rows], asked[rows])  # (b, T, L, d)
            scale_grad += by_weight.reshape(-1) @ sigmoids.flatten(0, 2)
            # s (1 - s), times the gradient by the weight; the scale is a factor of both sums.
            slopes = torch.addcmul(sigmoids, sigmoids, sigmoids, value=-1).mul_(by_weight[..., None])
            asking_grad[rows] = slopes.sum(dim=2) * scale
            asked_grad[rows] = slopes.sum(dim=1) * scale
        return asking_grad, asked_grad, scale_grad


def _sigmoids(asking: Tensor, asked: Tensor) -> Tensor:
    """(b, T, L, d)."""
    return (asking[:, :, None] + asked[:, None]).sigmoid_()


def _chunks(asking: Tensor, asked: Tensor) -> list[slice]:
    """Row ranges whose sums fit the cache."""
    values = asking[0].numel() * asked.shape[1]
    size = max(1, CHUNK_VALUES[asking.device.type] // values)
    return [slice(start, start + size) for start in range(0, len(asking), size)]
