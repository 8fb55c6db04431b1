"""KAR's hybrid-expert adaptor, which makes knowledge of the text vectors of users and items, around any encoder.

Experts are small networks. Some are shared by both sides, some dedicated to one; a side's gate weighs its experts by
the text itself. What comes out is joined with the vector it is about: z_i = g([z_id ; knowledge_i]) for an item,
s_u = g'([s_encoder ; knowledge_u]) for a user; text vectors are frozen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from llmrec_bench_plugins.blocks.sequence_encoder import SequenceEncoder
from llmrec_bench_plugins.blocks.text_fusion import FusedItems, FusedUsers, standardised


@dataclass(frozen=True)
class ExpertSizes:
    """How many experts there are, shared and of one side alone, and how large: w features to `hidden`, ReLU, to
    `width`."""

    shared: int
    """Experts of both sides together."""
    of_users: int
    of_items: int
    hidden: int
    width: int

    def experts(self, count: int, text_features: int) -> list[nn.Module]:
        """Fresh ones."""
        return [
            nn.Sequential(nn.Linear(text_features, self.hidden), nn.ReLU(), nn.Linear(self.hidden, self.width))
            for _ in range(count)
        ]


class HybridExperts(nn.Module):
    """One side of the adaptor: knowledge = sum over experts of softmax(gate(text)) times expert(text)."""

    def __init__(self, experts: Sequence[nn.Module], text_features: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.gate = nn.Linear(text_features, len(experts))

    def forward(self, texts: Tensor) -> Tensor:
        """(N, k) from text features (N, w); zeros where a text is zeros, that is where there is none."""
        weights = self.gate(texts).softmax(dim=1)  # (N, E)
        told = torch.stack([expert(texts) for expert in self.experts], dim=1)  # (N, E, k)
        return torch.einsum("ne,nek->nk", weights, told) * texts.any(dim=1, keepdim=True)


def joint_map(width: int, knowledge_width: int) -> nn.Linear:
    """A fresh g, from a vector (d) and the knowledge about it (k) to d; it starts as the vector plus a map of the
    knowledge."""
    joint = nn.Linear(width + knowledge_width, width)
    with torch.no_grad():
        nn.init.eye_(joint.weight[:, :width])
        nn.init.zeros_(joint.bias)
    return joint


class KnowledgeFusion(nn.Module):
    """The experts of one side, and g, which joins a vector with the knowledge about it."""

    def __init__(self, experts: HybridExperts, joint: nn.Linear) -> None:
        super().__init__()
        self.experts, self.joint = experts, joint

    def join(self, vectors: Tensor, knowledge: Tensor) -> Tensor:
        """(..., d) from vectors (..., d) and knowledge (..., k)."""
        joined: Tensor = self.joint(torch.cat([vectors, knowledge], dim=-1))
        return joined

    def forward(self, texts: Tensor, vectors: Tensor) -> Tensor:
        """(N, d) from text features (N, w) and vectors (N, d)."""
        return self.join(vectors, self.experts(texts))


class KnownUsers(FusedUsers):
    """Knowledge of a user in the vectors of the user's sequence."""

    def forward(self, vectors: Tensor, users: Tensor) -> Tensor:
        """A vector of a user without a text meets zeros. Experts read each user's text once, not at every position."""
        fusion = cast(KnowledgeFusion, self.fusion)
        distinct, places = torch.unique(users, return_inverse=True)
        knowledge: Tensor = fusion.experts(self.texts[self.rows[distinct]])
        return fusion.join(vectors, knowledge[places])


def add_knowledge(
    encoder: SequenceEncoder,
    sizes: ExpertSizes,
    item_texts: Tensor | None = None,
    user_texts: Tensor | None = None,
    user_rows: Tensor | None = None,
    share_fusion: bool = False,
    every_position: bool = False,
) -> None:
    """From here on the encoder's item table holds what is known of items, wherever it is read, and its output what is
    known of users.

    `item_texts` float32 (I, w) in code order, `user_texts` (D, w) and int64 `user_rows` (U,), which of them is each
    user's, -1 for none; None leaves a side as it is. Both sides have one w, unless no expert is shared.
    With `share_fusion` both have the same g. `every_position`: a user's text serves all training positions, not the
    last only.
    """
    features = next((texts.shape[1] for texts in (item_texts, user_texts) if texts is not None), 0)
    shared, width = sizes.experts(sizes.shared, features), encoder.items.embedding_dim

    joint = joint_map(width, sizes.width)

    def fusion(texts: Tensor, dedicated: int) -> KnowledgeFusion:
        experts = [*shared, *sizes.experts(dedicated, texts.shape[1])]
        own = joint if share_fusion else joint_map(width, sizes.width)
        return KnowledgeFusion(HybridExperts(experts, texts.shape[1]), own)

    if item_texts is not None:
        of_items = FusedItems(fusion(item_texts, sizes.of_items), standardised(item_texts))
        parametrize.register_parametrization(encoder.items, "weight", of_items)
    if user_texts is not None and user_rows is not None:
        of_users = fusion(user_texts, sizes.of_users)
        encoder.user_side = KnownUsers(of_users, standardised(user_texts), user_rows, every_position)
