"""Vectors of item texts, computed once for all methods and seeds that use them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from llmrec_bench import BenchError, Config, Stage, StageRun, TrainingData
from llmrec_bench_plugins.stages.controls import Control, controlled
from llmrec_bench_plugins.stages.item_facts import ItemFacts
from llmrec_bench_plugins.stages.text_encoders import Encoder, TfIdf, encode_distinct

EMBEDDINGS, ROWS = "embeddings.npy", "rows.npy"


class ItemColumns(Config):
    """The item texts that came with the data set."""

    kind: Literal["columns"] = "columns"
    """`title. category. brand`: what an item has of the columns, full stops between them, commas within a list."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)] = ("title", "category", "brand")
    """In this order; those the data set lacks are skipped."""

    def read(self, train: TrainingData, run: StageRun) -> list[str]:
        """I texts, '' where an item has none. Raises `BenchError` where no item has any."""
        present = [train.items[column] for column in self.columns if column in train.items]
        texts = [". ".join(filter(None, map(_plain, values))) for values in zip(*present, strict=True)]
        if not any(texts):
            having = [str(column) for column in train.items if any(map(_plain, train.items[column]))]
            raise BenchError(
                f"text-embeddings: no item has text in {', '.join(self.columns)}; "
                f"the data set has {', '.join(having) or 'no item texts at all'}"
            )
        return texts


class TextEmbeddings(Stage):
    """One vector for each distinct item text, and which of them is each item's.

    The folder holds `embeddings.npy`, float32 (D + 1, w), whose last row is zeros, for items without text, and
    `rows.npy`, int32 (I,); `read_embeddings` puts them together.
    """

    name = "text-embeddings"
    version = "1"

    texts: Annotated[ItemColumns | ItemFacts, Field(discriminator="kind")] = ItemColumns()
    """Where an item's text comes from."""
    encoder: Encoder = TfIdf()
    """What turns a text into a vector."""

    def fault(self, device: str) -> str | None:
        """The encoder's."""
        return self.encoder.fault()

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Encode every distinct text once. Raises `BenchError` for texts or an encoder that are not to be had."""
        texts = self.texts.read(train, run)
        vectors, rows, cut = encode_distinct(texts, self.encoder, run.device)
        np.save(out / EMBEDDINGS, vectors)
        np.save(out / ROWS, rows)
        run.log(
            f"{len(vectors) - 1} distinct texts of {len(texts)} items, {vectors.shape[1]} values each; "
            f"{texts.count('')} items without text, {cut} texts longer than the encoder reads"
        )


def read_embeddings(folder: Path) -> npt.NDArray[np.float32]:
    """float32 (I, w): the vector of each item's text, in code order."""
    embeddings: npt.NDArray[np.float32] = np.load(folder / EMBEDDINGS, allow_pickle=False)
    return embeddings[np.load(folder / ROWS, allow_pickle=False)]


def read_controlled_embeddings(folder: Path, control: Control, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """float32 (I, w), as `read_embeddings` for the control `none`; `rng` draws the others."""
    rows = np.load(folder / ROWS, allow_pickle=False)
    vectors, [given] = controlled(np.load(folder / EMBEDDINGS, allow_pickle=False), rows[None], control, rng)
    return vectors[given]


def _plain(value: Any) -> str:
    """A cell as text: '' for a missing one, a list with commas, without a full stop of its own at the end."""
    if isinstance(value, str):
        return value.strip().removesuffix(".")
    if isinstance(value, Sequence | np.ndarray):
        return ", ".join(filter(None, map(_plain, value)))
    missing = value is None or value != value  # NaN alone differs from itself
    return "" if missing else str(value)
