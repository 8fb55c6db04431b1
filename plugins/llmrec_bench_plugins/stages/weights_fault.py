"""Why a causal model could not be loaded as things are: its weights are elsewhere, or more than memory holds."""

import os
from pathlib import Path

from llmrec_bench import BenchError
from llmrec_bench_plugins.stages.causal_models import (
    model_files,
    model_folder,
    one_line,
    precision,
    stored_numbers,
)
from llmrec_bench_plugins.stages.hub_cache import cached_folder, not_here

_BYTES = {"float32": 4, "bfloat16": 2}


def weights_fault(model: str, revision: str | None, device: str) -> str | None:
    """One line, found out from names and heads of files; None where nothing is in the way.

    Only the weights are counted. Training and answering take more, which depends on texts and batches.
    """
    try:
        folder = model_folder(model) or cached_folder(model, revision)
        if folder is None:
            return f"{not_here(model)}; {_room(device)}"
        numbers = _numbers(folder)
        memory = memory_of(device)
    except BenchError as error:
        return str(error)
    dtype = precision(device)
    size = _BYTES[dtype]
    if numbers is None or numbers * size <= memory:
        return None
    on_a_gpu = f", and on a GPU this one takes {numbers * 2 / 1e9:,.1f} GB" if device == "cpu" else ""
    return (
        f"weights of {model} take {numbers * size / 1e9:,.1f} GB in {dtype}, and {device} has {memory / 1e9:,.1f} GB; "
        f"{memory / size / 1e9:,.1f} billion parameters would fit{on_a_gpu}"
    )


def _numbers(folder: Path) -> int | None:
    from safetensors import SafetensorError

    try:
        return stored_numbers([file for file in model_files(folder) if file.suffix == ".safetensors"])
    except SafetensorError as error:
        raise BenchError(f"{folder}: weights that cannot be read ({one_line(error)}); get them anew") from error


def _room(device: str) -> str:
    """What can be said of the memory before the weights are there."""
    try:
        return f"whether they fit the {memory_of(device) / 1e9:,.1f} GB of {device} can be told once they are here"
    except BenchError as error:
        return str(error)


def memory_of(device: str) -> int:
    """All of the device's memory, in bytes, used or not. Raises `BenchError` for one that is not there."""
    if device == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        import torch

        return int(torch.cuda.mem_get_info(device)[1])
    except (ImportError, AssertionError, RuntimeError):  # no torch, torch without CUDA, no such GPU
        raise BenchError(f"there is no {device} on this machine; --device cpu would do") from None
