"""GRU4Rec: recurrent next-item recommendation."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from llmrec_bench import Choice, Range
from llmrec_bench_plugins.backbones.sequential import SequentialMethod

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.gru_encoder import GRUEncoder


class GRU4Rec(SequentialMethod):
    """A GRU reads the latest items and predicts the next one; RecBole's form, trained on all positions at once.

    The defaults were chosen by validation NDCG@10 over the whole catalogue of MovieLens-100K and of the synthetic shop:
    0.124 and 0.112 as they stand, means of 2 seeds. With one seed: dropout 0.35 0.122 and 0.114, with learning rate
    0.002 as well 0.121 and 0.104, that with batches of 2048 0.118 and 0.103; on the shop alone, where seeds differ by
    0.009, dropout 0.2 0.117, and with dropout 0.35 hidden 64 0.114 and batches of 512 0.110. Of nine random settings
    on the shop the best came to 0.121 (`suites/tuning.yaml`), far below SASRec's 0.155 on the same validation.
    """

    name = "gru4rec"
    version = "1"
    source = "Tan, Xu and Liu, Improved Recurrent Neural Networks for Session-based Recommendations, DLRS 2016"

    settings: ClassVar = {"recbole": {"dropout": 0.3, "learning_rate": 1e-3, "batch_size": 2048, "patience": 10}}

    class Config(SequentialMethod.Config):
        """Options of GRU4Rec."""

        hidden: Annotated[int, Choice((64, 128, 256))] = Field(128, ge=1, le=8192)
        """Size of the recurrent state."""
        layers: int = Field(1, ge=1, le=16)
        """GRU layers, one on another."""
        dropout: Annotated[float, Range(0.0, 0.7)] = Field(0.5, ge=0, le=0.9)
        """Share of item vectors' values zeroed while training."""
        learning_rate: Annotated[float, Range(5e-4, 1e-2, log=True)] = Field(5e-3, gt=0)
        """Adam's step size."""

    config: Config

    def build(self, n_items: int) -> "GRUEncoder":
        from llmrec_bench_plugins.blocks.gru_encoder import GRUEncoder
        from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable

        config = self.config
        return GRUEncoder(ItemTable(n_items, config.width), config.hidden, config.layers, config.dropout)
