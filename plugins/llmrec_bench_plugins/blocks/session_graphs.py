"""Session graphs (Wu et al., AAAI 2019, 3.2) of all prefixes of a batch of sequences, built in one vectorised pass.

A prefix's graph has its distinct items as nodes and an edge for each distinct step from one item to the next.
A longer prefix adds one edge, so after one round of messages only two nodes differ from the prefix before: the item
just arrived at and the one just left. The nodes of all L prefixes are therefore 2 L vectors, an arrival and a departure
for each position, instead of L for every prefix:

- what is known of item s when a prefix ends at place s is its arrival;
- from the next place on it is its departure, until the item comes again.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SessionGraphs:
    """The graphs of every prefix of B rows, (B, L, L) each. Pads come last, so they add no edge to a real place."""

    incoming: Tensor
    """Row s: weights of the mean over the distinct items that came before item s, up to place s; column r stands for
    the item at place r."""
    outgoing: Tensor
    """Row s: the same for the distinct items that came after item s, on arrival at s."""
    outgoing_left: Tensor
    """Row s: the same on departure, with the item at s + 1."""
    times_seen: Tensor
    """Row t, column s: how often item s occurs in the prefix that ends at t where s is its last place, else 0."""


def session_graphs(rows: Tensor) -> SessionGraphs:
    """From int64 (B, L), zeros at the end: float32 weights; a row without neighbours is all zeros."""
    length = rows.shape[1]
    place = torch.arange(length, device=rows.device)
    since = place[:, None] - place  # (L, L): row minus column
    same = rows[:, :, None] == rows[:, None, :]  # (B, L, L)
    # Step r leads from place r to r + 1. An item pair counts where it is stepped through first.
    repeats = same[:, :-1, :-1] & same[:, 1:, 1:] & (since > 0)[1:, 1:]  # (B, L - 1, L - 1)
    first = ~repeats.any(dim=2)[:, None, :]  # (B, 1, L - 1)
    none = rows.new_zeros((len(rows), length, 1), dtype=torch.bool)
    came_from = torch.cat([same[:, :, 1:] & first, none], dim=2)  # (B, L, L): from r, the step into s's item
    went_to = torch.cat([none, same[:, :, :-1] & first], dim=2)  # (B, L, L): to r, the step out of s's item
    seen = same & (since >= 0)
    until_again = torch.where(same & (since < 0), place, length).amin(dim=2)  # (B, L): the item's next place
    last = (since >= 0) & (place[:, None] < until_again[:, None, :])
    return SessionGraphs(
        incoming=_mean(came_from & (since > 0)),
        outgoing=_mean(went_to & (since >= 0)),
        outgoing_left=_mean(went_to & (since >= -1)),
        times_seen=last * seen.sum(dim=2, dtype=torch.float32)[:, None, :],
    )


def _mean(edges: Tensor) -> Tensor:
    """Each row of 0 and 1 divided by its sum."""
    weights = edges.to(torch.float32)
    return weights / weights.sum(dim=2, keepdim=True).clamp(min=1)
