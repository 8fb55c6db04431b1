"""RecBole's sequential models with item texts: their item table holds linear maps of items' own vectors and texts."""

from typing import TYPE_CHECKING, Any

from pydantic import Field, JsonValue

from llmrec_bench import Method, Run
from llmrec_bench_plugins.backbones.text_fused import SOURCE, ItemTextOptions
from llmrec_bench_plugins.recbole_zoo.method import TrainedRecBoleMethod
from llmrec_bench_plugins.recbole_zoo.models import Fusible, ZooModel, model_named, own_options
from llmrec_bench_plugins.stages.text_embeddings import read_embeddings

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.text_fusion import TextFusion


class RecBolePlus(TrainedRecBoleMethod):
    """One of RecBole's sequential models whose item vectors hold the items' texts, as those of `sasrec+` do.

    The model's own item table is fused, so that it reads the texts and scores by them; nothing else of it changes.
    """

    name = "recbole+"
    version = "1"
    source = SOURCE

    class Config(TrainedRecBoleMethod.Config, ItemTextOptions):
        """Options of a model of RecBole with item texts."""

        model: Fusible = "SASRec"
        """Which of RecBole's models; `recbole:NAME` is the same without texts."""
        options: dict[str, JsonValue] = Field(default_factory=lambda: own_options("SASRec"))
        """RecBole's own options of the model by name; those left out are as in RecBole's YAML file of the model."""

        def chosen(self) -> ZooModel:
            """The one that `model` names."""
            return model_named(self.model)

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.model = model_named(config.model)

    def _learn(self, run: Run) -> None:
        self._fuse_texts(run)
        self._built.module.to(run.device)
        super()._learn(run)

    def _fuse_texts(self, run: Run) -> "TextFusion":
        """Texts into the module's item table; returns what fuses them."""
        import torch

        from llmrec_bench_plugins.blocks.text_fusion import fuse_item_table

        texts = torch.from_numpy(read_embeddings(run.artifact(self.config.item_text)))
        module: Any = self._built.module
        return fuse_item_table(module.item_embedding, texts, self.config.text_width)


METHODS: list[type[Method]] = [RecBolePlus]
