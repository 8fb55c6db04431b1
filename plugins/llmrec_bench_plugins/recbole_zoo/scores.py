"""From RecBole's module to scores of candidates, without gradients."""

import numpy as np
import numpy.typing as npt
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import AbstractRecommender
from torch import Tensor

from llmrec_bench import Queries, Scores
from llmrec_bench_plugins.blocks.padded_rows import latest
from llmrec_bench_plugins.recbole_zoo import fields
from llmrec_bench_plugins.recbole_zoo.examples import histories, reversed_padding

ROWS_AT_ONCE = 256
PAIRS_AT_ONCE = 1 << 16


def score_queries(
    module: torch.nn.Module,
    queries: Queries,
    rows: npt.NDArray[np.int64],
    n_items: int,
    history_length: int | None,
    padded_left: bool,
) -> Scores:
    """Float32 (B, C): what the module gives each candidate of the queries `rows`, NaN for all other queries.

    Candidates are looked up among the scores of the whole catalogue, so that an item scores the same wherever it
    stands. `history_length` is None for a module that goes by the user alone. `padded_left`: scoring reads the history
    as such a module's training does.
    """
    C = n_items if queries.candidates is None else queries.candidates.shape[1]
    scores = np.full((len(queries), C), np.nan, dtype=np.float32)
    device = next(module.parameters()).device
    for start in range(0, len(rows), ROWS_AT_ONCE):
        chosen = rows[start : start + ROWS_AT_ONCE]
        batch = Interaction({fields.USER: torch.from_numpy(queries.users[chosen].astype(np.int64) + 1)})
        if history_length is not None:
            starts, stops = (bounds[chosen] for bounds in latest(queries.histories.offsets, history_length))
            batch.update(histories(queries.histories.items, starts, stops, history_length))
        if padded_left:
            batch = reversed_padding(batch)
            batch[fields.HISTORY] = batch[fields.REVERSED_HISTORY]
        found = catalogue_scores(module, batch.to(device), n_items).cpu()
        if queries.candidates is not None:
            found = found.gather(1, torch.from_numpy(queries.candidates[chosen].astype(np.int64)).clamp(min=0))
        scores[chosen] = found.numpy()
    return scores


@torch.no_grad()
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
