"""Training data in the one shape that RecBole's modules ask for when they are built."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from recbole.data.interaction import Interaction
from recbole.utils import FeatureType
from scipy import sparse
from torch import Tensor

from llmrec_bench_plugins.blocks.recbole import fields

Settings = Mapping[str, Any]


class RecBoleSettings(dict[str, Any]):
    """Options by name, None for those nobody set, and as attributes too: modules read them in all three ways."""

    def __missing__(self, key: str) -> None:
        return None

    def __getattr__(self, key: str) -> Any:
        if key not in self:
            raise AttributeError(key)
        return self[key]


class RecBoleDataset:
    """Users, items and training interactions under RecBole's numbers: code + 1, as 0 is padding."""

    uid_field, iid_field, time_field = fields.USER, fields.ITEM, None

    def __init__(
        self,
        offsets: npt.NDArray[np.int64],
        items: npt.NDArray[np.int32],
        n_items: int,
        examples: Interaction,
        settings: Settings,
        categories: Tensor | None,
        rng: np.random.Generator,
    ) -> None:
        """Training items (N,) of users in a row, user u's from `offsets[u]` to `offsets[u + 1]`.

        `examples` are the rows that training will go through; `categories` is int64 (I + 1, K), numbers from 1
        padded with 0, for modules of item features. `rng` decides which items a shortened history keeps."""
        self.user_num, self.item_num, self.inter_num = len(offsets), n_items + 1, len(items)
        self.inter_feat, self.config = examples, settings
        self.field2seqlen = {fields.HISTORY: settings["MAX_ITEM_LIST_LENGTH"]}
        self.field2type = {fields.CATEGORY: FeatureType.TOKEN_SEQ}
        self._users, self._items = users_of(offsets), items.astype(np.int64) + 1
        self._categories, self._rng = categories, rng

    def num(self, field: str) -> int:
        """How many numbers a field has, padding's 0 among them."""
        if field == fields.CATEGORY and self._categories is not None:
            return int(self._categories.max()) + 1
        return {fields.USER: self.user_num, fields.ITEM: self.item_num}[field]

    def get_item_feature(self) -> Interaction:
        """The items' categories, by item number."""
        assert self._categories is not None, "modules of item features are built with categories"
        return Interaction({fields.CATEGORY: self._categories})

    def inter_matrix(self, form: str = "coo", value_field: str | None = None) -> Any:
        """Float32 (U + 1, I + 1), how often each user had each item, as scipy's matrix of the given form."""
        matrix = sparse.coo_matrix(
            (np.ones(len(self._users), dtype=np.float32), (self._users, self._items)),
            shape=(self.user_num, self.item_num),
        )
        return matrix.asformat(form)

    def history_item_matrix(
        self, value_field: str | None = None, max_history_len: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Int64 (U + 1, H) items of each user in random order, padded with 0; float32 of its shape, 1 at items;
        int64 (U + 1,) how many there are."""
        return self._histories(self._users, self._items, self.user_num, max_history_len)

    def history_user_matrix(
        self, value_field: str | None = None, max_history_len: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The same of each item's users, (I + 1, H)."""
        return self._histories(self._items, self._users, self.item_num, max_history_len)

    def _histories(
        self, rows: npt.NDArray[np.int64], others: npt.NDArray[np.int64], n_rows: int, longest: int | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        order = np.lexsort((self._rng.random(len(rows)), rows))
        rows, others = rows[order], others[order]
        counts = np.bincount(rows, minlength=n_rows)
        width = int(counts.max()) if longest is None else min(longest, int(counts.max()))
        place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        kept = place < width
        matrix = np.zeros((n_rows, width), dtype=np.int64)
        matrix[rows[kept], place[kept]] = others[kept]
        histories = torch.from_numpy(matrix)
        return histories, (histories > 0).float(), torch.from_numpy(np.minimum(counts, width))


def users_of(offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Int64 (N,): RecBole's number of the user of each training item."""
    return np.repeat(np.arange(1, len(offsets), dtype=np.int64), np.diff(offsets))


def category_numbers(categories: Sequence[Any]) -> Tensor | None:
    """Int64 (I + 1, K): the numbers, from 1, of each item's categories, padded with 0; None where no item has any.

    Categories are a list, or the parts of a text between commas, bars or `>`.
    """
    found = [_parts(value) for value in categories]
    numbers = {name: number for number, name in enumerate(sorted({name for names in found for name in names}), start=1)}
    if not numbers:
        return None
    table = np.zeros((len(found) + 1, max(map(len, found))), dtype=np.int64)
    for row, names in enumerate(found, start=1):
        table[row, : len(names)] = [numbers[name] for name in names]
    return torch.from_numpy(table)


def _parts(value: Any) -> list[str]:
    parts = re.split("[,|>]", value) if isinstance(value, str) else ([] if np.ndim(value) == 0 else map(str, value))
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))
