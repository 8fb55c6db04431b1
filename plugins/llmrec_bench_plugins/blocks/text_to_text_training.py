"""The training loop of text-to-text models: batches in, the weights of the best validation loss kept."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from llmrec_bench_plugins.blocks.epochs import TrainingOutcome, train_epochs
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

    What is logged of validation, and the outcome's value, is minus the loss. Raises `DivergedError` where a loss is no
    finite number.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )

    def one_epoch() -> list[Tensor]:
        losses = []
        for batch, labels in epoch_batches():
            optimizer.zero_grad()
            loss = model.loss(batch, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.detach())
        return losses

    def validate() -> float:
        return -sum(token_loss(model, batches()) for batches in validation) / len(validation)

    return train_epochs(model, one_epoch, options.epochs, options.patience, validate, log, options.patience_counts)


@torch.no_grad()
def token_loss(model: PromptedT5, batches: Batches) -> float:
    """Cross-entropy, the mean over all tokens that count, whatever the batches."""
    total, tokens = 0.0, 0
    for batch, labels in batches:
        count = int((labels != -100).sum())
        total += float(model.loss(batch, labels)) * count
        tokens += count
    return total / tokens
