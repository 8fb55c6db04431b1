"""What a method may see: training rows, validation targets, and queries without their answers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.data.sequences import Sequences


@dataclass(frozen=True)
class Queries:
    """B requests for a ranking. The held-out targets are kept elsewhere and never reach a method."""

    users: npt.NDArray[np.int32]
    """int32 (B,): user codes; each user asks at most once."""
    histories: Sequences
    """B rows: everything the user did before the cut, oldest first; a row may be empty."""
    cut_times: npt.NDArray[np.int64] | None
    """int64 (B,) seconds: the latest moment a method may know of, or None where the data set has no times."""
    candidates: npt.NDArray[np.int32] | None
    """int32 (B, C): item codes to score in a shuffled order (a short row ends in PAD), or None for the
    whole catalogue, where column c is item c."""

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: npt.NDArray[np.integer]) -> "Queries":
        """The given queries, in the given order."""
        return Queries(
            users=self.users[rows],
            histories=self.histories.take(rows),
            cut_times=None if self.cut_times is None else self.cut_times[rows],
            candidates=None if self.candidates is None else self.candidates[rows],
        )


@dataclass(frozen=True)
class TrainingData:
    """Everything `Method.fit` receives about a data set."""

    sequences: Sequences
    """U rows: the training interactions of each user; empty for users whose events are all held out."""
    items: pd.DataFrame
    """I rows in code order. Always a column `token`, the item's id in the data set, and `title` ('' where unknown);
    `category`, `brand`, `description` and others where the source has them. Texts describe items only, never
    interactions."""
    validation: Queries
    """Queries on the validation cut; empty where the protocol holds out none."""
    validation_targets: Sequences
    """One row per validation query: its held-out items. Test targets have no such field anywhere."""
    fingerprint: str
    """Hash of the training rows and item texts; where there are reviews, `+` and a hash of those below."""
    reviews: pd.DataFrame | None = None
    """One row for each training interaction with a review that is not blank, by user and then time: `user` and `item`
    (int32 codes), `text` and `feature` (str: what of the item it is about, '' where unknown). None where the data set
    has no reviews. Where the suite splits reviews as released, these are the training share, and some belong to
    interactions that the ranking holds out."""
    validation_reviews: pd.DataFrame | None = None
    """The same for validation interactions."""

    @property
    def n_users(self) -> int:
        """U."""
        return len(self.sequences)

    @property
    def n_items(self) -> int:
        """I."""
        return len(self.items)

    def item_counts(self) -> npt.NDArray[np.int64]:
        """int64 (I,): training users of each item; a user who repeats an item counts once."""
        return self.sequences.item_counts(self.n_items)
