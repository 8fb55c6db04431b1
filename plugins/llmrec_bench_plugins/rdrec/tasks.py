"""What the model is taught: tasks that draw pairs of texts from users' training items."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from llmrec_bench import Queries, TrainingData
from llmrec_bench_plugins.rdrec.templates import SEQUENTIAL, TOP_N, number

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Example:
    """A text, and what the model should write after it."""

    source: str
    target: str
    prompt: str
    """Whose prompt vectors stand before the text."""
    target_tokens: int | None = None
    """The target's first tokens, so many at most, are learned; a target that is cut has no end. None: all of them."""


class Task(ABC):
    """A kind of example."""

    name: ClassVar[str]
    """What a ratio calls it."""
    prompts: tuple[str, ...]
    """The prompts of its examples. Their places among those of all tasks of a method number the prompt vectors."""
    lacking: str
    """What is wrong where it has no source, for a message."""
    sources: Codes
    """What one pass goes over, such as users."""
    left_out: str = ""
    """What of the data is no source, for the log."""
    taught: Sequence[str] = ()
    """The texts that the model should write, where these are more than numbers."""
    counts: int = 1
    """How many of a batch's examples one source takes the place of."""

    @abstractmethod
    def draw(self, sources: Codes, rng: np.random.Generator) -> list[Example]:
        """A fresh example for each of some `sources`."""

    @abstractmethod
    def validation(self) -> list[Example]:
        """Always the same ones, in the bare wording, about the validation targets."""


class SequentialTask(Task):
    """From a stretch of a user's training items to the item after it, as POD draws it: of n items the start is uniform
    in 0 ... n - 2, the end in start + 1 ... n - 1, and of a stretch the latest `history_length` items are shown. (POD
    counts the two held-out items too: its n is larger by two.)"""

    name = "sequential"
    prompts = ("sequential",)
    lacking = "no user has enough training items for the task sequential"

    def __init__(self, train: TrainingData, history_length: int) -> None:
        self._train, self._history_length = train, history_length
        self.sources = np.flatnonzero(train.sequences.lengths >= 2)
        self.left_out = users_left_out(train, self.sources)

    def draw(self, sources: Codes, rng: np.random.Generator) -> list[Example]:
        """One stretch a user."""
        examples = []
        for user in sources.tolist():
            items = self._train.sequences[user]
            start, end = segment(len(items), rng)
            shown = items[max(start, end - self._history_length) : end]
            examples.append(Example(SEQUENTIAL.drawn(user, shown.tolist(), rng), number(int(items[end])), "sequential"))
        return examples

    def validation(self) -> list[Example]:
        """The history of each validation query that has one, and its first target."""
        queries, targets = self._train.validation, self._train.validation_targets
        asked = np.flatnonzero((queries.histories.lengths > 0) & (targets.lengths > 0))
        prompts = sequential_prompts(queries.take(asked), self._history_length)
        return [
            Example(prompt, number(int(targets[row][0])), "sequential")
            for prompt, row in zip(prompts, asked.tolist(), strict=True)
        ]


class TopNTask(Task):
    """From a user and a shuffled list to the one item in it that the user has.

    The positive is uniform over the user's training items, the others over those outside them, without repeats. POD's
    code leaves out the user's held-out items too, which tells a model that they are never wrong; without test data that
    cannot be repeated here.
    """

    name = "top_n"
    prompts = ("top_n",)
    lacking = "no user has a training item for the task top_n"

    def __init__(self, train: TrainingData, negatives: int, seed: int) -> None:
        self._train, self._negatives, self._seed = train, negatives, seed
        self.sources = np.flatnonzero(train.sequences.lengths >= 1)
        self.left_out = users_left_out(train, self.sources)

    def draw(self, sources: Codes, rng: np.random.Generator) -> list[Example]:
        """One list a user, new negatives each time."""
        examples = []
        for user in sources.tolist():
            own = self._train.sequences[user]
            positive = int(rng.choice(own))
            items = self._listed(positive, own, rng)
            examples.append(Example(TOP_N.drawn(user, items, rng), number(positive), "top_n"))
        return examples

    def validation(self) -> list[Example]:
        """The first target of each validation query among negatives, the same in every epoch: new ones, as POD draws
        them, would move the loss that early stopping watches."""
        rng = np.random.default_rng(self._seed)
        queries, targets = self._train.validation, self._train.validation_targets
        examples = []
        for row in np.flatnonzero(targets.lengths > 0).tolist():
            user, positive = int(queries.users[row]), int(targets[row][0])
            items = self._listed(positive, np.append(self._train.sequences[user], positive), rng)
            examples.append(Example(TOP_N.bare(user, items), number(positive), "top_n"))
        return examples

    def _listed(self, positive: int, own: npt.NDArray[np.int32], rng: np.random.Generator) -> list[int]:
        others = items_outside(own, self._train.n_items, self._negatives, rng)
        return rng.permutation(np.append(others, positive)).tolist()


def users_left_out(train: TrainingData, users: Codes) -> str:
    """How many users are not among these, for the log; '' where all are."""
    skipped = train.n_users - len(users)
    return f"{skipped:,} of {train.n_users:,} users have too few training items and are left out" if skipped else ""


def segment(n_items: int, rng: np.random.Generator) -> tuple[int, int]:
    """Where a stretch of n >= 2 items starts and where the item lies that it predicts."""
    start = int(rng.integers(0, n_items - 1))
    return start, int(rng.integers(start + 1, n_items))


def items_outside(own: npt.NDArray[np.int32], n_items: int, count: int, rng: np.random.Generator) -> Codes:
    """int64 (count,): different items, each set of them as likely, none of them in `own`; fewer where there are not
    so many."""
    seen = np.unique(own)
    left = n_items - len(seen)
    ranks = rng.choice(left, size=min(count, left), replace=False)
    # The r-th item outside s_0 < s_1 < ... is r plus the number of j with s_j - j <= r.
    return ranks + np.searchsorted(seen - np.arange(len(seen)), ranks, side="right")


def sequential_prompts(queries: Queries, history_length: int) -> list[str]:
    """B texts: each user with the latest items of the history."""
    histories: Sequence[npt.NDArray[np.int32]] = [queries.histories[row] for row in range(len(queries))]
    return [
        SEQUENTIAL.bare(user, items[-history_length:].tolist())
        for user, items in zip(queries.users.tolist(), histories, strict=True)
    ]
