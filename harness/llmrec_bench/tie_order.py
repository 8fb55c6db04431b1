"""A random order of items for every user, computed where it is needed: it decides between equal scores."""

import numpy as np
import numpy.typing as npt

_Keys = npt.NDArray[np.uint32]


class TieOrder:
    """Keys that depend on the seed, the user and the item alone; of equal scores the smaller key goes first.

    For one user no two items share a key, so an order is always complete.
    """

    def __init__(self, seed: int, users: npt.NDArray[np.int32]) -> None:
        """`users` int32 (b,) are user codes, their positions the rows below; `seed` is below 2**32."""
        # The constant keeps 0 away from _mix, which leaves it where it is.
        start = _mix(np.array([seed ^ 0x9E3779B9], dtype=np.uint32))
        self._rows = _mix(users.astype(np.uint32) ^ start)

    def keys(self, rows: npt.NDArray[np.integer], items: npt.NDArray[np.integer]) -> _Keys:
        """uint32, of the shape that `rows` and `items` broadcast to."""
        # Every step can be undone, hence no two items of a row meet.
        return _mix(_mix(items.astype(np.uint32)) ^ self._rows[rows])


def _mix(numbers: _Keys) -> _Keys:
    """A fixed permutation of the 32-bit numbers that scatters neighbours: xor-shifts and odd multipliers."""
    mixed = numbers ^ (numbers >> np.uint32(16))
    mixed *= np.uint32(0x7FEB352D)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x846CA68B)
    mixed ^= mixed >> np.uint32(16)
    return mixed
