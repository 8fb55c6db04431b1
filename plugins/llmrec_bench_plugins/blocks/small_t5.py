"""A small T5, untrained, with a tokenizer that treats ids as T5's own does."""

from collections import Counter
from collections.abc import Iterable, Iterator

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import GenerationConfig, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

_PAD, _END, _UNKNOWN = "<pad>", "</s>", "<unk>"
_SPACE = "▁"


def small_t5(
    vocabulary: int, width: int, layers: int, heads: int, feed_forward: int, dropout: float
) -> T5ForConditionalGeneration:
    """T5 with so many layers in the encoder and again in the decoder, float32, of weights drawn from torch's global
    generator. `heads` divides `width`. The decoder starts with the pad token, as T5's does."""
    config = T5Config(  # type: ignore[call-arg]
        vocab_size=vocabulary,
        d_model=width,
        d_kv=width // heads,
        d_ff=feed_forward,
        num_layers=layers,
        num_decoder_layers=layers,
        num_heads=heads,
        dropout_rate=dropout,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    model = T5ForConditionalGeneration(config)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0
    )
    return model.to(torch.float32)  # type: ignore[arg-type]


def word_tokenizer(
    texts: Iterable[str], digits: int, taught: Iterable[str] = (), words: int = 0
) -> PreTrainedTokenizerFast:
    """Whole words of the texts, the `words` most frequent ones of those `taught`, signs, and all numbers of up to
    `digits` digits; a longer number is cut into these from its left.

    As with T5's pieces, a token that begins a word starts with a mark, `_` stands alone, and what follows it in
    `user_15` is digits: `▁user`, `_`, `15`. Pad is 0, the end token 1, unknown words are 2.
    """
    cut = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always"),
            pre_tokenizers.Split(Regex(rf"{_SPACE}?\d{{1,{digits}}}|[_.,:;?!()<>\"]"), behavior="isolated"),
        ]
    )
    numbers = [f"{n:0{size}}" for size in range(1, digits + 1) for n in range(10**size)]

    def pieces_of(some: Iterable[str]) -> Iterator[str]:
        return (piece for text in some for piece, _ in cut.pre_tokenize_str(text) if not piece[-1].isdigit())

    counts = Counter(pieces_of(taught))
    frequent = sorted(counts, key=lambda piece: (-counts[piece], piece))[:words]
    spaced = (_SPACE + n for n in numbers)
    special = [_PAD, _END, _UNKNOWN, _SPACE, "_"]
    tokens = dict.fromkeys([*special, *numbers, *spaced, *sorted(set(pieces_of(texts))), *frequent])
    pieces = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=_UNKNOWN))
    pieces.pre_tokenizer = cut
    pieces.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme="always")
    pieces.post_processor = processors.TemplateProcessing(single=f"$A {_END}", special_tokens=[(_END, 1)])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=pieces, pad_token=_PAD, eos_token=_END, unk_token=_UNKNOWN
    )
