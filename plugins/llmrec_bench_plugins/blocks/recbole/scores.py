"""From RecBole's module to scores of candidates, without gradients."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import AbstractRecommender
from torch import Tensor
from torch.nn.utils import parametrize

from llmrec_bench_plugins.blocks.padded_rows import latest
from llmrec_bench_plugins.blocks.recbole import fields
from llmrec_bench_plugins.blocks.recbole.examples import histories, reversed_padding
from llmrec_bench_plugins.blocks.recbole.module import Built

ROWS_AT_ONCE = 256
PAIRS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Asked:
    """B queries as plain arrays."""

    users: npt.NDArray[np.int32]
    """int32 (B,): user codes."""
    offsets: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    """Item codes of query b's history, oldest first, from `offsets[b]` to `offsets[b + 1]`."""
    candidates: npt.NDArray[np.int32] | None
    """int32 (B, C) item codes, or None for the whole catalogue; below 0 gets any score."""
    known_users: npt.NDArray[np.int64] | None = None
    """int64 (B,): which of the known users each query is for, -1 for none, where the module has a user side."""


def module_scores(built: Built, asked: Asked, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Float32 (B, C): what the module gives each candidate of the queries `rows`, NaN for all other queries.

    Candidates are looked up among the scores of the whole catalogue, so that an item scores the same wherever it
    stands.
    """
    C = built.n_items if asked.candidates is None else asked.candidates.shape[1]
    scores = np.full((len(asked.users), C), np.nan, dtype=np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        chosen = rows[start : start + ROWS_AT_ONCE]
        batch = Interaction({fields.USER: torch.from_numpy(asked.users[chosen].astype(np.int64) + 1)})
        if built.history_length is not None:
            # Some modules want a target here, too, for a loss that they throw away.
            batch.update(Interaction({fields.ITEM: torch.zeros(len(chosen), dtype=torch.int64)}))
            starts, stops = (bounds[chosen] for bounds in latest(asked.offsets, built.history_length))
            batch.update(histories(asked.items, starts, stops, built.history_length))
        if asked.known_users is not None:
            batch.update(Interaction({fields.KNOWN_USER: torch.from_numpy(asked.known_users[chosen])}))
        if built.padded_left:
            batch = reversed_padding(batch)
            batch[fields.HISTORY] = batch[fields.REVERSED_HISTORY]
        found = catalogue_scores(built.module, batch.to(built.device), built.n_items).cpu()
        if asked.candidates is not None:
            found = found.gather(1, torch.from_numpy(asked.candidates[chosen].astype(np.int64)).clamp(min=0))
        scores[chosen] = found.numpy()
    return scores


@torch.no_grad()
@parametrize.cached()
def catalogue_scores(module: torch.nn.Module, batch: Interaction, n_items: int) -> Tensor:
    """Float32 (B, I), in code order, from a batch of RecBole's users and histories."""
    if getattr(type(module), "full_sort_predict", None) is not AbstractRecommender.full_sort_predict:
        found = module.full_sort_predict(batch)  # type: ignore[operator]
        return found.reshape(len(batch), -1)[:, 1 : n_items + 1].float()  # type: ignore[no-any-return]
    users_at_once = max(1, PAIRS_AT_ONCE // n_items)
    parts = []
    for users in batch[fields.USER].split(users_at_once):
        items = torch.arange(1, n_items + 1, device=users.device)
        pairs = {fields.USER: users.repeat_interleave(n_items), fields.ITEM: items.repeat(len(users))}
        parts.append(module.predict(Interaction(pairs)).reshape(len(users), n_items).float())  # type: ignore[operator]
    return torch.cat(parts)
