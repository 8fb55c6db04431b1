"""Which tokens belong to which id, worked by hand, and tokenizers that cannot tell."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llmrec_bench import BenchError
from llmrec_bench_plugins.blocks.small_t5 import word_tokenizer
from llmrec_bench_plugins.rdrec.id_tokens import IdTokenizer, whole_words
from llmrec_bench_plugins.rdrec.templates import SEQUENTIAL, TOP_N


def test_ids_are_cut_as_t5_cuts_them(ids):
    assert ids.tokenizer.tokenize("user_15 item_7391, predict") == [
        *("▁user", "_", "15"),
        *("▁item", "_", "73", "91", ","),
        "▁predict",
    ]
    assert ids.tokenizer.tokenize("321") == ["▁32", "1"]


def test_whole_words_by_hand(ids):
    """Two texts; the second is padded, and has a number that is part of no id."""
    tokens, words, mask = ids.encode(["user_15 item_7391, item_2", "user_3: predict 5"])
    assert ids.tokenizer.convert_ids_to_tokens(tokens[0].tolist()) == (
        ["▁user", "_", "15", "▁item", "_", "73", "91", ",", "▁item", "_", "2", "</s>"]
    )
    assert words[0].tolist() == [1, 1, 1, 2, 2, 2, 2, 0, 3, 3, 3, 0]
    assert words[1].tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert mask[1].tolist() == [1] * 7 + [0] * 5


def test_the_rule_on_bare_numbers():
    """Token 9 is the mark, tokens below 5 are digits: digits that follow the id's word break the run, words end it."""
    digits = np.arange(10) < 5
    tokens = np.array([[7, 9, 1, 2, 6, 3, 9, 4, 8, 1]])
    assert whole_words(tokens, 9, digits).tolist() == [[1, 1, 1, 1, 0, 2, 2, 2, 0, 0]]
    assert whole_words(np.array([[1, 2, 7]]), 9, digits).tolist() == [[0, 0, 0]]


def test_every_template_keeps_its_words_and_numbers_its_ids(ids):
    for wording in (SEQUENTIAL, TOP_N):
        for text in wording.filled("user_4", "item_10 item_3"):
            tokens, words, _ = ids.encode([text])
            assert ids.tokenizer.unk_token_id not in tokens
            assert words.max() == 3
            assert sorted(words[words > 0].tolist()) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
            assert ids.tokenizer.decode(tokens[0], skip_special_tokens=True) == text


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
def test_numbers_come_back_as_they_were(digits):
    tokenizer = word_tokenizer([], digits)
    numbers = ["1", "10", "100", "12101", "9999", "1005"]
    assert tokenizer.batch_decode(tokenizer(numbers)["input_ids"], skip_special_tokens=True) == numbers
    assert len({tuple(row) for row in tokenizer(numbers)["input_ids"]}) == len(numbers)


def test_more_ids_than_the_table_has_rows_for_are_refused(ids):
    fifteen = " ".join(f"item_{i}" for i in range(14))
    ids.encode([f"user_1 {fifteen}"])
    with pytest.raises(
        BenchError, match=r"^a prompt shows 16 ids, and `whole_words: 16` has vectors for 15; .*fewer candidates$"
    ):
        ids.encode([f"user_1 {fifteen} item_99"])


def test_a_tokenizer_that_cuts_ids_otherwise_is_refused(ids):
    ids.check("this", 99, 12345)
    pieces = Tokenizer(models.WordLevel({"<unk>": 0, "<pad>": 1, "user_1": 2, "item_1": 3}, unk_token="<unk>"))
    pieces.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    whole = IdTokenizer(
        PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="<pad>", unk_token="<unk>"), whole_words=512
    )
    with pytest.raises(BenchError, match=r"^theirs: its tokenizer cuts 'user_1' into user_1; .* as T5's tokenizer"):
        whole.check("theirs", 1, 1)
