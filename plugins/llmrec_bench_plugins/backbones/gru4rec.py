"""GRU4Rec: recurrent next-item recommendation."""

from typing import TYPE_CHECKING

from pydantic import Field

from llmrec_bench_plugins.backbones.sequential import SequentialMethod

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.gru_encoder import GRUEncoder


class GRU4Rec(SequentialMethod):
    """A GRU reads the latest items and predicts the next one; RecBole's form, trained on all positions at once."""

    name = "gru4rec"
    version = "1"
    source = "Tan, Xu and Liu, Improved Recurrent Neural Networks for Session-based Recommendations, DLRS 2016"

    class Config(SequentialMethod.Config):
        """Options of GRU4Rec."""

        hidden: int = Field(128, ge=1, le=8192)
        """Size of the recurrent state."""
        layers: int = Field(1, ge=1, le=16)
        """GRU layers, one on another."""

    config: Config

    def build(self, n_items: int) -> "GRUEncoder":
        from llmrec_bench_plugins.blocks.gru_encoder import GRUEncoder
        from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable

        config = self.config
        return GRUEncoder(ItemTable(n_items, config.width), config.hidden, config.layers, config.dropout)
