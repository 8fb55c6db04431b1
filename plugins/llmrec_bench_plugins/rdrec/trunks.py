"""What T5 is before it learns: a small one from scratch, or pretrained weights."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from llmrec_bench import BenchError, Config
from llmrec_bench_plugins.stages.causal_models import base_identity, model_folder, told_in_one_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, T5ForConditionalGeneration

Built = tuple["T5ForConditionalGeneration", "PreTrainedTokenizerBase"]


class FromScratchT5(Config):
    """A small T5 with random weights and a tokenizer of its own, which knows the words of the prompts and numbers. It
    needs no weights and no GPU; no paper has it."""

    kind: Literal["from-scratch"] = "from-scratch"
    """Random weights."""
    width: int = Field(default=64, ge=4, le=4096)
    """d: of the vectors inside."""
    layers: int = Field(default=2, ge=1)
    """Of the encoder, and again of the decoder."""
    heads: int = Field(default=4, ge=1)
    """Of each attention; divides `width`."""
    feed_forward: int = Field(default=256, ge=1)
    """Hidden units between attentions."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of values zeroed while training."""
    digits: int = Field(default=2, ge=1, le=4)
    """The most digits that one token has: 2 makes 32 and 1 of the number 321. T5's own pieces have one to four."""

    words: int = Field(default=4000, ge=0)
    """Of the texts that it learns to write, such as reviews, the tokenizer knows so many words, the most frequent ones;
    all others are unknown to it."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "FromScratchT5":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        return self

    def known_as(self) -> str:
        """For messages."""
        return "the T5 from scratch"

    def build(self, texts: Iterable[str], taught: Iterable[str]) -> Built:
        """A fresh model, its weights from torch's global generator; its tokenizer knows all words of the texts and the
        frequent ones of those `taught`."""
        from llmrec_bench_plugins.blocks.small_t5 import small_t5, word_tokenizer

        tokenizer = word_tokenizer(texts, self.digits, taught, self.words)
        shape = (self.width, self.layers, self.heads, self.feed_forward, self.dropout)
        return small_t5(len(tokenizer), *shape), tokenizer


class PretrainedT5(Config):
    """T5 as it was pretrained, with its own tokenizer; all weights learn on. The papers have T5-small."""

    kind: Literal["pretrained"] = "pretrained"
    """A model from a folder or the Hugging Face hub."""
    model: str = Field(min_length=1)
    """A folder with a T5 (weights as safetensors), known by its content, or a hub id such as `google-t5/t5-small`."""
    revision: str | None = Field(None, min_length=1)
    """Only for a hub id: its branch, tag or commit. null takes the newest; results last with a commit only."""

    def identity(self) -> dict[str, Any]:
        """The options; of a model's folder what it holds, not where it lies."""
        return {**super().identity(), "model": base_identity(self.model, self.revision), "revision": None}

    def known_as(self) -> str:
        """For messages."""
        return self.model

    def build(self, texts: Iterable[str], taught: Iterable[str]) -> Built:
        """The model in float32 and its tokenizer. Raises `BenchError` in one line for what is missing, broken, no T5,
        or a tokenizer with more tokens than the model has vectors for."""
        import torch
        from transformers import AutoConfig, AutoTokenizer, T5ForConditionalGeneration

        from llmrec_bench_plugins.blocks.text_encoder import no_progress_bar

        folder = model_folder(self.model)
        place: Any = {"pretrained_model_name_or_path": str(folder or self.model), "revision": self.revision or "main"}
        with told_in_one_line(self.model, folder):
            kind = AutoConfig.from_pretrained(**place).model_type
            if kind != "t5":
                raise BenchError(f"{self.model}: a model of type {kind}; a T5 is needed, such as google-t5/t5-small")
            with no_progress_bar():
                tokenizer = AutoTokenizer.from_pretrained(**place)
                model = T5ForConditionalGeneration.from_pretrained(**place, use_safetensors=True, dtype=torch.float32)
        if len(tokenizer) > model.config.vocab_size:
            raise BenchError(
                f"{self.model}: its tokenizer has {len(tokenizer):,} tokens and its weights have vectors for "
                f"{model.config.vocab_size:,}; weights and tokenizer of one checkpoint belong together"
            )
        return model, tokenizer


Trunk = Annotated[FromScratchT5 | PretrainedT5, Field(discriminator="kind")]
"""The type of an option that says what T5 is before it learns."""
