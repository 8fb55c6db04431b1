"""Texts through a pretrained encoder: pooling, order, batches, and what is too long."""

import numpy as np
import pytest
import torch
from transformers import BertModel

from llmrec_bench_plugins.blocks.text_encoder import TextEncoder, batches_by_length

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefgh"]
TEXTS = ["a", "b c d e f g h a b c", "", "h g", "a b c", "c b a"]


@pytest.fixture(scope="module")
def folder(make_encoder):
    """A BERT of two layers with random weights, whose words are letters."""
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "intermediate_size": 16, "max_position_embeddings": 16}
    return make_encoder("abcdefgh", **sizes)


def by_hand(folder, text, pooling):
    """One text alone, without padding and mask."""
    ids = [2, *(WORDS.index(word) for word in text.split()), 3]
    with torch.no_grad():
        last = BertModel.from_pretrained(folder).eval()(torch.tensor([ids])).last_hidden_state[0]
    return (last[0] if pooling == "cls" else last.mean(dim=0)).numpy()


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("batch_tokens", [1, 13, 10_000])
def test_every_text_is_pooled_as_if_it_stood_alone(folder, pooling, batch_tokens):
    vectors, cut = TextEncoder(folder, pooling, 16, "cpu").encode(TEXTS, batch_tokens)
    assert (vectors.dtype, vectors.shape, cut) == (np.float32, (6, 8), 0)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert np.allclose(vector, by_hand(folder, text, pooling), atol=1e-5)


def test_a_long_text_loses_its_end_and_is_counted(folder):
    encoder = TextEncoder(folder, "mean", 5, "cpu")
    vectors, cut = encoder.encode(["a b c d e f", "a b c", "a b c " + "h " * 50_000], 100)
    assert cut == 2
    assert np.allclose(vectors, by_hand(folder, "a b c", "mean"), atol=1e-5)


def test_more_tokens_than_positions_are_refused(folder):
    with pytest.raises(ValueError, match="at most 16 tokens, not 17"):
        TextEncoder(folder, "cls", 17, "cpu")


def test_no_texts_give_no_rows(folder):
    vectors, cut = TextEncoder(folder, "cls", 16, "cpu").encode([], 100)
    assert (vectors.shape, cut) == ((0, 8), 0)


def test_batches_hold_as_many_tokens_as_asked_longest_first():
    batches = [batch.tolist() for batch in batches_by_length(np.array([2, 9, 4, 4, 2, 1]), 8)]
    assert batches == [[1], [2, 3], [0, 4, 5]]
