"""Texts about users as they lie in an artifact: what each says, which items it was made from, what it serves."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from llmrec_bench import StageRun, TrainingData
from llmrec_bench_plugins.stages.user_histories import UserHistory, UserText

RATIONALES = "rationales.parquet"
"""One row a text: `user` (int32 code), `serves` (list of `train`, `validation`, `test`), `items` (list of the tokens
that were shown) and `text`, '' where there is no answer."""


def write_rationales(out: Path, train: TrainingData, run: StageRun, texts: Iterable[tuple[UserHistory, str]]) -> None:
    """Keep the texts, and tell the harness which interactions they were made from."""
    tokens = train.items["token"].astype(str).tolist()
    rows = []
    for history, text in texts:
        rows.append((history.user, list(history.serves), [tokens[item] for item in history.items], text))
        run.saw(history.user, history.items)
    table = pd.DataFrame(rows, columns=["user", "serves", "items", "text"])
    table.astype({"user": "int32"}).to_parquet(out / RATIONALES, index=False)


def read_rationales(folder: Path) -> pd.DataFrame:
    """The rows that `write_rationales` kept."""
    return pd.read_parquet(folder / RATIONALES)


def rationale_texts(folder: Path) -> list[UserText]:
    """What they say of whom."""
    table = read_rationales(folder)
    rows = zip(table["user"], table["serves"], table["text"], strict=True)
    return [UserText(int(user), tuple(serves), text) for user, serves, text in rows]


def texts_for_test(folder: Path) -> dict[int, str]:
    """By user code, those that serve the test."""
    return {text.user: text.text for text in rationale_texts(folder) if "test" in text.serves}
