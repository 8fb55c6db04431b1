"""Published ids: whole numbers where all of them are, else strings."""

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

# Leading zeros carry meaning (an ISBN, say), so `007` keeps its column a string; 18 digits always fit int64.
_WHOLE_NUMBER = r"^(0|-?[1-9][0-9]{0,17})$"


def as_ids(*columns: Any) -> list[pd.Series]:
    """The pyarrow columns as ids of one kind: int64 where every value of every column is a whole number (so that 10
    sorts after 9), else strings. Columns that name the same things belong in one call. No value may be null.
    """
    # Unsigned 64-bit ids (hashes) may pass int64, so they take the way of strings.
    if all(pa.types.is_integer(column.type) and column.type != pa.uint64() for column in columns):
        return [pd.Series(column.cast(pa.int64()).to_numpy()) for column in columns]
    encoded = [_encode(column) for column in columns]
    whole = all(pc.all(pc.match_substring_regex(e.dictionary, _WHOLE_NUMBER)).as_py() for e in encoded)
    return [_decode(e, whole) for e in encoded]


def _encode(column: Any) -> Any:
    """A DictionaryArray with string values."""
    chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    if not pa.types.is_dictionary(chunked.type):
        chunked = chunked.dictionary_encode()
    encoded = chunked.unify_dictionaries().combine_chunks()
    # Large offsets: strings of tens of millions of ids pass 2 GiB.
    return pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.cast(pa.large_string()))


def _decode(encoded: Any, whole: bool) -> pd.Series:
    if whole:
        return pd.Series(encoded.dictionary.cast(pa.int64()).to_numpy()[encoded.indices.to_numpy()])
    return encoded.dictionary.take(encoded.indices).to_pandas()  # type: ignore[no-any-return]
