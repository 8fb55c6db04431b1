"""Texts as vectors of a pretrained encoder: tokens in batches of like length, the last layer pooled."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, BatchEncoding
from transformers.utils import logging

Pooling = Literal["cls", "mean"]


class TextEncoder:
    """A pretrained transformer whose weights stay as they are."""

    def __init__(self, folder: Path, pooling: Pooling, max_tokens: int, device: str) -> None:
        """Load `config.json`, the tokenizer and the safetensors in `folder`; no code of the model's own is run.

        `cls` takes the last layer at the first token, `mean` its mean over the text's tokens. Raises ValueError where
        the model has fewer positions than `max_tokens`, only a slow tokenizer or nothing to pad with, and what
        transformers raises for files it cannot read.
        """
        with no_progress_bar():
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
        if not self.tokenizer.is_fast:
            raise ValueError("the tokenizer has no fast form (tokenizer.json)")
        if self.tokenizer.pad_token is None:
            raise ValueError("the tokenizer names no token to pad with (pad_token)")
        positions = getattr(model.config, "max_position_embeddings", max_tokens)
        if max_tokens > positions:
            raise ValueError(f"the encoder reads at most {positions} tokens, not {max_tokens}")
        self.model = model.to(device).eval()
        self.pooling = pooling
        self.max_tokens = max_tokens
        self.device = device

    def encode(self, texts: Sequence[str], batch_tokens: int) -> tuple[npt.NDArray[np.float32], int]:
        """float32 (D, w), one row a text, and how many texts lost their ends to `max_tokens`.

        About `batch_tokens` tokens, padding included, are computed at once. What else is encoded along with a text
        changes its vector by rounding only.
        """
        vectors = np.empty((len(texts), self.model.config.hidden_size), dtype=np.float32)
        if not len(texts):
            return vectors, 0
        tokens = self.tokenizer(list(texts), truncation=True, max_length=self.max_tokens)
        lengths = np.array([len(ids) for ids in tokens["input_ids"]])
        with torch.inference_mode():
            for batch in batches_by_length(lengths, batch_tokens):
                vectors[batch] = self.pooled(tokens, batch).cpu().numpy()
        return vectors, sum(bool(encoding.overflowing) for encoding in tokens.encodings)

    def pooled(self, tokens: BatchEncoding, batch: npt.NDArray[np.int64]) -> Tensor:
        """(B, w) of the tokenised texts with the given numbers."""
        chosen = {name: [column[text] for text in batch.tolist()] for name, column in tokens.items()}
        padded = self.tokenizer.pad(chosen, return_tensors="pt").to(self.device)
        last: Tensor = self.model(**padded).last_hidden_state  # (B, T, w)
        if self.pooling == "cls":
            return last[:, 0]
        real = padded["attention_mask"][:, :, None].to(last.dtype)  # (B, T, 1)
        return (last * real).sum(dim=1) / real.sum(dim=1)


def batches_by_length(lengths: npt.NDArray[np.int64], batch_tokens: int) -> Iterator[npt.NDArray[np.int64]]:
    """Numbers of texts, longest first, so many at once that they hold `batch_tokens` when padded (at least one).

    The longest come first so that a device with too little memory says so at once.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // int(lengths[order[start]]))
        yield order[start : start + size]
        start += size


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Within it transformers draws none: bars of several workers would write over each other."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
