"""Losses between the state after a position and the item that came next."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus


def binary_cross_entropy(states: Tensor, positives: Tensor, negatives: Tensor, real: Tensor) -> Tensor:
    """-log s(h.p) - log(1 - s(h.n)), mean over positions (SASRec, Eq. 6); all (P, d), `real` (P,).

    `real` is 0 where a position has no negative; its second term is left out.
    """
    positive = softplus(-(states * positives).sum(dim=-1))  # (P,)
    negative = softplus((states * negatives).sum(dim=-1)) * real
    return (positive + negative).mean()


def sampled_cross_entropy(states: Tensor, items: Tensor, targets: Tensor, drawn: Tensor) -> Tensor:
    """-log softmax over the target and the drawn items, mean over positions: (P, d), the table (I + 1, d) as weights,
    its rows of the targets (P,) and of the items drawn for all positions (N,).

    Jean et al. (ACL 2015, Eq. 10), where items drawn uniformly need no correction: it would be the same for all. A
    position whose target was drawn leaves that draw out.
    """
    positive = (states * items[targets]).sum(dim=-1, keepdim=True)  # (P, 1)
    negative = (states @ items[drawn].T).masked_fill(drawn == targets[:, None], float("-inf"))  # (P, N)
    return cross_entropy(torch.cat([positive, negative], dim=1), torch.zeros_like(targets))


def catalogue_cross_entropy(states: Tensor, catalogue: Tensor, targets: Tensor) -> Tensor:
    """-log softmax(h E^T)[target] over all items, mean over positions: (P, d), (I, d), int64 (P,)."""
    loss: Tensor = _CatalogueCrossEntropy.apply(states, catalogue, targets)  # type: ignore[no-untyped-call]
    return loss


class _CatalogueCrossEntropy(torch.autograd.Function):
    """Computes the gradients along with the loss, in chunks of positions.

    The usual product, softmax and their backward passes write and read (P, I) values several times over; a chunk
    stays in the processor's cache, and memory no longer grows with P times I.
    """

    CHUNK_VALUES = 1 << 20

    @staticmethod
    def forward(ctx: Any, states: Tensor, catalogue: Tensor, targets: Tensor) -> Tensor:
        P, I = len(states), len(catalogue)  # noqa: E741
        rows = max(1, _CatalogueCrossEntropy.CHUNK_VALUES // I)
        loss = states.new_zeros(())
        states_grad, catalogue_grad = torch.empty_like(states), torch.zeros_like(catalogue)
        for start in range(0, P, rows):
            chunk = slice(start, start + rows)
            h, target = states[chunk], targets[chunk, None]
            logits = h @ catalogue.T  # (rows, I)
            picked = logits.gather(1, target)
            top = logits.amax(dim=1, keepdim=True)
            logits.sub_(top).exp_()
            total = logits.sum(dim=1, keepdim=True)
            loss += (total.log() + top - picked).sum()
            # From here the buffer holds softmax - onehot, the loss's gradient by the logits.
            logits.div_(total * P)
            logits.scatter_add_(1, target, logits.new_full((len(h), 1), -1 / P))
            torch.mm(logits, catalogue, out=states_grad[chunk])
            catalogue_grad.addmm_(logits.T, h)
        ctx.save_for_backward(states_grad, catalogue_grad)
        return loss / P

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor, Tensor, None]:
        states_grad, catalogue_grad = ctx.saved_tensors
        return states_grad * grad[0], catalogue_grad * grad[0], None
