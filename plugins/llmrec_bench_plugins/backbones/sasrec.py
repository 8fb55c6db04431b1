"""SASRec: self-attentive sequential recommendation."""

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from llmrec_bench_plugins.backbones.sequential import SequentialMethod

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.self_attention import SelfAttentionEncoder


class SASRec(SequentialMethod):
    """Causal self-attention over the latest items predicts the next one."""

    name = "sasrec"
    version = "1"
    source = "Kang and McAuley, Self-Attentive Sequential Recommendation, ICDM 2018"

    class Config(SequentialMethod.Config):
        """Options of SASRec."""

        blocks: int = Field(2, ge=1, le=64)
        """Attention blocks, one on another."""
        heads: int = Field(2, ge=1, le=64)
        """Attention heads; they divide `width`."""

        @model_validator(mode="after")
        def _heads_divide_width(self) -> "SASRec.Config":
            if self.width % self.heads:
                raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
            return self

    config: Config

    def build(self, n_items: int) -> "SelfAttentionEncoder":
        from llmrec_bench_plugins.blocks.self_attention import SelfAttentionEncoder
        from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable

        config = self.config
        items = ItemTable(n_items, config.width)
        return SelfAttentionEncoder(items, config.history_length, config.blocks, config.heads, config.dropout)
