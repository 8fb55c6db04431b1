"""Asks a fitted method why users might like items, and puts what it says beside what the users wrote."""

from collections.abc import Collection, Mapping, Set

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.data.dataset import Dataset
from llmrec_bench.errors import BenchError
from llmrec_bench.method import Method

Codes = npt.NDArray[np.int32]


def explain(method: Method, pairs: pd.DataFrame, dataset: Dataset, label: str) -> pd.DataFrame | None:
    """One row a pair: `user` and `item` as tokens, the method's `text`, and `reference` and `feature` of the review.

    `pairs` has columns `user` and `item` (codes), `text` and `feature`. None where the method writes no explanations,
    and where there is no pair to ask about. Raises `BenchError` naming the method for anything but one text a pair.
    """
    if not len(pairs):
        return None
    users, items = (pairs[column].to_numpy(dtype=np.int32, copy=True) for column in ("user", "item"))
    texts = _texts(method, users, items, label)
    if texts is None:
        return None
    return pd.DataFrame(
        {
            "user": dataset.users[pairs["user"]].astype("str"),
            "item": dataset.items["token"].to_numpy()[pairs["item"]],
            "text": pd.Series(texts, dtype="str"),
            "reference": pairs["text"].to_numpy(),
            "feature": pairs["feature"].to_numpy(),
        }
    )


def _texts(method: Method, users: Codes, items: Codes, label: str) -> list[str] | None:
    found: object = method.explain(users, items)
    if found is None:
        return None
    where = f"method '{label}': explain() returned"
    if isinstance(found, str | bytes | Mapping | Set) or not isinstance(found, Collection):
        raise BenchError(f"{where} a {type(found).__name__}; expected {len(users)} texts, one a pair, or None")
    if len(found) != len(users):
        raise BenchError(f"{where} {len(found)} texts for {len(users)} pairs; expected one a pair, in their order")
    texts: list[str] = []
    for number, text in enumerate(found):
        if not isinstance(text, str):
            raise BenchError(f"{where} a {type(text).__name__} for pair {number}; expected a text, '' for none")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BenchError(f"{where} a text for pair {number} that is not Unicode ({error.reason})") from None
        texts.append(str(text))
    return texts
