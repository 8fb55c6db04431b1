"""What a student is before it learns: a pretrained model that gets an adapter, or a small model from scratch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from llmrec_bench import BenchError, Config, Operational
from llmrec_bench_plugins.stages.causal_models import ADAPTER, base_identity, load
from llmrec_bench_plugins.stages.weights_fault import weights_fault

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.distillation import Distillation
    from llmrec_bench_plugins.blocks.text_generation import CausalModel


class _Base(Config):
    epochs: int = Field(3, ge=1)
    """Passes over the pairs."""
    batch_size: int = Field(4, ge=1)
    """Pairs computed together, of like length."""
    accumulation: int = Field(1, ge=1)
    """Batches to one step: memory for `batch_size` pairs, steps as of `batch_size` times this."""
    learning_rate: float = Field(1e-4, gt=0)
    """AdamW's in the first epoch."""
    decay: float = Field(0.85, gt=0, le=1)
    """What the learning rate is multiplied by after every epoch."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW's."""
    gradient_clip: float | None = Field(None, gt=0)
    """The longest gradient of a step; null for no limit."""
    gradient_checkpointing: Annotated[bool, Operational()] = False
    """Compute activations twice instead of keeping them: less memory, about a third more time."""

    def training(self) -> "Distillation":
        """The options of training."""
        from llmrec_bench_plugins.blocks.distillation import Distillation

        return Distillation(
            epochs=self.epochs,
            batch_size=self.batch_size,
            accumulation=self.accumulation,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            decay=self.decay,
            gradient_clip=self.gradient_clip,
            checkpointing=self.gradient_checkpointing,
        )


class PretrainedBase(_Base):
    """A causal language model whose weights stay as they are; a LoRA adapter learns. Defaults are those of
    llama-recipes, which SLIM used for LLaMA2-7B."""

    kind: Literal["pretrained"] = "pretrained"
    """A model from a folder or the Hugging Face hub."""
    model: str = Field(min_length=1)
    """A folder with a model (weights as safetensors), known by its content, or a hub id such as `owner/name`."""
    revision: str | None = Field(None, min_length=1)
    """Only for a hub id: its branch, tag or commit. null takes the newest; results last with a commit only."""
    context_length: int = Field(4096, ge=2)
    """The longest pair of prompt and answer, in tokens, where the model has no fewer positions; longer ones are left
    out."""
    rank: int = Field(8, ge=1)
    """Of the adapter's matrices."""
    alpha: int = Field(32, ge=1)
    """The adapter's output is multiplied by `alpha` / `rank`."""
    dropout: float = Field(0.05, ge=0, lt=1)
    """On the adapter's input."""
    targets: Annotated[tuple[str, ...], Field(min_length=1)] = ("q_proj", "v_proj")
    """Names of the layers that get an adapter; Bloom's is `query_key_value`."""

    def identity(self) -> dict[str, Any]:
        """The options; of a model's folder what it holds, not where it lies."""
        return {**super().identity(), "model": self.known_as(), "revision": None}

    def known_as(self) -> str:
        """The hash of a folder's content, or the hub id with its revision."""
        return base_identity(self.model, self.revision)

    def fault(self, device: str) -> str | None:
        """That the weights are not on this machine, or do not fit the device's memory."""
        return weights_fault(self.model, self.revision, device)

    def untrained(self, texts: Sequence[str], seed: int, device: str) -> "CausalModel":
        """The model with a new adapter. Raises `BenchError` where it cannot be had, or lacks the targets."""
        from dataclasses import replace

        from llmrec_bench_plugins.blocks.distillation import add_lora, linear_layers

        base = load(self.model, self.revision, device)
        try:
            adapted = add_lora(base.model, self.rank, self.alpha, self.dropout, self.targets, seed)
        except ValueError:
            wanted, known = " or ".join(self.targets), ", ".join(linear_layers(base.model))
            raise BenchError(f"{self.model}: no layer is named {wanted}; `targets` may name {known}") from None
        return replace(base, model=adapted)

    def save(self, model: "CausalModel", folder: Path) -> None:
        """Write the adapter as peft reads it."""
        model.model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # a model card without content
        settings = json.loads((folder / ADAPTER[0]).read_text(encoding="utf-8"))
        # peft keeps them as a set, whose order is another in every process.
        settings["target_modules"] = sorted(settings["target_modules"])
        (folder / ADAPTER[0]).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def trained(self, folder: Path, device: str) -> "CausalModel":
        """What `save` wrote into the folder, on its model."""
        return load(self.model, self.revision, device, adapter=folder)


class FromScratch(_Base):
    """A small model of LLaMA's shape with a tokenizer of its own, both learned from the pairs alone. It writes in the
    teacher's form and knows nothing of the world; no paper has it. It needs neither a GPU nor a model hub."""

    kind: Literal["from-scratch"] = "from-scratch"
    """Random weights, all of which learn."""
    width: int = Field(128, ge=8)
    """Of the vectors inside."""
    layers: int = Field(2, ge=1)
    """Transformer layers."""
    heads: int = Field(4, ge=1)
    """Of the attention; `width` is an even multiple of it."""
    vocabulary: int = Field(4096, ge=257)
    """Tokens, at most: pieces of words, learned by byte-level BPE."""
    context_length: int = Field(1024, ge=2)
    """The longest prompt and answer together, in tokens; longer pairs are left out."""
    epochs: int = Field(5, ge=1)
    """Passes over the pairs."""
    learning_rate: float = Field(3e-3, gt=0)
    """AdamW's in the first epoch."""
    gradient_clip: float | None = Field(1.0, gt=0)
    """The longest gradient of a step; null for no limit."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "FromScratch":
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} is no even multiple of heads {self.heads}")
        return self

    def known_as(self) -> str:
        """That there is no model underneath."""
        return "none"

    def fault(self, device: str) -> str | None:
        """None: it is made here."""
        return None

    def untrained(self, texts: Sequence[str], seed: int, device: str) -> "CausalModel":
        """A new model; its tokenizer is learned from the texts."""
        from llmrec_bench_plugins.blocks.small_llama import small_llama

        shape = (self.vocabulary, self.width, self.layers, self.heads, self.context_length)
        return small_llama(texts, *shape, seed, device)

    def save(self, model: "CausalModel", folder: Path) -> None:
        """Write model and tokenizer as transformers reads them."""
        from llmrec_bench_plugins.blocks.text_encoder import no_progress_bar

        with no_progress_bar():
            model.model.save_pretrained(folder)
        model.tokenizer.save_pretrained(folder)

    def trained(self, folder: Path, device: str) -> "CausalModel":
        """What `save` wrote into the folder."""
        return load(str(folder), None, device)


Base = Annotated[PretrainedBase | FromScratch, Field(discriminator="kind")]
"""The type of an option that says what a student is before it learns."""
