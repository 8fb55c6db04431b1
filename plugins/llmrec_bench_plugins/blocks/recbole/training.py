"""The training loop of RecBole's modules: their own loss, our rows, early stopping and seeds."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from recbole.data.interaction import Interaction
from torch.nn.utils import parametrize

from llmrec_bench_plugins.blocks.epochs import TrainingOutcome, train_epochs
from llmrec_bench_plugins.blocks.recbole.examples import Examples

Extend = Callable[[Interaction, np.random.Generator], Interaction]


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; what each means stands in the methods' config."""

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int | None


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """The global generators of torch, numpy and Python, which RecBole's modules draw from, seeded inside and put back
    as they were afterwards."""
    of_numpy, of_python = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[] if device == "cpu" else [device]):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(of_numpy)
            random.setstate(of_python)


def train_module(
    module: torch.nn.Module,
    examples: Examples,
    extend: Extend,
    options: TrainingOptions,
    rng: np.random.Generator,
    validate: Callable[[], float],
    log: Callable[[str], None],
) -> TrainingOutcome:
    """Train `module` in place by Adam on its own `calculate_loss`, over batches of rows in random order.

    `extend` adds to a batch what the module's loss reads beyond the rows. `validate` (higher is better) is asked after
    every epoch; training stops after `patience` epochs without a better value and the best epoch's weights are put
    back. With a patience of None it is never asked and the last weights stay. Raises `DivergedError`.
    """
    device = next(module.parameters()).device
    optimizer = torch.optim.Adam(module.parameters(), lr=options.learning_rate)
    n_batches = -(-len(examples) // options.batch_size)

    def one_epoch() -> list[torch.Tensor]:
        losses = []
        # Batches of equal size: a last one of a single row breaks some modules.
        for rows in np.array_split(rng.permutation(len(examples)), n_batches):
            batch = extend(examples.batch(rows), rng).to(device)
            optimizer.zero_grad()
            with parametrize.cached():  # item vectors with texts in them are computed once a step
                loss = module.calculate_loss(batch)  # type: ignore[operator]
                loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return losses

    outcome = train_epochs(module, one_epoch, options.epochs, options.patience, validate, log)
    forget_stored_vectors(module)
    return outcome


def forget_stored_vectors(module: torch.nn.Module) -> None:
    """Graph modules keep what they computed for scoring until the next training step; other weights need other
    vectors."""
    for name in ("restore_user_e", "restore_item_e"):
        if hasattr(module, name):
            setattr(module, name, None)
