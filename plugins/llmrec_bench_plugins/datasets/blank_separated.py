"""Lists written as blank-separated words, flattened without a Python object per word."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def split_words(texts: Any) -> tuple[Any, npt.NDArray[np.int64]]:
    """All words of a pyarrow column of R texts in one array of N strings, and int64 (R + 1,) offsets: row r has the
    words `offsets[r]:offsets[r + 1]`. A text without words has the one word ''.
    """
    # Large offsets: the texts together may pass 2 GiB.
    trimmed = pc.ascii_trim_whitespace(texts.cast(pa.large_string()))
    lists = pc.ascii_split_whitespace(trimmed).combine_chunks()
    if isinstance(lists, pa.ChunkedArray):  # what some pyarrow versions make of no chunks
        return pa.array([], pa.large_string()), np.zeros(1, dtype=np.int64)
    offsets = np.concatenate(([0], np.cumsum(lists.value_lengths().to_numpy(zero_copy_only=False))))
    return lists.flatten(), offsets.astype(np.int64)


def once_per_word(values: pd.Series, offsets: npt.NDArray[np.int64]) -> pd.Series:
    """N values: the R values of the rows, each repeated for every word of its row."""
    rows = np.repeat(np.arange(len(values)), np.diff(offsets))
    return values.iloc[rows].reset_index(drop=True)


def row_of(offsets: npt.NDArray[np.int64], word: int) -> int:
    """The row that holds a word."""
    return int(np.searchsorted(offsets, word, side="right")) - 1
