"""The one shape that every sequential backbone has: an item table and padded rows in, a user vector out.

Row 0 of the table stands for `no item`; item code c has row c + 1. Sequences are padded on the right, so causal
encoders need no padding mask: an earlier position never looks at a later one.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class ItemTable(nn.Embedding):
    """(I + 1, d) item vectors; row 0 is zero and receives no gradient."""

    def __init__(self, n_items: int, width: int) -> None:
        super().__init__(n_items + 1, width, padding_idx=0)

    def catalogue(self) -> Tensor:
        """(I, d): the vectors of all items, in code order."""
        return self.weight[1:]


class UserSide(nn.Module, ABC):
    """What else is known of a user, besides the sequence, goes into the sequence's vectors here."""

    every_position = False
    """Whether training may use it at every position. False where it tells of a user's whole sequence but the last
    item: then it serves the prediction of that item only."""

    @abstractmethod
    def forward(self, vectors: Tensor, users: Tensor) -> Tensor:
        """The shape of `vectors`, (B, d) or (B, L, d); int64 of its leading shape says which of the known users each
        vector is for, -1 for none."""


class SequenceEncoder(nn.Module, ABC):
    """What came before, as a vector to be matched with the item table."""

    def __init__(self, items: ItemTable) -> None:
        super().__init__()
        self.items = items
        self.user_side: UserSide | None = None

    def personal(self, vectors: Tensor, users: Tensor | None) -> Tensor:
        """Vectors (B, d) or (B, L, d) through the user side; as they are where there is none."""
        return vectors if self.user_side is None or users is None else self.user_side(vectors, users)

    @abstractmethod
    def forward(self, rows: Tensor) -> Tensor:
        """(B, d) from rows of the item table: int64 (B, L), oldest first, at least one item each, then zeros."""


class CausalEncoder(SequenceEncoder):
    """An encoder whose vector at a position depends on that position and earlier ones only."""

    @abstractmethod
    def states(self, rows: Tensor) -> Tensor:
        """(B, L, d): the vector after each position of int64 (B, L); what stands at padding has no meaning."""

    def forward(self, rows: Tensor) -> Tensor:
        """(B, d): the state at each sequence's last item."""
        last = (rows > 0).sum(dim=1) - 1  # (B,)
        return self.states(rows)[torch.arange(len(rows), device=rows.device), last]
