"""The peer of the training step: SASRec from plain torch modules, as its PyTorch port of 2023 is known to be built.

`nn.MultiheadAttention` with normalised queries and plain keys and values, a feed-forward part of two 1x1 convolutions,
rows of padding set to zero after the embedding and each block, logits by one product for the positive and one for the
negative item. Written from that description; rows are padded on the left to the full length, as there.
"""

import torch
from torch import Tensor, nn


class PlainSASRec(nn.Module):
    """Item and position tables, N blocks, a last LayerNorm."""

    def __init__(self, n_items: int, length: int, width: int, blocks: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items + 1, width, padding_idx=0)
        self.positions = nn.Embedding(length, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(PlainBlock(width, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(width, eps=1e-8)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.xavier_normal_(weight)

    def forward(self, rows: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L) logits of the positive and of the negative items; int64 (B, L) each, 0 is padding."""
        real = (rows > 0)[:, :, None]
        places = torch.arange(rows.shape[1], device=rows.device)
        x = self.items(rows) * self.items.embedding_dim**0.5 + self.positions(places)  # (B, L, d)
        x = self.dropout(x) * real
        later = torch.ones(rows.shape[1], rows.shape[1], dtype=torch.bool, device=rows.device).triu(1)
        for block in self.blocks:
            x = block(x, later) * real
        states = self.norm(x)
        return (states * self.items(positives)).sum(dim=-1), (states * self.items(negatives)).sum(dim=-1)


class PlainBlock(nn.Module):
    """Attention and two convolutions over single positions, each added to its normalised input."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, eps=1e-8)
        self.attention = nn.MultiheadAttention(width, heads, dropout)
        self.feed_forward_norm = nn.LayerNorm(width, eps=1e-8)
        self.inner, self.outer = nn.Conv1d(width, width, 1), nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, later: Tensor) -> Tensor:
        """(B, L, d) to (B, L, d)."""
        by_place = x.transpose(0, 1)  # (L, B, d), which the attention module expects
        query = self.attention_norm(by_place)
        attended, _ = self.attention(query, by_place, by_place, attn_mask=later)
        x = self.feed_forward_norm((query + attended).transpose(0, 1))
        inner = torch.relu(self.dropout(self.inner(x.transpose(1, 2))))
        return x + self.dropout(self.outer(inner)).transpose(1, 2)


def train_step(
    model: PlainSASRec, optimizer: torch.optim.Optimizer, rows: Tensor, positives: Tensor, negatives: Tensor
) -> None:
    """Binary cross-entropy over the real positions, one negative each, and an update."""
    positive, negative = model(rows, positives, negatives)
    real = positives > 0
    optimizer.zero_grad()
    criterion = nn.BCEWithLogitsLoss()
    loss = criterion(positive[real], torch.ones_like(positive[real]))
    loss = loss + criterion(negative[real], torch.zeros_like(negative[real]))
    loss.backward()
    optimizer.step()
