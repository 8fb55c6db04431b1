"""SASRec's encoder: causal self-attention over item and position embeddings (Kang and McAuley, ICDM 2018).

The form is that of the authors' published code: a block's queries are the normalised sequence, its keys and values the
plain one; what is added back to the attention is the normalised query (the paper writes the plain input); heads
are concatenated without an output projection; the feed-forward part adds back its normalised input.
"""

import torch
from torch import Tensor, nn

from llmrec_bench_plugins.blocks.dropout import ByteDropout
from llmrec_bench_plugins.blocks.sequence_encoder import CausalEncoder, ItemTable


class SelfAttentionEncoder(CausalEncoder):
    """Item vectors times sqrt(d) plus positions, through N blocks, normalised."""

    def __init__(self, items: ItemTable, history_length: int, blocks: int, heads: int, dropout: float) -> None:
        """Matrices, the item table's included, start Xavier-normal."""
        super().__init__(items)
        width = items.embedding_dim
        self.positions = nn.Embedding(history_length, width)
        self.dropout = ByteDropout(dropout)
        self.blocks = nn.ModuleList(AttentionBlock(width, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(width, eps=1e-8)
        for weight in self.parameters():
            if weight.dim() == 2:
                nn.init.xavier_normal_(weight)
        with torch.no_grad():
            items.weight[0] = 0

    def states(self, rows: Tensor) -> Tensor:
        """(B, L, d). Positions are counted from the end: the last item always takes the last position."""
        real = rows > 0  # (B, L)
        length = real.sum(dim=1, keepdim=True)  # (B, 1)
        place = torch.arange(rows.shape[1], device=rows.device) - length  # (B, L), -1 at the last item
        place = (self.positions.num_embeddings + place).clamp(max=self.positions.num_embeddings - 1)
        x = self.items(rows) * self.items.embedding_dim**0.5 + self.positions(place)  # (B, L, d)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)
        states: Tensor = self.norm(x)
        return states  # (B, L, d)


class AttentionBlock(nn.Module):
    """Multi-head causal attention, then a position-wise network of the same width."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width, eps=1e-8)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.feed_forward_norm = nn.LayerNorm(width, eps=1e-8)
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)
        self.dropout = ByteDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, d) to (B, L, d)."""
        query = self.attention_norm(x)  # (B, L, d)
        x = query + self.attend(self.query(query), self.key(x), self.value(x))
        x = self.feed_forward_norm(x)
        inner = self.dropout(torch.relu(self.inner(x)))
        outer: Tensor = self.dropout(self.outer(inner))
        return x + outer

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, L, d): each position's mean of the values up to it, weighted by likeness, head by head."""
        B, L, d = query.shape
        q, k, v = (x.view(B, L, self.heads, d // self.heads).transpose(1, 2) for x in (query, key, value))
        logits = q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5  # (B, H, L, L)
        later = torch.ones(L, L, dtype=torch.bool, device=query.device).triu(1)
        weights = logits.masked_fill(later, float("-inf")).softmax(dim=-1)
        heads: Tensor = self.dropout(weights) @ v  # (B, H, L, d / H)
        return heads.transpose(1, 2).reshape(B, L, d)
