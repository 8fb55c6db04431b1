"""One training loop for all encoders that predict the next item."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils import parametrize

from llmrec_bench_plugins.blocks.epochs import TrainingOutcome, train_epochs
from llmrec_bench_plugins.blocks.negative_items import UnseenItems
from llmrec_bench_plugins.blocks.next_item_losses import (
    binary_cross_entropy,
    catalogue_cross_entropy,
    sampled_cross_entropy,
)
from llmrec_bench_plugins.blocks.padded_rows import batches_of_like_length, padded_rows, prefixes, windows
from llmrec_bench_plugins.blocks.sequence_encoder import CausalEncoder, SequenceEncoder

Loss = Literal["bce", "ce", "sampled_softmax"]


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; what each means and is good for stands in the methods' configs."""

    loss: Loss
    negatives: int
    history_length: int
    epochs: int
    batch_size: int
    learning_rate: float
    gradient_clip: float
    patience: int | None


def train_next_item(
    encoder: SequenceEncoder,
    offsets: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    options: TrainingOptions,
    rng: np.random.Generator,
    validate: Callable[[], float],
    log: Callable[[str], None],
    first_targets: npt.NDArray[np.int64] | None = None,
) -> TrainingOutcome:
    """Train `encoder` in place on R sequences by Adam with beta2 0.98; to its user side sequence r is user r.

    A `CausalEncoder` learns all positions of a window in one pass; any other learns each prefix as a row of its own,
    which costs up to `history_length` times as much. On CUDA the encoder runs in bfloat16 where torch's autocast
    allows; losses and weights stay in float32.

    `first_targets` (R,) is the place, from 0, of the first item of each sequence that is to be predicted; those before
    it are history only. None: all but the very first.

    `validate` (higher is better) is asked after every epoch; training stops after `patience` epochs without a better
    value and the best epoch's weights are put back. With a patience of None it is never asked and the
    last weights stay. Raises `DivergedError`, and ValueError where there is nothing to predict: no sequence has two
    items, or none an item at its first target.
    """
    causal = isinstance(encoder, CausalEncoder)
    sequences, starts, stops = (windows if causal else prefixes)(offsets, options.history_length)
    if len(sequences) == 0:
        raise ValueError("no training sequence has two items or more")
    skipped = np.zeros_like(starts)
    if first_targets is not None:
        skipped = np.maximum(offsets[:-1][sequences] + first_targets[sequences] - starts - 1, 0)
        # A prefix is a row of its own, with one prediction: its last item.
        kept = skipped < stops - starts - 1
        if not kept.any():
            raise ValueError("no training sequence goes on behind its first target")
        sequences, starts, stops, skipped = (each[kept] for each in (sequences, starts, stops, skipped))
    # What is known of a user besides the sequence serves the last transition, unless it serves them all.
    final = stops == offsets[1:][sequences]
    served = final | (encoder.user_side is not None and encoder.user_side.every_position)
    users = np.where(served, sequences, -1)
    lengths = stops - starts - 1
    predictions = lengths - skipped if causal else np.ones_like(lengths)
    n_items = len(encoder.items.catalogue())
    unseen = UnseenItems(offsets, items, n_items) if options.loss == "bce" else None
    shared = options.negatives if options.loss == "sampled_softmax" else 0
    optimizer = torch.optim.Adam(encoder.parameters(), lr=options.learning_rate, betas=(0.9, 0.98), fused=True)

    def one_epoch() -> list[Tensor]:
        losses = []
        for batch in batches_of_like_length(lengths, predictions, options.batch_size, rng):
            rows = padded_rows(items, starts[batch], stops[batch])  # (B, L + 1)
            if unseen is None:
                drawn = rng.integers(n_items, size=shared)
            else:
                drawn = unseen.draw(np.repeat(sequences[batch], predictions[batch]), rng)
            optimizer.zero_grad()
            firsts = None if first_targets is None else skipped[batch]
            loss = next_item_loss(encoder, rows, drawn + 1, options.loss, users[batch], firsts)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(encoder.parameters(), options.gradient_clip)
            optimizer.step()
            losses.append(loss.detach())
        return losses

    return train_epochs(encoder, one_epoch, options.epochs, options.patience, validate, log)


@parametrize.cached()  # fused item vectors are computed once, not again for every look at the table
def next_item_loss(
    encoder: SequenceEncoder,
    rows: npt.NDArray[np.int64],
    drawn: npt.NDArray[np.int64],
    loss: Loss,
    users: npt.NDArray[np.int64] | None = None,
    skipped: npt.NDArray[np.int64] | None = None,
) -> Tensor:
    """The mean loss over the P predictions of one batch of rows (B, L + 1).

    `drawn` holds table rows: for bce one for each prediction, row by row, or 0 for none; for sampled_softmax any
    number, shared by all predictions. `users` (B,) is for the encoder's user side, -1 where it does not
    serve the row's last transition. `skipped` (B,): how many transitions at the beginning of each row a causal encoder
    does not learn.
    """
    device = encoder.items.weight.device
    padded = torch.from_numpy(rows).to(device)
    whose = None if users is None else torch.from_numpy(users).to(device)
    firsts = None if skipped is None else torch.from_numpy(skipped).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        states, targets = predictions_of(encoder, padded, whose, firsts)
    states = states.to(encoder.items.weight.dtype)
    if loss == "ce":
        return catalogue_cross_entropy(states, encoder.items.catalogue(), targets - 1)
    negatives = torch.from_numpy(drawn).to(device)
    if loss == "sampled_softmax":
        return sampled_cross_entropy(states, encoder.items.weight, targets, negatives)
    return binary_cross_entropy(states, encoder.items(targets), encoder.items(negatives), negatives > 0)


def predictions_of(
    encoder: SequenceEncoder, padded: Tensor, users: Tensor | None = None, skipped: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(P, d) vectors and int64 (P,), the table rows of the items that came next, from int64 (B, L + 1).

    P is the number of transitions for a causal encoder, without those `skipped` (B,) at the beginning of each row; B
    for any other: then the last item of a row is the target.
    """
    if isinstance(encoder, CausalEncoder):
        inputs, targets = padded[:, :-1], padded[:, 1:]  # (B, L) each
        real = targets > 0
        # The last item of a short row is a target only: as an input it would lengthen the row.
        whose = None if users is None else _positions(encoder, users, real)
        learnt = real
        if skipped is not None:
            learnt = real & (torch.arange(real.shape[1], device=real.device) >= skipped[:, None])
        return encoder.personal(encoder.states(inputs * real), whose)[learnt], targets[learnt]
    last = (padded > 0).sum(dim=1, keepdim=True) - 1  # (B, 1)
    vectors = encoder(padded.scatter(1, last, 0)[:, :-1])  # (B, d)
    return encoder.personal(vectors, users), padded.gather(1, last)[:, 0]


def _positions(encoder: SequenceEncoder, users: Tensor, real: Tensor) -> Tensor:
    """int64 (B, L): the users (B,) at the positions that their user side serves, of those that are real (B, L)."""
    everywhere = encoder.user_side is not None and encoder.user_side.every_position
    if everywhere:
        return users[:, None].expand(real.shape)
    last = torch.arange(real.shape[1], device=real.device) == real.sum(dim=1, keepdim=True) - 1
    return torch.where(last, users[:, None], -1)
