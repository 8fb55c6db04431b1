"""Choices that are the same on every machine and in every process."""

import hashlib
import json
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_BYTES = 4
_RANGE_BITS = 8 * _BYTES


class Draws:
    """A stream of whole numbers that depends on a key of plain JSON values and on nothing else."""

    def __init__(self, *key: object) -> None:
        self._key = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).digest()
        self._blocks = 0
        self._left = b""

    def below(self, end: int) -> int:
        """A number from 0 to `end` - 1, each as likely; `end` is at most 2 ** 32."""
        if not self._left:
            self._left = hashlib.sha256(self._key + self._blocks.to_bytes(8)).digest()
            self._blocks += 1
        number, self._left = int.from_bytes(self._left[:_BYTES]), self._left[_BYTES:]
        return number * end >> _RANGE_BITS

    def choose(self, options: Sequence[T]) -> T:
        """One of the options, each as likely."""
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """The options in an order of their own."""
        order = list(options)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
