"""From trained encoder to scores over the catalogue, without gradients."""

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils import parametrize

from llmrec_bench_plugins.blocks.padded_rows import latest, padded_rows
from llmrec_bench_plugins.blocks.sequence_encoder import SequenceEncoder

POSITIONS_AT_ONCE = 1 << 14
SCORES_AT_ONCE = 1 << 24


def history_scores(
    encoder: SequenceEncoder,
    offsets: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    history_length: int,
    candidates: npt.NDArray[np.int32] | None,
    users: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float32]:
    """float32 (B, C): each history's vector times each candidate's; NaN rows for empty histories.

    `candidates` holds item codes (B, C), or is None for the whole catalogue; below 0 gets any score. The encoder sees
    the latest `history_length` items. Candidates are looked up among the scores of the whole catalogue: so an item
    scores the same to the last bit wherever it stands, which a product with gathered vectors does not promise.
    `users` (B,) is for the encoder's user side.
    """
    with torch.no_grad(), parametrize.cached():
        catalogue = encoder.items.catalogue()
        C = len(catalogue) if candidates is None else candidates.shape[1]
        scores = np.full((len(offsets) - 1, C), np.nan, dtype=np.float32)
        filled = np.flatnonzero(np.diff(offsets))
        vectors = history_vectors(encoder, offsets, items, filled, history_length, users)
        at_once = max(1, SCORES_AT_ONCE // len(catalogue))
        for start in range(0, len(filled), at_once):
            rows = filled[start : start + at_once]
            product = vectors[start : start + at_once] @ catalogue.T  # (rows, I)
            if candidates is not None:
                codes = torch.from_numpy(candidates[rows].astype(np.int64)).clamp(min=0)
                product = product.gather(1, codes.to(product.device))
            scores[rows] = product.cpu().numpy()
    return scores


def history_vectors(
    encoder: SequenceEncoder,
    offsets: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    histories: npt.NDArray[np.int64],
    history_length: int,
    users: npt.NDArray[np.int64] | None,
) -> torch.Tensor:
    """(len(histories), d) on the encoder's device, in the given order; computed in order of length to pad little."""
    weight = encoder.items.weight
    vectors = weight.new_empty((len(histories), weight.shape[1]))
    starts, stops = (bounds[histories] for bounds in latest(offsets, history_length))
    by_length = np.argsort(stops - starts, kind="stable")
    at_once = max(1, POSITIONS_AT_ONCE // history_length)
    for start in range(0, len(histories), at_once):
        chosen = by_length[start : start + at_once]
        rows = torch.from_numpy(padded_rows(items, starts[chosen], stops[chosen])).to(weight.device)
        whose = None if users is None else torch.from_numpy(users[histories[chosen]]).to(weight.device)
        vectors[torch.from_numpy(chosen).to(weight.device)] = encoder.personal(encoder(rows), whose)
    return vectors
