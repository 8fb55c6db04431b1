"""Where the files of a pretrained text encoder are, and whether they are the ones meant."""

import hashlib
from pathlib import Path

from llmrec_bench import BenchError
from llmrec_bench_plugins.stages.file_hashes import file_hash
from llmrec_bench_plugins.stages.hub_cache import cached_folder, not_here

_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_PATTERNS = ("config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer_config.json", *_TOKENIZERS)
FILES = (*_PATTERNS, "merges.txt", "special_tokens_map.json", "added_tokens.json")
"""Names of the files that decide what an encoder gives. Pickled weights and code are none of them."""


def encoder_folder(model: str, revision: str | None) -> Path:
    """The folder `model`, or else the hub's model of that id where the hub's client keeps it; fetched if need be.

    Raises `BenchError` where neither is to be had, and for a folder that lacks a file.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _from_hub(model, revision)
    _check_files(folder)
    return folder


def encoder_fault(model: str, revision: str | None) -> str | None:
    """Why `encoder_folder` could not give the model without the hub, in one line; None where it could."""
    try:
        folder: Path | None = Path(model).expanduser()
        if folder is None or not folder.is_dir():
            folder = cached_folder(model, revision)
        if folder is None:
            return not_here(model)
        _check_files(folder)
    except BenchError as error:
        return str(error)
    return None


def _check_files(folder: Path) -> None:
    for names in (("config.json",), ("*.safetensors",), _TOKENIZERS):
        if not any(True for name in names for _ in folder.glob(name)):
            raise BenchError(
                f"text encoder {folder}: no {' or '.join(names)}; a folder needs config.json, weights as safetensors "
                "and a tokenizer"
            )


def _from_hub(model: str, revision: str | None) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise BenchError(f"text encoder '{model}' is no folder, and the package huggingface-hub is missing") from None
    try:
        # The files at the top only: some models keep other formats of themselves in folders below.
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(FILES), ignore_patterns=["*/*"]))
    except (OSError, ValueError, HfHubHTTPError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise BenchError(f"text encoder '{model}' is neither a folder nor to be had from the hub: {reason}") from None


def check_hash(file: Path, wanted: str) -> None:
    """Raises `BenchError` where the file's SHA-256 is another."""
    found = file_hash(file)
    if found != wanted:
        raise BenchError(f"{file}: the weights are not those meant: SHA-256 {found}, should be {wanted}")


def content_hash(folder: Path) -> str:
    """16 hex digits over the names and contents of an encoder's `FILES`, wherever the folder lies."""
    files = sorted({file for pattern in FILES for file in folder.glob(pattern)})
    parts = [f"{file.name} {file_hash(file)}" for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
