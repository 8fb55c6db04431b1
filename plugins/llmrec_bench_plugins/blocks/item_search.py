"""How likely a text-to-text model finds the texts of items: the best of them by search, or any of them exactly."""

import torch
from torch import Tensor
from torch.nn import functional

from llmrec_bench_plugins.blocks.item_trie import ItemTrie
from llmrec_bench_plugins.blocks.prompted_t5 import Encoded, PromptedT5

_ROWS = 512
"""Texts that `log_likelihoods` reads at once."""


def best_items(
    model: PromptedT5, encoded: Encoded, trie: ItemTrie, beams: int, allowed: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """int64 (B, K) items and float (B, K), the log-probabilities of their texts, best first; -1 and -inf where fewer
    than K = `beams` were found.

    A beam search that goes down the tree only, and only where bool (B, N) allows, if given. A text that has ended keeps
    its place among the beams and its log-probability, however short it is. With as many beams as items that are
    allowed nothing is dropped, and the search is exact.
    """
    n_queries, device = len(encoded.states), encoded.states.device
    decoding = model.start(encoded)
    root = torch.zeros(n_queries, 1, dtype=torch.int64, device=device)
    nodes, _, scores = _grown(trie, root, torch.zeros(n_queries, 1, device=device), decoding.first, allowed, beams)
    decoding.widen(beams)
    rows = torch.arange(n_queries, device=device)[:, None] * beams
    while bool(((trie.count[nodes] > 0) & scores.isfinite()).any()):
        log_probabilities = decoding.step(trie.tokens[nodes].clamp(min=0).view(-1, 1))[:, -1]
        nodes, sources, scores = _grown(trie, nodes, scores, log_probabilities, allowed, beams)
        decoding.reorder((rows + sources).flatten())
    return torch.where(scores.isfinite(), trie.items[nodes], -1), scores


def _grown(
    trie: ItemTrie, nodes: Tensor, scores: Tensor, log_probabilities: Tensor, allowed: Tensor | None, beams: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The best `beams` children of the nodes (B, W): nodes, which of the W they come from, and log-probabilities, each
    (B, beams). Where there are fewer, the root at -inf."""
    count, first = trie.count[nodes][..., None], trie.first[nodes][..., None]
    ended = count == 0
    places = torch.arange(max(1, int(count.max())), device=nodes.device)
    real = places < count.clamp(min=1)
    kids = torch.where(ended, nodes[..., None], first + places) * real  # (B, W, M)
    if allowed is not None:
        real &= allowed.gather(1, kids.flatten(1)).view_as(kids)
    next_ones = log_probabilities.view(*nodes.shape, -1).gather(2, trie.tokens[kids].clamp(min=0))
    values = torch.where(real, scores[..., None] + next_ones.masked_fill(ended, 0), -torch.inf)
    missing = max(0, beams - values[0].numel())
    best, chosen = functional.pad(values.flatten(1), (0, missing), value=-torch.inf).topk(beams)
    kids = functional.pad(kids.flatten(1), (0, missing)).gather(1, chosen).masked_fill(best.isinf(), 0)
    return kids, (chosen // len(places)).clamp(max=nodes.shape[1] - 1), best


def log_likelihoods(model: PromptedT5, encoded: Encoded, targets: Tensor) -> Tensor:
    """float (B, C): the log-probability of each text of int64 (B, C, T), end tokens included; -1 stands after an end.

    All texts of a query share one pass of the encoder, and its keys and values in the decoder.
    """
    n_items = min(targets.shape[1], _ROWS)
    blocks = []
    for queries in torch.split(torch.arange(len(targets), device=targets.device), max(1, _ROWS // n_items)):
        parts = [_read(model, encoded.take(queries), part) for part in torch.split(targets[queries], n_items, dim=1)]
        blocks.append(torch.cat(parts, dim=1))
    return torch.cat(blocks)


def _read(model: PromptedT5, encoded: Encoded, targets: Tensor) -> Tensor:
    n_queries, n_items, longest = targets.shape
    tokens = targets.clamp(min=0)
    decoding = model.start(encoded)
    total = decoding.first.gather(1, tokens[:, :, 0])
    if longest == 1:
        return total
    decoding.widen(n_items)
    later = decoding.step(tokens[:, :, :-1].flatten(0, 1)).view(n_queries, n_items, longest - 1, -1)
    own = later.gather(3, tokens[:, :, 1:, None])[..., 0]  # (B, C, T - 1)
    return total + own.masked_fill(targets[:, :, 1:] < 0, 0).sum(dim=2)
