"""The training loop of text-to-text models: batches in, the weights of the best validation loss kept."""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from llmrec_bench_plugins.blocks.next_item_training import TrainingOutcome, mean_loss
from llmrec_bench_plugins.blocks.prompted_t5 import PromptedT5, TextBatch

Batches = Iterable[tuple[TextBatch, Tensor]]
"""Texts with their labels, int64 (B, T), -100 where none counts."""


@dataclass(frozen=True)
class TextToTextOptions:
    """How to train; what each means stands in the methods' configs."""

    epochs: int
    learning_rate: float
    weight_decay: float
    patience: int | None
    patience_counts: Literal["consecutive", "total"]


def train_text_to_text(
    model: PromptedT5,
    epoch_batches: Callable[[], Batches],
    validation: Sequence[Callable[[], Batches]],
    options: TextToTextOptions,
    log: Callable[[str], None],
) -> TrainingOutcome:
    """Train `model` in place by AdamW. After every epoch each of `validation` gives a task's batches, and the mean of
    the tasks' losses is watched; with a patience of None it is not asked, and the last weights stay.

    The outcome's value is minus the best loss. Raises `DivergedError` where a loss is no finite number.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )
    best, best_epoch, best_weights, worse = float("inf"), 0, model.state_dict(), 0
    epoch = 0
    for epoch in range(1, options.epochs + 1):
        model.train()
        losses = []
        for batch, labels in epoch_batches():
            optimizer.zero_grad()
            loss = model.loss(batch, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.detach())
        model.eval()
        mean = mean_loss(losses, epoch)
        if options.patience is None:
            log(f"epoch {epoch}: loss {mean:.4f}")
            continue
        value = sum(token_loss(model, batches()) for batches in validation) / len(validation)
        log(f"epoch {epoch}: loss {mean:.4f}, validation loss {value:.4f}")
        if value < best:
            best, best_epoch, best_weights = value, epoch, copy.deepcopy(model.state_dict())
            worse = worse if options.patience_counts == "total" else 0
            continue
        worse += 1
        if worse >= options.patience:
            break
    model.eval()
    if options.patience is None:
        return TrainingOutcome(epoch, epoch, float("nan"))
    model.load_state_dict(best_weights)
    return TrainingOutcome(epoch, best_epoch, -best)


@torch.no_grad()
def token_loss(model: PromptedT5, batches: Batches) -> float:
    """Cross-entropy, the mean over all tokens that count, whatever the batches."""
    total, tokens = 0.0, 0
    for batch, labels in batches:
        count = int((labels != -100).sum())
        total += float(model.loss(batch, labels)) * count
        tokens += count
    return total / tokens
