"""Epoch after epoch of any training: losses watched, the best weights kept."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training run came to."""

    epochs: int
    """Epochs run."""
    best_epoch: int
    """The epoch whose weights were kept, from 1."""
    best_value: float
    """What validation came to there; NaN where nothing was validated."""


class DivergedError(ArithmeticError):
    """The loss stopped being a finite number; the message names the epoch and the step."""


def train_epochs(
    module: nn.Module,
    one_epoch: Callable[[], list[Tensor]],
    epochs: int,
    patience: int | None,
    validate: Callable[[], float],
    log: Callable[[str], None],
    patience_counts: Literal["consecutive", "total"] = "consecutive",
) -> TrainingOutcome:
    """Let `one_epoch` take its steps and return the loss of each, at most `epochs` times; the module is left in place
    and in evaluation mode.

    `validate` (higher is better) is asked after every epoch; training stops after `patience` epochs without a better
    value, those since the best or all of them, and the best epoch's weights are put back. With a patience of None it is
    never asked and the last weights stay. Raises `DivergedError`.
    """
    best, best_epoch, best_weights, worse = float("-inf"), 0, module.state_dict(), 0
    epoch = 0
    for epoch in range(1, epochs + 1):
        module.train()
        mean = mean_loss(one_epoch(), epoch)
        if patience is None:
            log(f"epoch {epoch}: loss {mean:.4f}")
            continue
        module.eval()
        value = validate()
        log(f"epoch {epoch}: loss {mean:.4f}, validation {value:.4f}")
        if value > best:
            best, best_epoch, best_weights = value, epoch, copy.deepcopy(module.state_dict())
            worse = worse if patience_counts == "total" else 0
            continue
        worse += 1
        if worse >= patience:
            break
    module.eval()
    if patience is None:
        return TrainingOutcome(epoch, epoch, float("nan"))
    module.load_state_dict(best_weights)
    return TrainingOutcome(epoch, best_epoch, best)


def mean_loss(losses: list[Tensor], epoch: int) -> float:
    """The mean over an epoch's steps, looked at once an epoch: a look at each would make a GPU wait."""
    values = torch.stack(losses)
    broken = torch.nonzero(~torch.isfinite(values))
    if len(broken):
        raise DivergedError(f"the loss became {float(values[broken[0]])} in epoch {epoch}, step {int(broken[0]) + 1}")
    return float(values.mean())
