"""T5 with prompt vectors before each text (POD) and one more vector for the tokens of each whole word (P5, POD)."""

from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import T5ForConditionalGeneration
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

# transformers renames it within its fifth version.
_CACHE = "cache" if "cache" in signature(T5ForConditionalGeneration.forward).parameters else "past_key_values"


MeanOver = Literal["tokens", "texts"]
"""What a loss is the mean over: all tokens that count, or texts, each by the mean over its own."""


@dataclass(frozen=True)
class TextBatch:
    """B texts for the encoder."""

    tokens: Tensor
    """int64 (B, L), padded at the end."""
    words: Tensor | None
    """int64 (B, L): 1 for the tokens of a text's first whole word, 2 for those of its second, ..., 0 for tokens of
    none. None: no vector is added, not even that of 0."""
    mask: Tensor
    """int64 (B, L): 0 at pads, 1 elsewhere."""
    tasks: Tensor
    """int64 (B,): whose prompt vectors stand before each text."""


@dataclass(frozen=True)
class Encoded:
    """What the decoder attends to."""

    states: Tensor
    """(B, P + L, d)."""
    mask: Tensor
    """int64 (B, P + L)."""

    def take(self, rows: Tensor) -> "Encoded":
        """The given rows, in the given order (repeats allowed)."""
        return Encoded(self.states[rows], self.mask[rows])


class PromptedT5(nn.Module):
    """Encoder input: P vectors of the task, if any, then E_token(x) + E_word(w) for every token; all of it learns.

    Nothing is added to the prompt rows, and index 0 of the word table is a vector like the others: it goes to all
    tokens outside whole words, as in P5 and POD.
    """

    def __init__(self, t5: T5ForConditionalGeneration, n_tasks: int, prompt_vectors: int, whole_words: int) -> None:
        """The prompt table is uniform(-0.1, 0.1), the word table N(0, 1), from torch's global generator."""
        super().__init__()
        self.t5 = t5
        width = t5.config.d_model
        self.prompts = nn.Parameter(torch.empty(n_tasks, prompt_vectors, width).uniform_(-0.1, 0.1))
        self.whole_words = nn.Embedding(whole_words, width)

    def inputs(self, batch: TextBatch) -> tuple[Tensor, Tensor]:
        """(B, P + L, d) and its int64 mask (B, P + L)."""
        texts = self.t5.shared(batch.tokens)
        if batch.words is not None:
            texts = texts + self.whole_words(batch.words)
        prompts = self.prompts[batch.tasks]
        mask = functional.pad(batch.mask, (prompts.shape[1], 0), value=1)
        return torch.cat([prompts, texts], dim=1), mask

    def encode(self, batch: TextBatch) -> Encoded:
        """One pass of the encoder."""
        embeddings, mask = self.inputs(batch)
        return Encoded(self.t5.encoder(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state, mask)

    def loss(self, batch: TextBatch, labels: Tensor, mean_over: MeanOver = "tokens") -> Tensor:
        """Cross-entropy, the mean over the targets' tokens, or over texts; labels (B, T) of -100 do not count."""
        embeddings, mask = self.inputs(batch)
        if mean_over == "tokens":
            loss: Tensor = self.t5(inputs_embeds=embeddings, attention_mask=mask, labels=labels).loss
            return loss
        before: Any = self.t5.prepare_decoder_input_ids_from_labels(labels)
        logits = self.t5(inputs_embeds=embeddings, attention_mask=mask, decoder_input_ids=before).logits
        each = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")  # (B, T), 0 at -100
        return (each.sum(dim=1) / (labels != -100).sum(dim=1)).mean()

    def start(self, encoded: Encoded) -> "Decoding":
        """What a text begins with, for all rows."""
        return Decoding(self.t5, encoded, EncoderDecoderCache(DynamicCache(), DynamicCache()))

    def generate(self, encoded: Encoded, beams: int, returned: int, longest: int) -> tuple[Tensor, Tensor]:
        """The `returned` best texts of each row by transformers' own beam search, free to write anything: int64
        (B, returned, T) and the sums of their log-probabilities, float (B, returned)."""
        written: Any = self.t5.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded.states),  # type: ignore[arg-type]
            attention_mask=encoded.mask,
            num_beams=beams,
            num_return_sequences=returned,
            max_new_tokens=longest,
            do_sample=False,
            early_stopping=True,
            length_penalty=0.0,
            output_scores=True,
            return_dict_in_generate=True,
        )
        shape = (len(encoded.states), returned)
        return written.sequences.view(*shape, -1), written.sequences_scores.view(shape)


class Decoding:
    """The decoder at work on R rows, each step fed with tokens and giving what may follow them."""

    def __init__(self, t5: T5ForConditionalGeneration, encoded: Encoded, cache: EncoderDecoderCache) -> None:
        self._t5, self._encoded, self._cache = t5, encoded, cache
        start = t5.config.decoder_start_token_id
        self.first = self.step(torch.full((len(encoded.states), 1), start, device=encoded.states.device))[:, -1]
        """(R, V): log-probabilities of the first token."""

    def widen(self, copies: int) -> None:
        """Each row becomes `copies` rows that follow each other."""
        self._cache.batch_repeat_interleave(copies)
        rows = torch.arange(len(self._encoded.states), device=self._encoded.states.device).repeat_interleave(copies)
        self._encoded = self._encoded.take(rows)

    def reorder(self, rows: Tensor) -> None:
        """Row r goes on from what row `rows[r]`, a copy of the same text, has written."""
        # Copies attend to the same text: only what was written moves.
        self._cache.self_attention_cache.reorder_cache(rows)  # type: ignore[arg-type]

    def step(self, tokens: Tensor) -> Tensor:
        """(R, T, V): log-probabilities of what comes after each of the tokens, int64 (R, T)."""
        logits = self._t5(
            decoder_input_ids=tokens,
            encoder_outputs=(self._encoded.states,),
            attention_mask=self._encoded.mask,
            use_cache=True,
            **{_CACHE: self._cache},
        ).logits
        return functional.log_softmax(logits, dim=-1)
