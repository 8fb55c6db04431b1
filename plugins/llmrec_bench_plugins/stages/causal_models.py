"""Causal language models and LoRA adapters for them: where their files are, what they are known by, and loading."""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from llmrec_bench import BenchError
from llmrec_bench_plugins.stages.file_hashes import file_hash

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.text_generation import CausalModel

_HUB_ID = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*")
_WEIGHTS = ("*.safetensors",)
_PICKLED = ("*.bin", "*.pt", "*.pth")
_VOCABULARIES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.*",
    "spiece.model",
    "sentencepiece.bpe.model",
    "*.tiktoken",
    "tekken.json",
)
_SETTINGS = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "chat_template*",
)
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
"""What peft saves: settings and weights."""


def written_out(path: str | Path) -> Path:
    """With `~` and environment variables written out."""
    return Path(os.path.expandvars(path)).expanduser()


def model_folder(model: str) -> Path | None:
    """The whole folder that `model` names, or None for a hub id. Raises `BenchError` for what is neither, and for a
    folder that lacks a part."""
    folder = written_out(model)
    if folder.is_dir():
        model_files(folder)
        return folder
    if _HUB_ID.fullmatch(model) is None:
        raise BenchError(f"{folder}: no such model folder; give a folder or a hub id such as owner/name")
    return None


def model_files(folder: Path) -> list[Path]:
    """The files that decide a model's answers. Raises `BenchError` for a part that is missing."""
    if (folder / ADAPTER[0]).exists():
        raise BenchError(f"{folder}: an adapter, which is no model; a model is what it was trained on")
    if not (folder / "config.json").exists():
        raise BenchError(f"{folder}: no config.json in this model folder")
    weights, vocabulary = _files(folder, _WEIGHTS), _files(folder, _VOCABULARIES)
    if not vocabulary:
        raise BenchError(f"{folder}: no tokenizer in this model folder (looked for {', '.join(_VOCABULARIES)})")
    if not weights and _files(folder, _PICKLED):
        raise BenchError(f"{folder}: only pickled weights, which may run code; save the model as safetensors")
    if not weights:
        raise BenchError(f"{folder}: no weights in this model folder (looked for {_WEIGHTS[0]})")
    return [*weights, *vocabulary, *_files(folder, _SETTINGS)]


def adapter_files(folder: Path) -> list[Path]:
    """The files that decide what an adapter does. Raises `BenchError` where there is no LoRA adapter."""
    settings, weights = (folder / name for name in ADAPTER)
    if not settings.is_file() or not weights.is_file():
        raise BenchError(f"{folder}: no adapter in this folder (looked for {' and '.join(ADAPTER)})")
    kind = json.loads(settings.read_text(encoding="utf-8")).get("peft_type")
    if kind != "LORA":
        raise BenchError(f"{folder}: an adapter of type {kind}; only LORA is read")
    return [settings, weights]


def content(files: Sequence[Path]) -> str:
    """`sha256:` and 64 hex digits over the files' names and bytes, wherever they lie. Where the model lay that an
    adapter was trained on does not count."""
    parts = {file.name: _hash(file) for file in files}
    return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def base_identity(model: str, revision: str | None) -> str:
    """What a base model is known by: a folder by its content, a hub id with its revision."""
    folder = model_folder(model)
    if folder is not None:
        return content(model_files(folder))
    return model if revision is None else f"{model}@{revision}"


def precision(device: str) -> str:
    """The number format that `load` takes."""
    return "float32" if device == "cpu" else "bfloat16"


def load(model: str, revision: str | None, device: str, adapter: Path | None = None) -> "CausalModel":
    """The model, with an adapter where one is given, in bfloat16 on CUDA and float32 on a CPU.

    Raises `BenchError` in one line for whatever is missing, broken or too large.
    """
    from llmrec_bench_plugins.blocks.text_generation import is_out_of_memory, load_causal_model

    folder = model_folder(model)
    dtype = precision(device)
    with told_in_one_line(model if adapter is None else f"{model} with {adapter}", folder):
        try:
            return load_causal_model(str(folder or model), revision, dtype, device, None, adapter)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise BenchError(
                f"{model}: its weights in {dtype} do not fit the memory of {device}; take a smaller model"
            ) from error


@contextmanager
def told_in_one_line(named: str, folder: Path | None) -> Iterator[None]:
    """Raises `BenchError` for what goes wrong inside while a model is loaded, from its folder or, without one, from
    what was downloaded of a hub."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        hint = "" if folder else "; download the model first, or give the folder it is in"
        raise BenchError(f"{named}: cannot be loaded ({one_line(error)}){hint}") from error


def stored_numbers(files: Sequence[Path]) -> int | None:
    """How many numbers the weight files hold, from their heads; None where some are packed into integers."""
    from safetensors import safe_open

    total = 0
    for file in files:
        with safe_open(file, "numpy") as weights:
            for name in weights.keys():  # noqa: SIM118 - not a mapping
                tensor = weights.get_slice(name)
                if not tensor.get_dtype().startswith(("F", "BF")):
                    return None
                total += math.prod(tensor.get_shape())
    return total


def one_line(error: Exception) -> str:
    """What an error says, shortened to one line."""
    return shorten(str(error), 300, placeholder=" ...") or type(error).__name__


def _files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def _hash(file: Path) -> str:
    if file.name != ADAPTER[0]:
        return file_hash(file)
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings.pop("base_model_name_or_path", None)
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
