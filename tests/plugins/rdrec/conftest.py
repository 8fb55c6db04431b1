"""Tokenizers that know the family's words, one of them cut as T5's, and an untrained model of a few numbers."""

import string
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from llmrec_bench_plugins.blocks.prompted_t5 import Encoded, PromptedT5, TextBatch
from llmrec_bench_plugins.blocks.small_t5 import small_t5, word_tokenizer
from llmrec_bench_plugins.rdrec.id_tokens import IdTokenizer
from llmrec_bench_plugins.rdrec.templates import SEQUENTIAL, TOP_N

WORDS = [*SEQUENTIAL.filled("user_1", "item_1"), *TOP_N.filled("user_1", "item_1")]


@pytest.fixture(scope="session")
def ids() -> IdTokenizer:
    """With up to two digits in a token."""
    return IdTokenizer(word_tokenizer(WORDS, digits=2), whole_words=16)


@pytest.fixture(scope="session")
def t5_like() -> PreTrainedTokenizerFast:
    """Sentencepiece's likeliest cut, as T5 has it: marks, which stand alone before signs, `_` alone, and numbers in
    pieces of 1 to 4 digits that follow no rule."""
    signs = [("▁", -2.0), *((sign, -3.0) for sign in "_,->.?:")]
    words = [("▁user", -5.0), ("▁item", -5.0), ("▁predict", -6.0), *((letter, -8.0) for letter in string.ascii_letters)]
    numbers = [*((mark + digit, -4.5) for digit in string.digits for mark in ("", "▁")), ("73", -6.0), ("▁73", -7.0)]
    rare = [("391", -7.0), ("2014", -8.0)]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces = Tokenizer(models.Unigram([*special, *signs, *words, *numbers, *rare], unk_id=2))
    pieces.pre_tokenizer, pieces.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    pieces.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


@pytest.fixture(scope="session")
def model(ids: IdTokenizer) -> PromptedT5:
    """Two tasks of two prompt vectors, random weights, dropout off."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PromptedT5(small_t5(len(ids.tokenizer), 8, 1, 2, 16, 0.0), 2, 2, 16).eval()


@pytest.fixture(scope="session")
def encode(ids: IdTokenizer, model: PromptedT5) -> Callable[[Sequence[str]], Encoded]:
    """`encode(texts)`: as texts of task 1."""

    def call(texts: Sequence[str]) -> Encoded:
        parts = [torch.from_numpy(part) for part in ids.encode(texts)]
        with torch.no_grad():
            return model.encode(TextBatch(*parts, torch.ones(len(texts), dtype=torch.int64)))

    return call


@pytest.fixture
def t5_folder(tmp_path: Path) -> Callable[..., Path]:
    """`t5_folder(vocabulary=..., tokenizer=...)`: a checkpoint as transformers saves it."""

    def make(vocabulary: int | None = None, tokenizer=None) -> Path:
        tokenizer = word_tokenizer(WORDS, digits=1) if tokenizer is None else tokenizer
        small_t5(vocabulary or len(tokenizer), 8, 1, 2, 16, 0.0).save_pretrained(tmp_path / "t5")
        tokenizer.save_pretrained(tmp_path / "t5")
        return tmp_path / "t5"

    return make
