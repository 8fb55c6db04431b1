"""Text matching without ids: one linear map of user and item texts, their product the score (SLIM, Eq. 7)."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from llmrec_bench_plugins.blocks.epochs import mean_loss
from llmrec_bench_plugins.blocks.negative_items import UnseenItems
from llmrec_bench_plugins.blocks.next_item_losses import binary_cross_entropy, catalogue_cross_entropy


class TextMatching(nn.Module):
    """g_t, shared by users and items: (N, w) texts to (N, d_m)."""

    def __init__(self, text_features: int, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(text_features, width)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """(B, I): scores of all items for each user, from texts (B, w) and (I, w)."""
        scores: Tensor = self.map(users) @ self.map(items).T
        return scores


def train_text_matching(
    model: TextMatching,
    user_texts: Tensor,
    item_texts: Tensor,
    users: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    unseen: UnseenItems | None,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int | None,
    rng: np.random.Generator,
    validate: Callable[[], float],
    log: Callable[[str], None],
) -> None:
    """Train in place by Adam on pairs of a user and the item that came next, int64 (P,) each: with binary
    cross-entropy against one item drawn from `unseen` (Eq. 3), or without it with cross-entropy over all items.

    `user_texts` (U, w) and `item_texts` (I, w) stay as they are. Stops and raises as `train_next_item`
    does.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    best, best_epoch = -np.inf, 0
    best_weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    for epoch in range(1, epochs + 1):
        losses = []
        for batch in np.array_split(rng.permutation(len(users)), max(1, len(users) // batch_size)):
            s = model.map(user_texts[users[batch]])  # (B, d_m)
            if unseen is None:
                loss = catalogue_cross_entropy(s, model.map(item_texts), torch.from_numpy(items[batch]))
            else:
                drawn = unseen.draw(users[batch], rng)
                positives, negatives = (model.map(item_texts[codes]) for codes in (items[batch], np.maximum(drawn, 0)))
                loss = binary_cross_entropy(s, positives, negatives, torch.from_numpy(drawn >= 0))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.detach())
        mean = mean_loss(losses, epoch)
        if patience is None:
            log(f"epoch {epoch}: loss {mean:.4f}")
            continue
        value = validate()
        log(f"epoch {epoch}: loss {mean:.4f}, validation {value:.4f}")
        if value > best:
            best, best_epoch = value, epoch
            best_weights = {name: weight.clone() for name, weight in model.state_dict().items()}
        elif epoch - best_epoch >= patience:
            break
    if patience is not None:
        model.load_state_dict(best_weights)
        log(f"kept epoch {best_epoch} of {epoch}")
