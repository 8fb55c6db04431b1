"""A small model of LLaMA's shape, untrained, with a tokenizer learned from the texts it will write."""

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llmrec_bench_plugins.blocks.distillation import seeded
from llmrec_bench_plugins.blocks.text_generation import CausalModel

_END = "</s>"


def small_llama(
    texts: Sequence[str], vocabulary: int, width: int, layers: int, heads: int, positions: int, seed: int, device: str
) -> CausalModel:
    """Weights drawn from `seed`, float32; tokens are pieces of bytes (byte-level BPE), so that any text has some.

    The input and the output vectors of a token are one. Fewer than `vocabulary` tokens where the texts give no more,
    at least 257. `heads` divides `width`.
    """
    tokenizer = byte_pieces(texts, vocabulary)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=-(-8 * width // 96) * 32,  # 8/3 of the width, as in LLaMA
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=positions,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )
    with seeded(seed, torch.device("cpu")):
        model: Any = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id)  # type: ignore[no-untyped-call]
    return CausalModel(model.to(device), tokenizer, (tokenizer.eos_token_id,))


def byte_pieces(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with an end token."""
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[_END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    pieces.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=pieces, eos_token=_END)  # type: ignore[no-untyped-call]
