"""SASRec: self-attentive sequential recommendation."""

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from llmrec_bench_plugins.backbones.sequential import SequentialMethod

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.self_attention import SelfAttentionEncoder


class SASRec(SequentialMethod):
    """Causal self-attention over the latest items predicts the next one.

    The published settings are loss bce, width 50, heads 1, dropout 0.5 (MovieLens-1M 0.2), history_length 50
    (MovieLens-1M 200), learning_rate 0.001 and 128 users a batch (batch_size 6400, or 25600), without early stopping.

    The defaults were chosen by validation NDCG@10 over the whole catalogue of MovieLens-100K and of the synthetic shop,
    means of 3 seeds: 0.128 and 0.158 as they stand; 0.127 and 0.153 with batches of 2048; bce 0.114 and 0.139 with
    batches of 2048, 0.116 and 0.141 with dropout 0.2. On MovieLens-100K, with one or two seeds, none of these gained
    more than seeds differ (0.004): histories of 25, 100 or 200 items, width 128, one block (0.160 on the shop), one
    head, dropout 0.2 or 0.5, learning rate 0.001.
    """

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
