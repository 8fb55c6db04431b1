"""One training loop for encoders that predict the next item at every position."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from llmrec_bench_plugins.blocks.negative_items import UnseenItems
from llmrec_bench_plugins.blocks.next_item_losses import binary_cross_entropy, catalogue_cross_entropy
from llmrec_bench_plugins.blocks.padded_rows import batches_of_like_length, padded_rows, windows
from llmrec_bench_plugins.blocks.sequence_encoder import CausalEncoder


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; what each means and is good for stands in the methods' configs."""

    loss: Literal["bce", "ce"]
    history_length: int
    epochs: int
    batch_size: int
    learning_rate: float
    gradient_clip: float
    patience: int | None


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training run came to."""

    epochs: int
    """Epochs run."""
    best_epoch: int
    """The epoch whose weights were kept, from 1."""
    best_value: float
    """The validation metric there; NaN where nothing was validated."""


class DivergedError(ArithmeticError):
    """The loss stopped being a finite number; the message names the epoch and the step."""


def train_next_item(
    encoder: CausalEncoder,
    offsets: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    options: TrainingOptions,
    rng: np.random.Generator,
    validate: Callable[[], float],
    log: Callable[[str], None],
) -> TrainingOutcome:
    """Train `encoder` in place on R sequences, all positions of a batch in one pass, by Adam with beta2 0.98.

    `validate` (higher is better) is asked after every epoch; training stops after `patience` epochs without a better
    value and the best epoch's weights are put back. With a patience of None it is never asked and the
    last weights stay. Raises `DivergedError`, and ValueError where no sequence has two items.
    """
    sequences, starts, stops = windows(offsets, options.history_length)
    if len(sequences) == 0:
        raise ValueError("no training sequence has two items or more")
    unseen = UnseenItems(offsets, items, len(encoder.items.catalogue()))
    optimizer = torch.optim.Adam(encoder.parameters(), lr=options.learning_rate, betas=(0.9, 0.98), fused=True)
    best, best_epoch, best_weights = -np.inf, 0, encoder.state_dict()
    epoch = 0
    for epoch in range(1, options.epochs + 1):
        encoder.train()
        losses = []
        for batch in batches_of_like_length(stops - starts - 1, options.batch_size, rng):
            rows = padded_rows(items, starts[batch], stops[batch])  # (B, L + 1)
            negatives = unseen.draw(np.repeat(sequences[batch, None], rows.shape[1] - 1, axis=1), rng) + 1
            optimizer.zero_grad()
            loss = next_item_loss(encoder, rows, negatives, options.loss)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(encoder.parameters(), options.gradient_clip)
            optimizer.step()
            losses.append(loss.detach())
        mean = mean_loss(losses, epoch)
        if options.patience is None:
            log(f"epoch {epoch}: loss {mean:.4f}")
            continue
        encoder.eval()
        value = validate()
        log(f"epoch {epoch}: loss {mean:.4f}, validation {value:.4f}")
        if value > best:
            best, best_epoch, best_weights = value, epoch, copy.deepcopy(encoder.state_dict())
        elif epoch - best_epoch >= options.patience:
            break
    encoder.eval()
    if options.patience is None:
        return TrainingOutcome(epoch, epoch, float("nan"))
    encoder.load_state_dict(best_weights)
    return TrainingOutcome(epoch, best_epoch, best)


def next_item_loss(
    encoder: CausalEncoder, rows: npt.NDArray[np.int64], negatives: npt.NDArray[np.int64], loss: Literal["bce", "ce"]
) -> Tensor:
    """The mean loss over the real positions of one batch: rows (B, L + 1), negatives (B, L) as table rows."""
    device = encoder.items.weight.device
    padded = torch.from_numpy(rows).to(device)
    inputs, targets = padded[:, :-1], padded[:, 1:]  # (B, L) each
    real = targets > 0
    # The last item of a short row is a target only: as an input it would lengthen the row.
    states = encoder.states(inputs * real)[real]  # (P, d)
    positives = targets[real]
    if loss == "ce":
        return catalogue_cross_entropy(states, encoder.items.catalogue(), positives - 1)
    drawn = torch.from_numpy(negatives).to(device)[real]
    return binary_cross_entropy(states, encoder.items(positives), encoder.items(drawn), drawn > 0)


def mean_loss(losses: list[Tensor], epoch: int) -> float:
    """The mean over an epoch's steps, looked at once an epoch: a look at each would make a GPU wait."""
    values = torch.stack(losses)
    broken = torch.nonzero(~torch.isfinite(values))
    if len(broken):
        raise DivergedError(f"the loss became {float(values[broken[0]])} in epoch {epoch}, step {int(broken[0]) + 1}")
    return float(values.mean())
