"""GRU4Rec's encoder in RecBole's form: a recurrent network over item vectors, brought back to their width.

Tan, Xu and Liu (DLRS 2016) with the product of output and item vector as score. Not the session-parallel original of
Hidasi et al. with its ranking losses.
"""

import torch
from torch import Tensor, nn

from llmrec_bench_plugins.blocks.dropout import ByteDropout
from llmrec_bench_plugins.blocks.sequence_encoder import CausalEncoder, ItemTable


class GRUEncoder(CausalEncoder):
    """Item vectors through dropout and GRU layers without biases, then a linear map from the hidden size to d."""

    def __init__(self, items: ItemTable, hidden: int, layers: int, dropout: float) -> None:
        """The item table starts Xavier-normal, the recurrent matrices Xavier-uniform."""
        super().__init__(items)
        self.dropout = ByteDropout(dropout)
        self.gru = nn.GRU(items.embedding_dim, hidden, layers, bias=False, batch_first=True)
        self.output = nn.Linear(hidden, items.embedding_dim)
        nn.init.xavier_normal_(items.weight)
        for weight in self.gru.parameters():
            nn.init.xavier_uniform_(weight)
        with torch.no_grad():
            items.weight[0] = 0

    def states(self, rows: Tensor) -> Tensor:
        """(B, L, d). Padding comes last, so nothing before it changes."""
        hidden, _ = self.gru(self.dropout(self.items(rows)))  # (B, L, hidden)
        states: Tensor = self.output(hidden)
        return states  # (B, L, d)
