"""The training loop of text-to-text models: batches in, the weights of the best validation loss kept."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from transformers import get_constant_schedule, get_linear_schedule_with_warmup

from llmrec_bench_plugins.blocks.epochs import TrainingOutcome, train_epochs
from llmrec_bench_plugins.blocks.prompted_t5 import MeanOver, PromptedT5, TextBatch

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
    mean_over: MeanOver
    warmup_share: float | None
    clip_norm: float | None


def train_text_to_text(
    model: PromptedT5,
    epoch_batches: Callable[[], Batches],
    steps_an_epoch: int,
    validation: Sequence[Callable[[], Batches]],
    options: TextToTextOptions,
    log: Callable[[str], None],
) -> TrainingOutcome:
    """Train `model` in place by AdamW, `steps_an_epoch` batches an epoch. With a share of warm-up the rate rises from
    0 over that share of all steps and falls to 0 at the last; with none it stays.

    After every epoch each of `validation` gives a task's batches, and the mean of
    the tasks' losses is watched; with a patience of None it is not asked, and the last weights stay.

    What is logged of validation, and the outcome's value, is minus the loss. Raises `DivergedError` where a loss is no
    finite number.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )
    steps = steps_an_epoch * options.epochs
    schedule: LRScheduler = (
        get_constant_schedule(optimizer)
        if options.warmup_share is None
        else get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
            optimizer, int(options.warmup_share * steps), steps
        )
    )

    def one_epoch() -> list[Tensor]:
        losses = []
        for batch, labels in epoch_batches():
            optimizer.zero_grad()
            loss = model.loss(batch, labels, options.mean_over)
            loss.backward()  # type: ignore[no-untyped-call]
            if options.clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm)
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
        return losses

    def validate() -> float:
        return -sum(whole_loss(model, batches(), options.mean_over) for batches in validation) / len(validation)

    return train_epochs(model, one_epoch, options.epochs, options.patience, validate, log, options.patience_counts)


@torch.no_grad()
def whole_loss(model: PromptedT5, batches: Batches, mean_over: MeanOver) -> float:
    """Cross-entropy, the mean over all tokens that count, or over all texts, whatever the batches."""
    total, whole = 0.0, 0
    for batch, labels in batches:
        count = int((labels != -100).sum()) if mean_over == "tokens" else len(labels)
        total += float(model.loss(batch, labels, mean_over)) * count
        whole += count
    return total / whole
