"""Models of the Hugging Face hub that are on this machine. Nothing here asks the hub."""

import json
from pathlib import Path

from llmrec_bench import BenchError


def cached_folder(model: str, revision: str | None) -> Path | None:
    """The folder in which the hub's client keeps the model of that id; None where it does not, or lacks some weights.

    Raises `BenchError` for what is no id, and where the client is not installed.
    """
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        raise BenchError(f"{model}: no folder, and the package huggingface-hub is missing; install it") from None
    try:
        settings = try_to_load_from_cache(model, "config.json", revision=revision)
    except ValueError:
        raise BenchError(f"{model}: no such model folder; give a folder or a hub id such as owner/name") from None
    if not isinstance(settings, str):
        return None
    folder = Path(settings).parent
    parts = {file.name for file in folder.glob("*.safetensors")}
    for index in folder.glob("*.safetensors.index.json"):
        if not parts.issuperset(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()):
            return None  # a download that was broken off
    return folder if parts else None


def not_here(model: str) -> str:
    """What to say of a model that is not."""
    return f"weights of {model} are not on this machine: fetched from the hub when it can be reached, or give a folder"
