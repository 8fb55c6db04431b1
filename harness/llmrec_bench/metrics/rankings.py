"""What metrics read: where the relevant items landed, and the lists that were shown."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UNRANKED = np.iinfo(np.int64).max // 4
"""`Ranks.above` of a relevant item that is in no list: no cut-off reaches it."""


@dataclass(frozen=True)
class Ranks:
    """Where each relevant item landed: one entry per (query, relevant item), P in all, queries ascending.

    An item tied with others has no single rank. Its rank is uniform over `above + 1 .. above + tied`, and the
    members of one tie group (same query, same `above`) share those places without replacement.
    """

    queries: npt.NDArray[np.int64]
    """int64 (P,): query rows; a query without relevant items has no entry."""
    items: npt.NDArray[np.int32]
    """int32 (P,): item codes."""
    above: npt.NDArray[np.int64]
    """int64 (P,): candidates ranked strictly above the item's tie group, or UNRANKED."""
    tied: npt.NDArray[np.int64]
    """int64 (P,): size of the tie group, the item included; 1 = no tie."""
    gains: npt.NDArray[np.float64]
    """float64 (P,): gain of finding the item, above 0; 1 for implicit feedback."""

    @property
    def has_ties(self) -> bool:
        """Whether any item shares its place with others."""
        return bool((self.tied != 1).any())


@dataclass(frozen=True)
class Popularity:
    """Item counts of the training data, on which every popularity and novelty metric rests."""

    counts: npt.NDArray[np.int64]
    """int64 (I,): training users of each item, repeats by one user counted once."""
    n_users: int
    """Users with at least one training interaction."""


@dataclass(frozen=True)
class Rankings:
    """One method's answers to B queries, ready to be measured."""

    ranks: Ranks
    lists: npt.NDArray[np.int32]
    """int32 (B, K): item codes best first, each at most once a row, PAD after a list's end. Ties are broken by
    the protocol's seeded order, so that a list is a list that a user could have been shown. K reaches the
    largest cut-off measured, or the most candidates any query offered where that is less."""
    offered: npt.NDArray[np.int64]
    """int64 (B,): candidates each query offered after masking."""
    popularity: Popularity

    @property
    def n_queries(self) -> int:
        """B."""
        return len(self.lists)

    @property
    def list_lengths(self) -> npt.NDArray[np.int64]:
        """int64 (B,): items in each list."""
        width = self.lists.shape[1]
        lengths = np.full(len(self.lists), width, dtype=np.int64)
        if width:
            short = np.flatnonzero(self.lists[:, -1] < 0)  # padding is at the end, so most lists need no look
            lengths[short] = (self.lists[short] >= 0).sum(axis=1)
        return lengths

    @property
    def relevant_counts(self) -> npt.NDArray[np.int64]:
        """int64 (B,): relevant items of each query."""
        return np.bincount(self.ranks.queries, minlength=self.n_queries)

    def shown(self, k: int) -> npt.NDArray[np.int32]:
        """int32 (B, min(k, K)): the lists cut at k.

        Raises `ValueError` where the lists were stored too short to be cut at k.
        """
        width = self.lists.shape[1]
        if k > width and bool((self.offered > width).any()):
            raise ValueError(f"lists of {width} items cannot be cut at {k}; store at least {k} a query")
        return self.lists[:, :k]
