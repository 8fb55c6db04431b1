"""A causal language model learns to answer as a teacher did: pairs of prompt and answer, the loss on the answers."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from llmrec_bench_plugins.blocks.padded_rows import batches_of_like_length
from llmrec_bench_plugins.blocks.text_generation import CausalModel, is_out_of_memory

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Pair:
    """A prompt with its answer, as one row of token ids."""

    tokens: list[int]
    """The prompt, the answer, and the end token."""
    answer: int
    """Where in `tokens` the answer begins; at least 1."""


def paired(model: CausalModel, prompt: str, answer: str) -> Pair:
    """The prompt as `model.tokens` reads it when the answer is asked for, then the answer and the end token."""
    asked = model.tokens([{"role": "user", "content": prompt}])
    told = model.tokenizer(answer, add_special_tokens=False)["input_ids"]
    return Pair([*asked, *told, end_token(model)], len(asked))


def end_token(model: CausalModel) -> int:
    """The one that ends an answer. Raises ValueError for a model that has none."""
    own = model.tokenizer.eos_token_id
    if own is None and not model.end_tokens:
        raise ValueError("neither the tokenizer nor the generation config names a token that ends a text")
    return int(model.end_tokens[0] if own is None else own)


@dataclass(frozen=True)
class Distillation:
    """How to train; defaults are those of llama-recipes for LoRA, which SLIM used."""

    epochs: int = 3
    batch_size: int = 4
    accumulation: int = 1
    """Batches to one step of the optimizer."""
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    decay: float = 0.85
    """What the learning rate is multiplied by after every epoch (StepLR)."""
    gradient_clip: float | None = None
    checkpointing: bool = False
    """Compute activations again on the way back instead of keeping them."""


@dataclass(frozen=True)
class Outcome:
    """What a distillation came to. Losses are means over held-out answer tokens, in nats."""

    loss_before: float
    loss_after: float
    """With the weights that were kept."""
    best_epoch: int
    """The epoch whose weights were kept, from 1; 0 where none was better than no training at all."""
    tokens: int
    """Read in training, prompts included, padding not."""
    seconds: float
    """Wall-clock seconds of training and validation, those before a kill included."""


class DivergedError(ArithmeticError):
    """The loss stopped being a finite number; the message names the epoch."""


class TooLargeError(RuntimeError):
    """A batch does not fit the memory; the message tells its size."""


def add_lora(model: Any, rank: int, alpha: int, dropout: float, targets: Sequence[str], seed: int) -> Any:
    """The model with frozen weights and a new LoRA adapter (Hu et al. 2022), a PeftModel; its output is unchanged.

    Raises ValueError where no layer has the name of a target.
    """
    from peft import LoraConfig, get_peft_model

    options = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(targets), bias="none", task_type="CAUSAL_LM"
    )
    with seeded(seed, model.device):
        return get_peft_model(model, options)


def linear_layers(model: Any) -> list[str]:
    """The names that `targets` of an adapter may take, the output layer's aside."""
    output = model.get_output_embeddings()
    layers = (
        name for name, part in model.named_modules() if isinstance(part, nn.Linear | Conv1D) and part is not output
    )
    return sorted({name.rpartition(".")[2] for name in layers})


def distil(
    model: Any,
    train: Sequence[Pair],
    held_out: Sequence[Pair],
    options: Distillation,
    seed: int,
    checkpoints: Path,
    log: Callable[[str], None],
) -> Outcome:
    """Train in place what of `model` may be trained, by AdamW, and leave the weights of the epoch with the least loss
    on `held_out`.

    A step minimises -log P(answer | prompt), the mean over all answer tokens of its batches (SLIM, Eq. 4, with the
    sign that it omits). On CUDA it runs in bfloat16 where torch's autocast allows. After every epoch the state is
    written to the folder `checkpoints`; the same call goes on from there, on a CPU to the very same weights. What an
    earlier call with other pairs or options left there is written over.

    Raises `DivergedError`, and `TooLargeError` where memory runs out.
    """
    begin = perf_counter()
    learned = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    optimizer = torch.optim.AdamW(
        learned.values(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )
    if options.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    file = checkpoints / "epoch.pt"
    key = _fingerprint(train, held_out, options, seed)
    state = _restore(file, key, learned, optimizer)
    if state is None:
        loss = mean_answer_loss(model, held_out, options.batch_size)
        log(f"before training: held-out loss {loss:.4f}")
        state = _State(0, loss, loss, 0, 0, 0.0, _copied(learned))
    else:
        log(f"resumed after epoch {state.epoch}")
    done = state.seconds
    while state.epoch < options.epochs:
        epoch = state.epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * options.decay**state.epoch
        # Draws depend on the epoch alone, so that a resumed run needs no generator's state.
        with seeded(seed * 1_000_003 + epoch, model.device):
            loss = _train_epoch(model, train, options, optimizer, learned, np.random.default_rng([seed, epoch]))
        validated = mean_answer_loss(model, held_out, options.batch_size)
        if not np.isfinite(loss + validated):
            raise DivergedError(f"the loss became {loss} in epoch {epoch}, and {validated} on held-out pairs")
        log(f"epoch {epoch} of {options.epochs}: loss {loss:.4f}, held-out loss {validated:.4f}")
        state.epoch = epoch
        state.tokens += sum(len(pair.tokens) for pair in train)
        state.seconds = done + perf_counter() - begin
        if validated < state.best:
            state.best, state.best_epoch, state.best_weights = validated, epoch, _copied(learned)
        _keep(file, key, state, learned, optimizer)
    if options.checkpointing:
        model.gradient_checkpointing_disable()
    _put_back(learned, state.best_weights)
    model.eval()
    return Outcome(state.before, state.best, state.best_epoch, state.tokens, state.seconds)


def mean_answer_loss(model: Any, pairs: Sequence[Pair], batch_size: int) -> float:
    """The mean of -log P over all answer tokens of the pairs, without dropout."""
    model.eval()
    order = sorted(range(len(pairs)), key=lambda number: -len(pairs[number].tokens))
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            batch = [pairs[number] for number in order[start : start + batch_size]]
            with _fitting(batch):
                total += float(answer_loss(model, batch))
    return total / _answer_tokens(pairs)


def answer_loss(model: Any, pairs: Sequence[Pair]) -> Tensor:
    """float32 (): the sum of -log P over the answer tokens of B pairs, each given all tokens before it."""
    device = model.device
    width = max(len(pair.tokens) for pair in pairs)
    # On the right, what a causal model reads before any answer token is free of padding, and needs no mask.
    padded = torch.tensor([pair.tokens + [0] * (width - len(pair.tokens)) for pair in pairs], device=device)  # (B, L)
    wanted = torch.tensor(
        [
            [-100] * pair.answer + pair.tokens[pair.answer :] + [-100] * (width - len(pair.tokens))  # what is ignored
            for pair in pairs
        ],
        device=device,
    )
    keep = width - min(pair.answer for pair in pairs) + 1  # positions from the last before any answer
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        logits = model(input_ids=padded, use_cache=False, logits_to_keep=keep).logits[:, -keep:-1]  # (B, K, V)
    answers = wanted[:, -(keep - 1) :]
    own = answers != -100
    return functional.cross_entropy(logits[own].float(), answers[own], reduction="sum")


def _train_epoch(
    model: Any,
    train: Sequence[Pair],
    options: Distillation,
    optimizer: torch.optim.Optimizer,
    learned: Weights,
    rng: np.random.Generator,
) -> float:
    """One pass over the pairs; returns the mean loss of an answer token."""
    model.train()
    lengths = np.array([len(pair.tokens) for pair in train])
    batches = [
        [train[number] for number in batch.tolist()]
        for batch in batches_of_like_length(lengths, np.ones_like(lengths), options.batch_size, rng)
    ]
    total = torch.zeros((), device=model.device)
    for start in range(0, len(batches), options.accumulation):
        step = batches[start : start + options.accumulation]
        tokens = sum(map(_answer_tokens, step))
        for batch in step:
            with _fitting(batch):
                loss = answer_loss(model, batch)
                (loss / tokens).backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        if options.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(learned.values(), options.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
    return float(total) / _answer_tokens(train)


def _answer_tokens(pairs: Sequence[Pair]) -> int:
    return sum(len(pair.tokens) - pair.answer for pair in pairs)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within it torch draws from this seed; its generators are as before afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _fitting(batch: Sequence[Pair]) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        longest = max(len(pair.tokens) for pair in batch)
        raise TooLargeError(f"a batch of {len(batch)} x {longest} tokens") from error


@dataclass
class _State:
    epoch: int
    before: float
    best: float
    best_epoch: int
    tokens: int
    seconds: float
    best_weights: Weights


def _keep(file: Path, key: str, state: _State, learned: Weights, optimizer: torch.optim.Optimizer) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = {"key": key, "state": vars(state), "weights": _copied(learned), "optimizer": optimizer.state_dict()}
    unfinished = file.with_suffix(".part")
    torch.save(whole, unfinished)
    os.replace(unfinished, file)


def _restore(file: Path, key: str, learned: Weights, optimizer: torch.optim.Optimizer) -> _State | None:
    if not file.exists():
        return None
    whole = torch.load(file, map_location="cpu", weights_only=True)
    if whole["key"] != key:
        return None
    _put_back(learned, whole["weights"])
    optimizer.load_state_dict(whole["optimizer"])
    return _State(**whole["state"])


def _copied(learned: Weights) -> Weights:
    return {name: weight.detach().cpu().clone() for name, weight in learned.items()}


def _put_back(learned: Weights, kept: Weights) -> None:
    with torch.no_grad():
        for name, weight in learned.items():
            weight.copy_(kept[name])


def _fingerprint(train: Sequence[Pair], held_out: Sequence[Pair], options: Distillation, seed: int) -> str:
    rows = [[[pair.tokens, pair.answer] for pair in pairs] for pairs in (train, held_out)]
    return hashlib.sha256(json.dumps([rows, asdict(options), seed]).encode()).hexdigest()
