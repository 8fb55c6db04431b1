"""What else is known of users, put into the vectors that RecBole's modules make of histories."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps

import numpy as np
import torch
from recbole.data.interaction import Interaction
from torch import Tensor

from llmrec_bench_plugins.blocks.recbole import fields
from llmrec_bench_plugins.blocks.recbole.examples import Examples, Index, NextItems
from llmrec_bench_plugins.blocks.recbole.module import Built
from llmrec_bench_plugins.blocks.sequence_encoder import UserSide


class RowsOfKnownUsers(Examples):
    """Next items, each with which of the known users it is for: its own user where the user side may serve it, which is
    a user's last item unless it serves every position, and else -1."""

    def __init__(self, rows: NextItems, every_position: bool) -> None:
        super().__init__(rows.users)
        self.rows = rows
        self.known = np.where(rows.final | every_position, rows.users - 1, -1)

    def batch(self, rows: Index) -> Interaction:
        found = self.rows.batch(rows)
        found.update(Interaction({fields.KNOWN_USER: torch.from_numpy(self.known[rows])}))
        return found


def with_user_side(built: Built, side: UserSide) -> Built:
    """From here on the module's user vectors, (B, d), go through `side` before they meet items' vectors, in its loss
    and in its scores; what scores are asked of has to say which of the known users each row is for.

    The module's `forward` has to give these vectors, and once a batch.
    """
    assert isinstance(built.examples, NextItems), "only what reads a history has one vector of it"
    module = built.module
    module.user_side = side
    forward = module.forward
    known: list[Tensor] = []  # of the batch in hand

    def personal(*inputs: Tensor) -> Tensor:
        vectors: Tensor = side(forward(*inputs), known[-1])
        return vectors

    def told(ask: Callable[[Interaction], Tensor]) -> Callable[[Interaction], Tensor]:
        @wraps(ask)
        def answer(batch: Interaction) -> Tensor:
            known.append(batch[fields.KNOWN_USER])
            try:
                return ask(batch)
            finally:
                known.pop()

        return answer

    # RecBole's modules call `forward` by its name, past the hooks of torch, and give it no more than it asks for.
    module.forward = personal
    for name in ("calculate_loss", "full_sort_predict"):
        setattr(module, name, told(getattr(module, name)))
    return replace(built, examples=RowsOfKnownUsers(built.examples, side.every_position))
