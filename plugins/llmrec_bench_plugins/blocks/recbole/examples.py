"""Training rows for RecBole's modules: next items, pairs of user and item, or users, with negatives and masks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from recbole.data.interaction import Interaction

from llmrec_bench_plugins.blocks.negative_items import UnseenItems
from llmrec_bench_plugins.blocks.padded_rows import padded_rows, prefixes
from llmrec_bench_plugins.blocks.recbole import fields
from llmrec_bench_plugins.blocks.recbole.dataset import users_of

Codes = npt.NDArray[np.int32]
Index = npt.NDArray[np.int64]


class Examples(ABC):
    """Rows to train on, by number; a row is what RecBole's own loader would have made of it."""

    def __init__(self, users: Index) -> None:
        """`users` int64 (N,): RecBole's number of each row's user."""
        self.users = users

    def __len__(self) -> int:
        return len(self.users)

    @abstractmethod
    def batch(self, rows: Index) -> Interaction:
        """The given rows, on the CPU."""


class Users(Examples):
    """A row for each user with training items; modules look the items up themselves."""

    def __init__(self, offsets: Index) -> None:
        super().__init__(np.flatnonzero(np.diff(offsets)) + 1)

    def batch(self, rows: Index) -> Interaction:
        return Interaction({fields.USER: torch.from_numpy(self.users[rows])})


class Pairs(Examples):
    """A row for each training interaction."""

    def __init__(self, offsets: Index, items: Codes) -> None:
        super().__init__(users_of(offsets))
        self.items = items.astype(np.int64) + 1

    def batch(self, rows: Index) -> Interaction:
        return Interaction(
            {fields.USER: torch.from_numpy(self.users[rows]), fields.ITEM: torch.from_numpy(self.items[rows])}
        )


class NextItems(Examples):
    """A row for each item that followed others, with the latest of them: RecBole's augmentation by prefixes."""

    def __init__(self, offsets: Index, items: Codes, history_length: int, shortest: int = 1) -> None:
        """Rows whose history is shorter than `shortest` are left out."""
        users, starts, stops = prefixes(offsets, history_length)
        long_enough = stops - 1 - starts >= shortest
        super().__init__(users[long_enough] + 1)
        self.starts, self.stops = starts[long_enough], stops[long_enough] - 1
        self.final = (stops == offsets[1:][users])[long_enough]
        """bool (N,): whether a row's item is its user's last."""
        self.items, self.history_length = items, history_length

    def batch(self, rows: Index) -> Interaction:
        starts, stops = self.starts[rows], self.stops[rows]
        found = histories(self.items, starts, stops, self.history_length)
        found.update(
            Interaction(
                {
                    fields.USER: torch.from_numpy(self.users[rows]),
                    fields.ITEM: torch.from_numpy(self.items[stops].astype(np.int64) + 1),
                }
            )
        )
        return found


def histories(items: Codes, starts: Index, stops: Index, history_length: int) -> Interaction:
    """Windows of item codes as RecBole's histories: int64 (B, L), right-padded with 0, and their lengths (B,)."""
    rows = padded_rows(items, starts, stops)
    padded = np.pad(rows, ((0, 0), (0, history_length - rows.shape[1])))
    return Interaction(
        {fields.HISTORY: torch.from_numpy(padded), fields.HISTORY_LENGTH: torch.from_numpy(stops - starts)}
    )


def unseen_items(unseen: UnseenItems, users: Index, rng: np.random.Generator) -> Index:
    """int64, the shape of `users`: an item for each, by RecBole's numbers. A user who has every item gets any, as
    nothing else is left."""
    drawn = unseen.draw(users - 1, rng) + 1
    return np.where(drawn > 0, drawn, rng.integers(1, unseen.n_items + 1, len(drawn)))


@dataclass(frozen=True)
class Negatives:
    """Items drawn uniformly from outside a user's training items, as rows of their own or beside each row's item."""

    unseen: UnseenItems
    count: int
    labelled: bool
    """True for modules trained point by point: negatives are rows with the label 0."""

    def added(self, batch: Interaction, rng: np.random.Generator) -> Interaction:
        """The batch `count` times over, each with another negative, or followed by as many rows of label 0."""
        drawn = torch.from_numpy(unseen_items(self.unseen, np.tile(batch[fields.USER].numpy(), self.count), rng))
        size = len(batch)
        if not self.labelled:
            tiled = batch.repeat(self.count)
            tiled.update(Interaction({fields.NEGATIVE: drawn}))
            return tiled
        tiled = batch.repeat(1 + self.count)
        tiled[fields.ITEM][size:] = drawn
        labels = torch.cat([torch.ones(size), torch.zeros(len(drawn))])
        tiled.update(Interaction({fields.LABEL: labels}))
        return tiled


@dataclass(frozen=True)
class Masks:
    """Items of histories hidden behind a mask, for BERT4Rec: some at random, or in a share of batches the last."""

    ratio: float
    last_share: float
    """How often a batch hides each history's last item instead, as scoring does."""
    unseen: UnseenItems

    def added(self, batch: Interaction, rng: np.random.Generator) -> Interaction:
        """With masked histories, the items behind the masks, their negatives and their places, left-padded with 0."""
        histories, lengths = batch[fields.HISTORY].numpy(), batch[fields.HISTORY_LENGTH].numpy()
        n_rows, n_places = histories.shape
        width = max(1, int(self.ratio * n_places))
        last = np.arange(n_places) == lengths[:, None] - 1
        hidden = (rng.random(histories.shape) < self.ratio) & (histories > 0)
        # The module does not count what is masked in first place; a batch of nothing else has no loss.
        if rng.random() < self.last_share or not hidden[:, 1:].any():
            hidden = last
        rank = hidden.sum(axis=1, keepdims=True) - np.cumsum(hidden, axis=1)  # 0 at the last masked place
        row, place = np.nonzero(hidden & (rank < width))
        column = width - 1 - rank[row, place]
        items, negatives, places = (np.zeros((n_rows, width), dtype=np.int64) for _ in range(3))
        items[row, column], places[row, column] = histories[row, place], place
        negatives[row, column] = unseen_items(self.unseen, batch[fields.USER].numpy()[row], rng)
        masked = np.where(hidden, self.unseen.n_items + 1, histories)
        found = {fields.MASKED_HISTORY: masked, fields.MASKED_ITEMS: items}
        found |= {fields.MASKED_NEGATIVES: negatives, fields.MASKED_PLACES: places}
        batch.update(Interaction({name: torch.from_numpy(values) for name, values in found.items()}))
        return batch


def reversed_padding(batch: Interaction) -> Interaction:
    """With the histories padded on the left, for SHAN."""
    rows, lengths = batch[fields.HISTORY], batch[fields.HISTORY_LENGTH]
    places = torch.arange(rows.shape[1]) - (rows.shape[1] - lengths)[:, None]
    moved = torch.where(places >= 0, rows.gather(1, places.clamp(min=0)), 0)
    batch.update(Interaction({fields.REVERSED_HISTORY: moved}))
    return batch
