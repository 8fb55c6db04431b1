"""Texts written by diverse beam search: groups of beams, each kept off the words of those before it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from llmrec_bench_plugins.blocks.prompted_t5 import Encoded, PromptedT5


@dataclass(frozen=True)
class TextSearch:
    """How texts are searched for (Vijayakumar et al., AAAI 2018)."""

    beams: int
    """Texts pursued at once, those of all groups together."""
    groups: int
    """Divides `beams`. One group is a plain beam search."""
    penalty: float
    """What a token loses, at each step, for each beam of an earlier group that has just written it (Hamming)."""
    shortest: int
    """Tokens before the end token, at least."""
    longest: int
    """Tokens, the end token included, at most."""


def best_texts(model: PromptedT5, encoded: Encoded, search: TextSearch, banned: Tensor) -> tuple[Tensor, Tensor]:
    """int64 (B, beams, T), pads behind their ends, and float (B, beams), best first; -inf where fewer were found.

    A text's value is the mean over its tokens of their log-probabilities, less the penalties. Each group goes on until
    it has as many texts that ended as it has beams, or to the longest; so does transformers' beam search with
    `early_stopping`, which one group repeats. Tokens marked in bool (V,) are never written.
    """
    n_queries, n_groups, width = len(encoded.states), search.groups, search.beams // search.groups
    config: Any = model.t5.config
    end, pad = config.eos_token_id, config.pad_token_id
    device = encoded.states.device
    decoding = model.start(encoded)
    decoding.widen(search.beams)
    log_probabilities = decoding.first[:, None].expand(-1, search.beams, -1)
    shape = (n_queries, n_groups, width)
    values = torch.full(shape, -torch.inf, device=device)
    values[:, :, 0] = 0  # all beams are the same text yet
    ended = torch.full(shape, -torch.inf, device=device)
    texts = torch.full((*shape, search.longest), pad, device=device)
    ended_texts = texts.clone()
    rows = torch.arange(search.beams * n_queries, device=device).view(shape)[..., :1]
    for step in range(search.longest):
        allowed = log_probabilities.masked_fill(banned, -torch.inf).view(*shape, -1).clone()
        if step < search.shortest:
            allowed[..., end] = -torch.inf
        sources = torch.empty(shape, dtype=torch.int64, device=device)
        written = torch.zeros_like(allowed[:, 0, 0])  # (B, V): by earlier groups, at this step
        for group in range(n_groups):
            grown = values[:, group, :, None] + allowed[:, group] - search.penalty * written[:, None]
            # Twice as many as beams, so that enough go on where the best ones end.
            best, chosen = grown.flatten(1).topk(min(2 * width, grown[0].numel()))
            origins, tokens = chosen // grown.shape[2], chosen % grown.shape[2]
            longer = _rows_of(texts[:, group], origins)
            longer[..., step] = tokens
            ends = (tokens == end) | (step == search.longest - 1)
            ends[:, width:] = False
            ends &= ~ended[:, group].isfinite().all(dim=1, keepdim=True)
            candidates = torch.cat([ended[:, group], (best / (step + 1)).masked_fill(~ends, -torch.inf)], dim=1)
            ended[:, group], kept = candidates.topk(width)
            ended_texts[:, group] = _rows_of(torch.cat([ended_texts[:, group], longer], dim=1), kept)
            values[:, group], kept = best.masked_fill(tokens == end, -torch.inf).topk(width)
            texts[:, group], sources[:, group] = _rows_of(longer, kept), origins.gather(1, kept)
            open_ones = values[:, group].isfinite() & ~ended[:, group].isfinite().all(dim=1, keepdim=True)
            written.scatter_add_(1, tokens.gather(1, kept), open_ones.to(written.dtype))
        if bool((ended.isfinite().all(dim=2) | ~values.isfinite().any(dim=2)).all()) or step == search.longest - 1:
            break
        decoding.reorder((rows + sources).flatten())
        log_probabilities = decoding.step(texts[..., step].reshape(-1, 1))[:, -1]
    best, order = ended.flatten(1).sort(dim=1, descending=True, stable=True)
    return _rows_of(ended_texts.flatten(1, 2), order), best


def _rows_of(texts: Tensor, chosen: Tensor) -> Tensor:
    """(B, K, T): of each query's texts (B, N, T) the chosen ones, int64 (B, K)."""
    return texts.gather(1, chosen[..., None].expand(-1, -1, texts.shape[2]))
