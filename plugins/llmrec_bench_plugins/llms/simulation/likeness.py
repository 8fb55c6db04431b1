"""How alike the texts of items are, in whole numbers, so that every machine finds the same order."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue

_WEIGHTS = {"category": 6, "brand": 4, "title": 2, "description": 1, "phrase": 2}
_UNIT = 1000
_RECENT = 10
_TIE_BYTES = 4


def recency(history: Sequence[int]) -> list[int]:
    """A weight for each item of a history, oldest first: 10 for the latest, one less for each before it, at least 1."""
    return [max(1, _RECENT - age) for age in reversed(range(len(history)))]


class Likeness:
    """Compares every item of a catalogue with a history: the cosine of their marks, rarer ones weighing more."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def to_history(self, history: Sequence[int]) -> npt.NDArray[np.int64]:
        """int64 (I,): likeness of every item to the items of a history (codes, oldest first), the latest counting most.

        At least 0; a hash of the token breaks ties.
        """
        alike = np.zeros(len(self._catalogue.items), dtype=np.int64)
        if history:
            weights = np.array(recency(history), dtype=np.int64)
            alike = self._rows @ (self._rows[list(history)].T @ weights) // weights.sum()
        return (alike << 8 * _TIE_BYTES) + self._ties

    @cached_property
    def _ties(self) -> npt.NDArray[np.int64]:
        # Never by code: published codes may follow the order of the interactions.
        digests = (hashlib.sha256(token.encode()).digest() for token in self._catalogue.tokens)
        return np.array([int.from_bytes(digest[:_TIE_BYTES]) for digest in digests], dtype=np.int64)

    @cached_property
    def _rows(self) -> Any:
        """int64 sparse (I, marks), rows of length about 1000."""
        from scipy.sparse import csr_array

        catalogue = self._catalogue
        columns: dict[tuple[str, str], int] = {}
        starts: list[int] = [0]
        cells: list[int] = []
        values: list[npt.NDArray[np.int64]] = []
        for item in catalogue.items:
            shared = [mark for mark in item.marks if catalogue.shared(*mark)]
            weights = np.array([_WEIGHTS[kind] * catalogue.rarity(kind, text) for kind, text in shared], dtype=np.int64)
            # Root and quotient are correctly rounded by every processor, so the whole numbers are the same.
            values.append(np.rint(_UNIT * weights / max(1.0, np.sqrt((weights**2).sum()))).astype(np.int64))
            cells.extend(columns.setdefault(mark, len(columns)) for mark in shared)
            starts.append(len(cells))
        data = np.concatenate([np.zeros(0, dtype=np.int64), *values])
        return csr_array(
            (data, np.array(cells, dtype=np.int64), np.array(starts)),
            shape=(len(catalogue.items), max(1, len(columns))),
        )
