"""Continuations by a causal language model, in batches that decide how long they take and not what they say."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from llmrec_bench_plugins.blocks.text_encoder import no_progress_bar

_DATE = "26 Jul 2024"


@dataclass(frozen=True)
class CausalModel:
    """A decoder with its tokenizer, ready to write."""

    model: Any
    tokenizer: Any
    end_tokens: tuple[int, ...]
    """Of the model's generation config and of the tokenizer; any of them ends a text."""

    @property
    def positions(self) -> int | None:
        """How many tokens it reads and writes together; None where it sets no limit."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    def tokens(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """A conversation as the tokens of its chat template, up to where the assistant's answer begins.

        Without a template, the contents are joined as they are. Raises `jinja2.TemplateError` where the template
        refuses the conversation.
        """
        if self.tokenizer.chat_template is None:
            return list(self.tokenizer("".join(message["content"] for message in messages))["input_ids"])
        template = self.tokenizer.get_chat_template()
        if "strftime_now" in template:
            # Some templates tell the model today's date, and so would have it answer otherwise tomorrow.
            template = "{% macro strftime_now(format) %}" + _DATE + "{% endmacro %}" + template
        text = self.tokenizer.apply_chat_template(
            list(messages), chat_template=template, add_generation_prompt=True, tokenize=False
        )
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def text(self, tokens: Sequence[int]) -> str:
        """What the tokens say, special ones left out."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def load_causal_model(
    source: str, revision: str | None, dtype: str, device: str, bits: int | None, adapter: Path | None
) -> CausalModel:
    """Load a model from a folder or a hub, weights from safetensors files only and without code of the model's own.

    `bits` (8 or 4) quantises through bitsandbytes. Raises OSError, ValueError or RuntimeError where anything is
    missing, also where weights are, which the libraries would fill at random.
    """
    precision = getattr(torch, dtype)
    options: dict[str, Any] = {"dtype": precision, "use_safetensors": True, "output_loading_info": True}
    if bits is not None:
        quantised = {"load_in_8bit": bits == 8, "load_in_4bit": bits == 4, "bnb_4bit_compute_dtype": precision}
        quantisation = BitsAndBytesConfig(**quantised)  # type: ignore[no-untyped-call]
        options |= {"quantization_config": quantisation, "device_map": {"": device}}
    origin: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": False}
    with no_progress_bar():
        tokenizer: Any = AutoTokenizer.from_pretrained(source, **origin)
        loaded: Any = AutoModelForCausalLM.from_pretrained(source, **origin, **options)
    model, report = loaded
    if report["missing_keys"]:
        raise ValueError(f"{len(report['missing_keys'])} weights are missing, such as {min(report['missing_keys'])}")
    ends = model.generation_config.eos_token_id
    ends = [*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id]
    # A model may come with sampling options and penalties. The latter count padding as text, so that an answer would
    # depend on its batch.
    model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
    if bits is None:
        model = model.to(device)
    if adapter is not None:
        model = _with_adapter(model, adapter)
    return CausalModel(model.eval(), tokenizer, tuple(sorted({end for end in ends if end is not None})))


def _with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel, get_peft_model_state_dict

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found missing adapter keys")  # below they are an error
        adapted = PeftModel.from_pretrained(model, folder, torch_device=str(model.device))
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        written = {name for name in file.keys() if ".lora_" in name}  # noqa: SIM118 - not a mapping
    wanted = {name for name in get_peft_model_state_dict(adapted, save_embedding_layers=False) if ".lora_" in name}
    if written != wanted:
        raise ValueError(f"the adapter was trained on another model: {min(written ^ wanted)} is in one of them only")
    return adapted


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen, and when to stop."""

    max_tokens: int
    """The longest continuation, its end token included."""
    end_tokens: tuple[int, ...]
    """Any of them ends a continuation."""
    temperature: float = 0.0
    """0 takes the likeliest token; above it, logits are divided by it and a token is drawn."""
    top_p: float = 1.0
    """Draw from the likeliest tokens that together reach this probability (Holtzman et al. 2020)."""
    top_k: int | None = None
    """Draw from this many likeliest tokens; None from all."""


@dataclass(frozen=True)
class Continuation:
    """What the model wrote after one row of tokens."""

    tokens: list[int]
    """Without the end token."""
    ended: bool
    """True where an end token came, False where `max_tokens` cut it."""
    seconds: float
    """Wall-clock seconds of its batch, divided by the batch's size."""

    @property
    def steps(self) -> int:
        """Tokens the model produced, the end token included."""
        return len(self.tokens) + self.ended


def continuations(
    model: Any, rows: Sequence[Sequence[int]], seeds: Sequence[int], decoding: Decoding, batch_size: int
) -> Iterator[tuple[int, Continuation | None]]:
    """(row number, continuation) of R rows of token ids, shortest rows first, as each batch is finished.

    Where memory runs out the batch is halved, for later and longer rows too; None is the continuation of a row that
    does not fit alone. A row's draws come from its own seed, at one draw a step, so they do not depend on its batch.
    """
    waiting = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    while waiting:
        batch = waiting[:batch_size]
        finished = _unless_too_large(model, [rows[row] for row in batch], [seeds[row] for row in batch], decoding)
        if finished is None and len(batch) > 1:
            batch_size = len(batch) // 2
            continue
        yield from zip(batch, [None] if finished is None else finished, strict=True)
        waiting = waiting[len(batch) :]


def _unless_too_large(
    model: Any, rows: Sequence[Sequence[int]], seeds: Sequence[int], decoding: Decoding
) -> list[Continuation] | None:
    try:
        return continue_batch(model, rows, seeds, decoding)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Only here, past the handler, has the error let go of the frames that hold the batch's tensors.
    if model.device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def is_out_of_memory(error: RuntimeError) -> bool:
    """True where a device or the machine had no memory left; not every library raises torch's own error for it."""
    words = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def continue_batch(
    model: Any, rows: Sequence[Sequence[int]], seeds: Sequence[int], decoding: Decoding
) -> list[Continuation]:
    """One continuation for each of B rows of at least one token id each."""
    start = perf_counter()
    width = max(len(row) for row in rows)
    # Padding is masked, so that any token will do for it; padding on the left lets all rows go on at one place.
    padded = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows], device=model.device)  # (B, L)
    real = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=model.device)
    processors = LogitsProcessorList()
    if decoding.temperature > 0:
        draws = np.stack([np.random.default_rng(seed).random(decoding.max_tokens) for seed in seeds])
        processors.append(_DrawnToken(torch.from_numpy(draws).to(model.device), width, decoding))
    limits = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=decoding.max_tokens,
        do_sample=False,
        eos_token_id=list(decoding.end_tokens) or None,
        pad_token_id=0,
    )
    written = model.generate(
        input_ids=padded, attention_mask=real, generation_config=limits, logits_processor=processors
    )[:, width:].tolist()
    seconds = (perf_counter() - start) / len(rows)
    return [_cut(tokens, decoding.end_tokens, seconds) for tokens in written]


def _cut(tokens: list[int], end_tokens: tuple[int, ...], seconds: float) -> Continuation:
    """A row of a batch up to its end token; what follows it waited for the other rows."""
    ends = [place for place, token in enumerate(tokens) if token in end_tokens]
    return Continuation(tokens[: ends[0]] if ends else tokens, bool(ends), seconds)


class _DrawnToken(LogitsProcessor):
    """Leaves each row the one token drawn for it, so that greedy decoding takes that."""

    def __init__(self, draws: Tensor, width: int, decoding: Decoding) -> None:
        self._draws = draws  # (B, max_tokens)
        self._width = width
        self._decoding = decoding

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # type: ignore[override]
        decoding = self._decoding
        draws = self._draws[:, input_ids.shape[1] - self._width]
        drawn = drawn_tokens(scores, draws, decoding.temperature, decoding.top_p, decoding.top_k)
        return torch.full_like(scores, -torch.inf).scatter(1, drawn[:, None], 0.0)


def drawn_tokens(logits: Tensor, draws: Tensor, temperature: float, top_p: float, top_k: int | None) -> Tensor:
    """int64 (B,) from logits (B, V) and float64 draws (B,) in [0, 1): the token in whose share of [0, 1) a draw lies.

    The shares lie in token order. In order of probability, two nearly equal tokens could change places by rounding,
    and with them the token drawn.
    """
    scaled = logits.double() / temperature
    if top_k is not None and top_k < scaled.shape[1]:
        least = scaled.topk(top_k).values[:, -1:]
        scaled = scaled.masked_fill(scaled < least, -torch.inf)
    if top_p < 1:
        shares, tokens = scaled.softmax(1).sort(dim=1, descending=True, stable=True)
        beyond = shares.cumsum(1) - shares >= top_p
        scaled = scaled.masked_fill(torch.zeros_like(beyond).scatter(1, tokens, beyond), -torch.inf)
    bounds = scaled.softmax(1).cumsum(1)
    # Rounding leaves the last bound a little off 1.
    return torch.searchsorted(bounds, draws[:, None] * bounds[:, -1:], right=True)[:, 0]
