"""SR-GNN's encoder: one gated graph step over the session graph, then attention of the last item over the session.

Wu et al., Session-based Recommendation with Graph Neural Networks (AAAI 2019, Eq. 1 to 7), in RecBole's form: the
attention also covers the last item, and repeated steps weigh no more than single ones. Every prefix's vector comes out
of one pass, equal to what its own graph would give (see `session_graphs`).
"""

import torch
from torch import Tensor, nn

from llmrec_bench_plugins.blocks.additive_attention import additive_weights
from llmrec_bench_plugins.blocks.dropout import ByteDropout
from llmrec_bench_plugins.blocks.sequence_encoder import CausalEncoder, ItemTable
from llmrec_bench_plugins.blocks.session_graphs import SessionGraphs, session_graphs


class GatedGraphEncoder(CausalEncoder):
    """Node states by one gated step; their attention-weighted sum and the last node's state give the user vector."""

    def __init__(self, items: ItemTable, dropout: float) -> None:
        """Every weight starts uniform in +-1/sqrt(d)."""
        super().__init__(items)
        width = items.embedding_dim
        self.dropout = ByteDropout(dropout)
        self.edge_in, self.edge_out = nn.Linear(width, width), nn.Linear(width, width)
        self.bias_in, self.bias_out = nn.Parameter(torch.empty(width)), nn.Parameter(torch.empty(width))
        self.gates_message = nn.Linear(2 * width, 3 * width)
        self.gates_node = nn.Linear(width, 3 * width)
        self.attention_last, self.attention_node = nn.Linear(width, width), nn.Linear(width, width)
        self.attention = nn.Linear(width, 1, bias=False)
        self.output = nn.Linear(2 * width, width)
        for weight in self.parameters():
            nn.init.uniform_(weight, -(width**-0.5), width**-0.5)
        with torch.no_grad():
            items.weight[0] = 0

    def states(self, rows: Tensor) -> Tensor:
        """(B, L, d): the vector of every prefix (Eq. 6 and 7)."""
        graphs = session_graphs(rows)
        arrivals, departures = self.nodes(self.dropout(self.items(rows)), graphs)  # (B, L, d) each
        asked = self.attention_last(arrivals)
        to_others = additive_weights(asked, self.attention_node(departures), self.attention.weight[0])  # (B, L, L)
        to_itself = self.attention(torch.sigmoid(asked + self.attention_node(arrivals)))  # (B, L, 1)
        others = (to_others * graphs.times_seen.tril(-1)) @ departures
        itself = to_itself * graphs.times_seen.diagonal(dim1=1, dim2=2)[:, :, None] * arrivals
        states: Tensor = self.output(torch.cat([others + itself, arrivals], dim=2))
        return states

    def forward(self, rows: Tensor) -> Tensor:
        """(B, d): of the whole rows only, without the attention of their prefixes."""
        graphs = session_graphs(rows)
        arrivals, departures = self.nodes(self.dropout(self.items(rows)), graphs)
        end = (rows > 0).sum(dim=1) - 1  # (B,)
        row, place = torch.arange(len(rows), device=rows.device), torch.arange(rows.shape[1], device=rows.device)
        nodes = torch.where((place == end[:, None])[:, :, None], arrivals, departures)  # (B, L, d)
        last = arrivals[row, end]  # (B, d)
        weights = self.attention(torch.sigmoid(self.attention_last(last)[:, None] + self.attention_node(nodes)))
        pooled = (weights * graphs.times_seen[row, end][:, :, None] * nodes).sum(dim=1)
        vectors: Tensor = self.output(torch.cat([pooled, last], dim=1))
        return vectors

    def nodes(self, x: Tensor, graphs: SessionGraphs) -> tuple[Tensor, Tensor]:
        """(B, L, d) each: the states on arrival and on departure, from item vectors (B, L, d) (Eq. 1 to 5)."""
        incoming = graphs.incoming @ self.edge_in(x) + self.bias_in  # (B, L, d)
        to_out = self.edge_out(x)
        own = self.gates_node(x)  # (B, L, 3d)
        arrivals, departures = (
            gated(x, self.gates_message(torch.cat([incoming, edges @ to_out + self.bias_out], dim=2)), own)
            for edges in (graphs.outgoing, graphs.outgoing_left)
        )
        return arrivals, departures


def gated(x: Tensor, message: Tensor, own: Tensor) -> Tensor:
    """(B, L, d): a node's next state from its present one and the gates' inputs, (B, L, 3d) each, in GRU order."""
    reset, update, new = message.chunk(3, dim=2)
    own_reset, own_update, own_new = own.chunk(3, dim=2)
    candidate = torch.tanh(new + torch.sigmoid(reset + own_reset) * own_new)
    return x + torch.sigmoid(update + own_update) * (candidate - x)
