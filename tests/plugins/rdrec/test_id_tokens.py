"""Which tokens belong to which id, worked by hand, and tokenizers that cannot tell."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llmrec_bench import BenchError
from llmrec_bench_plugins.blocks.small_t5 import word_tokenizer
from llmrec_bench_plugins.rdrec.id_tokens import IdTokenizer, whole_words, words_in_order
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


def test_words_in_order_by_hand():
    """Tokens 6 and above begin words; 1 is the end, 0 a pad. A text that begins within a word starts at 0."""
    tokens = np.array([[7, 2, 3, 6, 9, 4, 1], [3, 8, 2, 1, 0, 0, 0]])
    assert words_in_order(tokens, np.arange(10) >= 6, tokens > 1).tolist() == [
        [1, 1, 1, 2, 3, 3, 0],
        [0, 1, 1, 0, 0, 0, 0],
    ]


def test_whole_words_of_the_pieces_of_t5(t5_like):
    """By words each word has its own, signs among them; by ids only what has a `_`."""
    texts = ["user_15 73 , 7391 -> 2014 predict", "item_7391?"]
    cut = [
        *("▁user", "_", "1", "5", "▁73", "▁", ",", "▁7", "391", "▁", "-", ">", "▁", "2014", "▁predict", "</s>"),
    ]
    by_words = IdTokenizer(t5_like, whole_words=16, by="words")
    by_words.check("this", 12345, 12345)
    tokens, words, mask = by_words.encode(texts)
    assert t5_like.convert_ids_to_tokens(tokens[0].tolist()) == cut
    assert words[0].tolist() == [1, 1, 1, 1, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 0]
    assert words[1].tolist() == [1] * 5 + [0] * 11
    assert mask[1].tolist() == [1] * 6 + [0] * 10
    by_ids = IdTokenizer(t5_like, whole_words=16)
    by_ids.check("this", 12345, 12345)
    _, words, _ = by_ids.encode(texts)
    assert words[0].tolist() == [1, 1, 1, 1] + [0] * 12
    assert words[1].tolist() == [1, 1, 1, 1] + [0] * 12


def test_a_text_is_cut_where_asked_for_and_keeps_its_end(t5_like):
    tokens, words, mask = IdTokenizer(t5_like, 16, "words", longest=6).encode(
        ["user_15 73 , 7391", "item_1", "item_12"]
    )
    assert t5_like.convert_ids_to_tokens(tokens[0].tolist()) == ["▁user", "_", "1", "5", "▁73", "</s>"]
    assert words.tolist() == [[1, 1, 1, 1, 2, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0]]
    assert mask.sum(axis=1).tolist() == [6, 4, 5]
    same = IdTokenizer(t5_like, 16, "words", longest=5).encode(["item_12"])
    assert all(
        np.array_equal(a, b) for a, b in zip(same, IdTokenizer(t5_like, 16, "words").encode(["item_12"]), strict=True)
    )


def test_more_words_than_the_table_has_rows_for_are_refused(t5_like):
    tokenizer = IdTokenizer(t5_like, whole_words=4, by="words")
    tokenizer.encode(["user_1 , 7"])
    with pytest.raises(BenchError, match=r"^a prompt shows 4 words, and `whole_words: 4` has vectors for 3; "):
        tokenizer.encode(["user_1 , 7 ,"])


def test_a_tokenizer_without_marks_has_no_words():
    """Ids are set apart, but no token says that a word begins with it."""
    pieces = Tokenizer(
        models.WordLevel({"<unk>": 0, "<pad>": 1, "user": 2, "item": 3, "_": 4, "1": 5}, unk_token="<unk>")
    )
    pieces.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="<pad>", unk_token="<unk>")
    IdTokenizer(tokenizer, whole_words=512).check("theirs", 1, 1)
    with pytest.raises(BenchError, match=r"^theirs: its tokenizer cuts 'user_1 1 , 1' into user _ 1 .*begin with '▁'"):
        IdTokenizer(tokenizer, whole_words=512, by="words").check("theirs", 1, 1)
