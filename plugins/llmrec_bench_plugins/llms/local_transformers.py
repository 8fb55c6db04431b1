"""Language models that run on this machine, through the transformers library."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from llmrec_bench import BenchError, Completion, LanguageModel, Operational, Prompt, Usage
from llmrec_bench_plugins.stages.causal_models import (
    adapter_files,
    content,
    model_files,
    one_line,
    stored_numbers,
    written_out,
)

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.text_generation import CausalModel, Continuation, Decoding

_HUB_ID = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*")


class LocalTransformers(LanguageModel):
    """A causal model from a folder or from the Hugging Face hub, with a LoRA adapter where one is given.

    Prompts are answered in batches of like length, padded on the left. In float32 a prompt gets the same text whatever
    batch it is in: a batch changes the logits by rounding only, about one part in a million, and that matters only
    where two tokens are as close to each other as that. bfloat16 and float16 keep 8 and 11 significant bits, so that
    such ties are common in them and a text may differ between batches; with `batch_size: 1` it does not. Of the
    model's `generation_config.json` only the end tokens are used.
    """

    name = "transformers"
    version = "1"
    deployment = "local"

    class Config(LanguageModel.Config):
        """Options of a local model."""

        model: str = Field(min_length=1)
        """A folder with a model (weights as safetensors), or a hub id such as `owner/name`. Results know a folder by
        its content, so that it may be moved."""
        revision: str | None = Field(None, min_length=1)
        """Only for a hub id: its branch, tag or commit. null takes the newest; results last with a commit only."""
        adapter: Path | None = None
        """A folder with a LoRA adapter for the model, as peft saves it; known by its content too."""
        quantisation: Literal["none", "8bit", "4bit"] = "none"
        """Store weights in 8 or 4 bits; needs CUDA and bitsandbytes. In 8 bits, a text may depend on its batch."""
        dtype: Literal["float32", "bfloat16", "float16"] | None = None
        """Number format of weights and arithmetic; null takes bfloat16 on CUDA and float32 on a CPU, and results name
        the one taken."""
        max_tokens: int = Field(512, ge=1)
        """The longest answer, in tokens, its end token included. Prompt and answer must fit the model together."""
        temperature: float | None = Field(None, ge=0, le=2)
        """Randomness of the answers; null or 0 takes the likeliest token at each step."""
        top_p: float = Field(1.0, gt=0, le=1)
        """With a temperature: draw from the likeliest tokens that together reach this probability."""
        top_k: int | None = Field(None, ge=1)
        """With a temperature: draw from this many likeliest tokens; null from all."""
        seed: int = Field(0, ge=0)
        """With a temperature: what is drawn depends on this, the prompt and the number of the sample."""
        device: Annotated[str, Operational()] = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
        """`cpu`, `cuda` or `cuda:N`."""
        batch_size: Annotated[int, Operational()] = Field(16, ge=1)
        """Prompts answered together, at most; where memory runs out, half as many are tried."""

        @property
        def precision(self) -> str:
            """The number format: `dtype`, or the device's."""
            return self.dtype or ("float32" if self.device == "cpu" else "bfloat16")

        @property
        def folder(self) -> Path | None:
            """The model's folder, `~` and environment variables written out; None for a hub id."""
            folder = written_out(self.model)
            if folder.is_dir():
                if self.revision is not None:
                    raise BenchError(f"{folder}: `revision` is for hub ids, and this is a folder; leave it out")
                return folder
            if _HUB_ID.fullmatch(self.model) is None:
                raise BenchError(f"{folder}: no such model folder; give a folder or a hub id such as owner/name")
            return None

        @property
        def adapter_folder(self) -> Path | None:
            """The adapter's folder, `~` and environment variables written out."""
            return None if self.adapter is None else written_out(self.adapter)

        def identity(self) -> dict[str, Any]:
            """Folders by their content, a hub id with its revision, `dtype` as it is taken; for the likeliest answer
            without the options of drawing. Raises `BenchError` for a folder that lacks a part."""
            plain = super().identity() | {"dtype": self.precision, "temperature": self.temperature or 0.0}
            aside = set() if self.temperature else {"top_p", "top_k", "seed"}
            if self.folder is not None:
                plain["model"] = content(model_files(self.folder))
                aside.add("revision")
            if self.adapter_folder is not None:
                plain["adapter"] = content(adapter_files(self.adapter_folder))
            return {option: value for option, value in plain.items() if option not in aside}

    config: Config

    def __init__(self, config: Config, items: pd.DataFrame) -> None:
        """Store the options; the first `answer` loads the weights."""
        super().__init__(config, items)
        self._loaded: CausalModel | None = None
        self._parameters: int | None = None

    @property
    def parameters(self) -> int | None:
        """The model's and the adapter's; of a model not loaded, from the heads of its weight files. None for a hub id
        not loaded, and for weights stored in packed form."""
        if self._parameters is None:  # asked for with every answer
            self._parameters = self._count()
        return self._parameters

    def _count(self) -> int | None:
        if self._loaded is not None:
            return int(self._loaded.model.num_parameters())
        folder, adapter = self.config.folder, self.config.adapter_folder
        if folder is None:
            return None
        weights = [*model_files(folder), *(adapter_files(adapter) if adapter is not None else [])]
        return stored_numbers([file for file in weights if file.suffix == ".safetensors"])

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Completion]]:
        """(index, completion), first those of prompts that cannot be answered, then shortest prompts first.

        Fails for itself: a prompt that is empty, that the chat template refuses, or that does not fit the model's
        positions or the memory; nothing is ever cut from a prompt. Tokens of the chat template count as the prompt's,
        the end token as the completion's.
        """
        if not prompts:
            return
        model = self._load()
        from jinja2 import TemplateError

        from llmrec_bench_plugins.blocks.text_generation import continuations

        decoding = self._decoding(model)
        room = self._room(model)
        rows: list[list[int]] = []
        asked: list[int] = []
        for index, prompt in enumerate(prompts):
            try:
                row = model.tokens([message.plain() for message in prompt.messages])
            except TemplateError as error:
                yield index, _failed(f"the model's chat template refuses the messages ({one_line(error)})")
                continue
            if not row:
                yield index, _failed("the prompt has no tokens")
            elif len(row) > room:
                limit = f"{model.positions} positions, less max_tokens {decoding.max_tokens}, leave room for {room:.0f}"
                yield index, _failed(f"the prompt has {len(row)} tokens; the model's {limit}")
            else:
                rows.append(row)
                asked.append(index)
        seeds = [self._seed(prompts[index]) for index in asked]
        for row_number, continuation in continuations(model.model, rows, seeds, decoding, self.config.batch_size):
            yield asked[row_number], self._completion(model, len(rows[row_number]), continuation)

    def close(self) -> None:
        """Free the weights; a later `answer` loads them again."""
        if self._loaded is None:
            return
        import gc

        import torch

        self._loaded = None
        gc.collect()  # a model holds circles of references
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _completion(self, model: "CausalModel", prompt_tokens: int, found: "Continuation | None") -> Completion:
        if found is None:
            options = self.config
            whole = f"a prompt of {prompt_tokens} tokens and an answer of up to {options.max_tokens}"
            return _failed(f"{whole} do not fit the memory of {options.device}, even alone")
        usage = Usage(prompt_tokens, found.steps)
        return Completion(model.text(found.tokens), "stop" if found.ended else "length", usage, found.seconds)

    def _decoding(self, model: "CausalModel") -> "Decoding":
        from llmrec_bench_plugins.blocks.text_generation import Decoding

        options = self.config
        temperature = options.temperature or 0.0
        return Decoding(options.max_tokens, model.end_tokens, temperature, options.top_p, options.top_k)

    def _room(self, model: "CausalModel") -> float:
        """The longest prompt, in tokens, that leaves `max_tokens` positions for the answer."""
        if model.positions is None:
            return math.inf
        room = model.positions - self.config.max_tokens
        if room < 1:
            raise BenchError(
                f"{self.config.model}: max_tokens {self.config.max_tokens} leaves no room for a prompt in the model's "
                f"{model.positions} positions; give a smaller one"
            )
        return room

    def _seed(self, prompt: Prompt) -> int:
        whole = json.dumps([self.config.seed, prompt.plain()], sort_keys=True)
        return int.from_bytes(hashlib.sha256(whole.encode()).digest())

    def _load(self) -> "CausalModel":
        if self._loaded is None:
            options = self.config
            for package in ("transformers", *(["peft"] if options.adapter else [])):
                if find_spec(package) is None:
                    raise BenchError(f"{self.name}: {package} is not installed; pip install {package}")
            self._check_device()
            folder, adapter = options.folder, options.adapter_folder
            if folder is not None:
                model_files(folder)
            if adapter is not None:
                adapter_files(adapter)
            self._loaded = self._from_files(str(folder or options.model), adapter)
        return self._loaded

    def _from_files(self, source: str, adapter: Path | None) -> "CausalModel":
        from safetensors import SafetensorError

        from llmrec_bench_plugins.blocks.text_generation import is_out_of_memory, load_causal_model

        options = self.config
        bits = None if options.quantisation == "none" else int(options.quantisation[0])
        try:
            return load_causal_model(source, options.revision, options.precision, options.device, bits, adapter)
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            named = source if adapter is None else f"{source} with {adapter}"
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                stored = options.precision if bits is None else options.quantisation
                packed = "" if options.device == "cpu" or bits == 4 else "`quantisation: 4bit` or "
                raise BenchError(
                    f"{named}: its weights in {stored} do not fit the memory of {options.device}; take {packed}a "
                    "smaller model"
                ) from error
            hint = "" if options.folder else "; download the model first, or give the folder it is in"
            raise BenchError(f"{named}: cannot be loaded ({one_line(error)}){hint}") from error

    def _check_device(self) -> None:
        import torch

        options = self.config
        if options.device != "cpu":
            found = torch.cuda.device_count() if torch.cuda.is_available() else 0
            if not found:
                raise BenchError(
                    f"{self.name}: device '{options.device}' asked for, but torch finds no CUDA; use 'cpu'"
                )
            if int(options.device.partition(":")[2] or 0) >= found:
                raise BenchError(f"{self.name}: there is no '{options.device}'; the last is 'cuda:{found - 1}'")
        if options.quantisation != "none":
            wanted = f"{self.name}: quantisation '{options.quantisation}'"
            if options.device == "cpu":
                raise BenchError(f"{wanted} needs a CUDA device; use `device: cuda` or `quantisation: none`")
            for package in ("bitsandbytes", "accelerate"):
                if find_spec(package) is None:
                    raise BenchError(f"{wanted} needs {package}, which is not installed; pip install {package}")


def _failed(why: str) -> Completion:
    return Completion("", "failed", error=why)
