"""Texts as tokens, and which of these are parts of one whole word (P5), or of one id (POD)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from llmrec_bench import BenchError
from llmrec_bench_plugins.rdrec.templates import number

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Tokens = npt.NDArray[np.int64]
WholeWordsBy = Literal["ids", "words"]
"""What gets vectors of its own: the ids of a text alone, as in POD, or all its words, as in P5."""

_ID_MARK = "_"
_WORD_MARK = "▁"


@dataclass(frozen=True)
class IdTokenizer:
    """A tokenizer that sets ids apart: the word before `_`, `_`, and pieces of the number."""

    tokenizer: "PreTrainedTokenizerBase"
    whole_words: int
    """Rows of the model's table of whole-word vectors; a text has fewer whole words than that."""
    by: WholeWordsBy = "ids"
    """What a whole word is."""
    longest: int | None = None
    """Tokens that are read of a text, the end token among them; None: all."""

    @cached_property
    def mark(self) -> int:
        """The token `_`."""
        return self.tokenizer.get_vocab()[_ID_MARK]

    @cached_property
    def digits(self) -> npt.NDArray[np.bool_]:
        """bool (V,): which tokens are digits and nothing else."""
        tokens = self.tokenizer.convert_ids_to_tokens(list(range(len(self.tokenizer))))
        return np.array([re.fullmatch("[0-9]+", token or "") is not None for token in tokens])

    @cached_property
    def begins(self) -> npt.NDArray[np.bool_]:
        """bool (V,): which tokens begin a word."""
        tokens = self.tokenizer.convert_ids_to_tokens(list(range(len(self.tokenizer))))
        return np.array([(token or "").startswith(_WORD_MARK) for token in tokens])

    @cached_property
    def wordless(self) -> npt.NDArray[np.bool_]:
        """bool (V,): special tokens, unknown words among them, but for the one that ends a text."""
        special = {*self.tokenizer.all_special_ids, *self.tokenizer.get_added_vocab().values()}
        return np.isin(np.arange(len(self.tokenizer)), list(special - {self.tokenizer.eos_token_id}))

    def check(self, model: str, n_users: int, n_items: int) -> None:
        """Raises `BenchError` where ids, or words, are not set apart, in the least and the largest number: then no
        token would get a whole-word vector, and nobody would notice."""
        for user, item in ((0, 0), (n_users - 1, n_items - 1)):
            for text in (f"user_{number(user)}", f"item_{number(item)}"):
                tokens = self.tokenizer.tokenize(text)
                word, digits = text.split(_ID_MARK)
                parts = [tokens[0].removeprefix(_WORD_MARK), *tokens[1:2], "".join(tokens[2:])]
                if parts != [word, _ID_MARK, digits]:
                    raise BenchError(
                        f"{model}: its tokenizer cuts '{text}' into {' '.join(tokens)}; an id has to be its word, '_' "
                        "and digits, each apart, as T5's tokenizer has it"
                    )
            text = f"user_{number(user)} {number(item)} , {number(item)}"
            tokens = self.tokenizer.tokenize(text)
            if self.by == "words" and "".join(tokens).split(_WORD_MARK) != ["", *text.split()]:
                raise BenchError(
                    f"{model}: its tokenizer cuts '{text}' into {' '.join(tokens)}; the first token of each word has "
                    f"to begin with '{_WORD_MARK}', as T5's tokenizer has it"
                )

    def encode(self, texts: Sequence[str]) -> tuple[Tokens, Tokens, Tokens]:
        """int64 (B, L) each: tokens, whole words and mask, as `TextBatch` has them.

        Of a text longer than `longest` the beginning is kept, and the end token. Raises `BenchError` for a text with
        more whole words than their table has rows for.
        """
        read = self.tokenizer(list(texts), padding=True, return_tensors="np")
        tokens, mask = read["input_ids"].astype(np.int64), read["attention_mask"].astype(np.int64)
        if self.longest is not None and tokens.shape[1] > self.longest:
            tokens[mask[:, self.longest] > 0, self.longest - 1] = self.tokenizer.eos_token_id
            tokens, mask = tokens[:, : self.longest], mask[:, : self.longest]
        if self.by == "ids":
            words = whole_words(tokens, self.mark, self.digits)
        else:
            words = words_in_order(tokens, self.begins, (mask > 0) & (tokens != self.tokenizer.eos_token_id))
        if words.max(initial=0) >= self.whole_words:
            raise BenchError(
                f"a prompt shows {words.max()} {self.by}, and `whole_words: {self.whole_words}` has vectors for "
                f"{self.whole_words - 1}; take a larger table, or fewer candidates"
            )
        return tokens, words, mask

    def targets(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text that the model should write, the end token included. A text is data: what looks like
        a special token in it, such as `</s>`, is cut like other words."""
        written: list[list[int]] = self.tokenizer(list(texts), split_special_tokens=True)["input_ids"]
        return written


def whole_words(tokens: Tokens, mark: int, digits: npt.NDArray[np.bool_]) -> Tokens:
    """int64, the shape of `tokens` (B, L): j for the tokens of a text's j-th id, from 1, and 0 for all others.

    A token `mark` is within an id; the id begins one token before it and goes on over the digits that follow.
    """
    marks = tokens == mark
    ids = np.cumsum(marks, axis=1)
    words = np.where(marks, ids, 0)
    words[:, :-1] += np.where(marks[:, 1:], ids[:, 1:], 0)
    inside = np.zeros(len(tokens), dtype=bool)
    for place in range(tokens.shape[1]):
        inside = marks[:, place] | (inside & digits[tokens[:, place]])
        words[inside, place] = ids[inside, place]
    return words


def words_in_order(tokens: Tokens, begins: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_]) -> Tokens:
    """int64, the shape of `tokens` (B, L): j for the tokens of a text's j-th word, from 1, and 0 where `inside`, bool
    (B, L), is false: at end tokens and pads. `begins`, bool (V,), says which tokens begin a word."""
    return np.where(inside, np.cumsum(begins[tokens], axis=1), 0)


def padded(rows: Sequence[Sequence[int]], pad: int) -> Tokens:
    """int64 (R, T): the rows, `pad` after their ends."""
    table = np.full((len(rows), max(map(len, rows))), pad, dtype=np.int64)
    for row, tokens in enumerate(rows):
        table[row, : len(tokens)] = tokens
    return table
