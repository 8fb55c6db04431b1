"""SR-GNN: next-item recommendation from session graphs."""

from typing import TYPE_CHECKING

from llmrec_bench_plugins.backbones.sequential import SequentialMethod

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.gated_graph_encoder import GatedGraphEncoder


class SRGNN(SequentialMethod):
    """A gated graph network over the steps between a user's latest items predicts the next one; RecBole's form.

    Each prefix has its own graph, and all of them are trained in one pass.
    """

    name = "srgnn"
    version = "1"
    source = "Wu et al., Session-based Recommendation with Graph Neural Networks, AAAI 2019"

    def build(self, n_items: int) -> "GatedGraphEncoder":
        from llmrec_bench_plugins.blocks.gated_graph_encoder import GatedGraphEncoder
        from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable

        return GatedGraphEncoder(ItemTable(n_items, self.config.width), self.config.dropout)
