"""What a text about a user may be made from: the history before the item that the text will help to find."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from llmrec_bench import TrainingData

Cutoff = Literal["earliest", "per_split", "single_train", "first_half"]
"""`earliest`: one text a user, from before the last training item; it serves that item, validation and test.
`per_split`: one each for the last training item, validation and test, each from all that came before.
`single_train`: one a user, from all training items; training positions then meet texts that were shown their
targets. `first_half`: one a user, from the first half of the training items (KAR's); it may serve every item behind
that half."""

Serves = Literal["train", "validation", "test"]
SERVED: tuple[Serves, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class UserHistory:
    """The items (codes, oldest first) that a text about a user is made from, and the predictions it serves."""

    user: int
    serves: tuple[Serves, ...]
    items: tuple[int, ...]


@dataclass(frozen=True)
class UserText:
    """A text about a user and the predictions it serves."""

    user: int
    serves: tuple[Serves, ...]
    text: str


def first_half(lengths: npt.NDArray[np.int64], longest: int) -> npt.NDArray[np.int64]:
    """int64 (U,): how many of so many items are shown, half of them, rounded up, and at most `longest`; the items
    behind them come after all that was shown."""
    shown: npt.NDArray[np.int64] = np.minimum(-(-lengths // 2), longest)
    return shown


def user_histories(train: TrainingData, cutoff: Cutoff, longest: int) -> Iterator[UserHistory]:
    """Every user's, cut to the latest `longest` items (with `first_half` to the first); none is empty. Users whose
    history is empty are left out.

    Histories of the test hold training and validation items, as its queries do; test targets are nowhere in
    `TrainingData`.
    """
    halves = first_half(train.sequences.lengths, longest)
    validation = {int(user): train.validation_targets[row] for row, user in enumerate(train.validation.users)}
    for user in range(train.n_users):
        row = train.sequences[user]
        then = np.concatenate([row, validation.get(user, row[:0])])
        cuts: list[tuple[tuple[Serves, ...], np.ndarray]]
        match cutoff:
            case "earliest":
                cuts = [(SERVED, row[:-1])]
            case "per_split":
                cuts = [(("train",), row[:-1]), (("validation",), row), (("test",), then)]
            case "single_train":
                cuts = [(SERVED, row)]
            case "first_half":  # a single training item is shown, and none is left that the text could help to find
                cuts = [(SERVED if len(row) > halves[user] else SERVED[1:], row[: halves[user]])]
        for serves, items in cuts:
            if len(items):
                yield UserHistory(user, serves, tuple(items[-longest:].tolist()))


def titled_histories(train: TrainingData, cutoff: Cutoff, longest: int, titles: Sequence[str]) -> Iterator[UserHistory]:
    """Those of `user_histories` without the items that have no title, where others are left."""
    for history in user_histories(train, cutoff, longest):
        shown = tuple(item for item in history.items if titles[item])
        if shown:
            yield replace(history, items=shown)
