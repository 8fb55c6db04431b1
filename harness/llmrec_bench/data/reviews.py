"""Reviews in three parts: with the interactions they belong to, or split on their own as P5's code does."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.data.dataset import Dataset
from llmrec_bench.data.splits import Split


@dataclass(frozen=True)
class ReviewSplit:
    """Every review that is not blank, in one of three parts.

    Each part has a row for each review, by user and then time: `user` and `item` (int32 codes), `text` and `feature`
    (str, '' where unknown).
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    tested_in_train: float
    """Share of the test interactions whose review is in `train`: 0 unless reviews are split on their own."""


def split_reviews(dataset: Dataset, parts: Split) -> ReviewSplit | None:
    """The reviews of a data set under a split of its interactions; None where the data set has none."""
    if dataset.reviews is None:
        return None
    written = (dataset.reviews.str.strip() != "").to_numpy(dtype=bool)
    place = _places(dataset, parts)
    share = place.copy()
    if dataset.review_seed is not None:
        rows = dataset.sequences.rows()[written]
        share[written] = split_as_released(rows, dataset.sequences.items[written], dataset.review_seed)
    train, validation, test = (_table(dataset, written & (share == part)) for part in range(3))
    leaked = (place == 2) & written & (share == 0)
    return ReviewSplit(train, validation, test, float(leaked.sum() / (place == 2).sum()))


def split_as_released(
    users: npt.NDArray[np.integer], items: npt.NDArray[np.integer], seed: int
) -> npt.NDArray[np.int8]:
    """int8 (N,): 0 for training, 1 for validation, 2 for test, for N reviews by user and item.

    One random review of each user and one of each item are for training, then random ones until they are 80 %; half of
    the rest, rounded down, is for validation. Source: Geng et al., P5, RecSys 2022, the preparation of its reviews,
    which POD and RDRec take over.
    """
    rng = np.random.default_rng(seed)
    train = np.zeros(len(users), dtype=bool)
    for owners in (users, items):
        order = rng.permutation(len(owners))
        train[order[~pd.Series(owners[order]).duplicated().to_numpy()]] = True
    rest = rng.permutation(np.flatnonzero(~train))
    wanted = -(-8 * len(users) // 10) - int(train.sum())
    rest = rest[max(0, wanted) :]
    share = np.zeros(len(users), dtype=np.int8)
    share[rest] = 2
    share[rest[: len(rest) // 2]] = 1
    return share


def _places(dataset: Dataset, parts: Split) -> npt.NDArray[np.int8]:
    """int8 (N,): in which part of the split each interaction is; a row begins with its training ones."""
    held = dataset.sequences
    known = parts.train.lengths
    place = np.arange(len(held.items)) - np.repeat(held.offsets[:-1], held.lengths)
    validated = known.copy()
    validated[parts.validation.users] += parts.validation_targets.lengths
    after_train = place >= np.repeat(known, held.lengths)
    return after_train.astype(np.int8) + (place >= np.repeat(validated, held.lengths))


def _table(dataset: Dataset, chosen: npt.NDArray[np.bool_]) -> pd.DataFrame:
    assert dataset.reviews is not None
    text = dataset.reviews[chosen].astype("str").reset_index(drop=True)
    features = dataset.features
    feature = pd.Series([""] * len(text), dtype="str") if features is None else features[chosen].astype("str")
    return pd.DataFrame(
        {
            "user": dataset.sequences.rows()[chosen].astype(np.int32),
            "item": dataset.sequences.items[chosen],
            "text": text,
            "feature": feature.reset_index(drop=True),
        }
    )


def columns_of(reviews: ReviewSplit) -> Iterator[pd.Series]:
    """Of what methods read: training and validation, for a fingerprint."""
    for part in (reviews.train, reviews.validation):
        yield from (part[column] for column in part)
