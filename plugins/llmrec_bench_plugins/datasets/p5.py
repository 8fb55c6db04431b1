"""The sequence files of S3-Rec and P5: one line per user."""

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench_plugins.datasets.blank_separated import row_of, split_words
from llmrec_bench_plugins.datasets.delimited import WHOLE_LINES, read_delimited
from llmrec_bench_plugins.datasets.first_mistake import clipped
from llmrec_bench_plugins.datasets.item_texts import no_item_texts
from llmrec_bench_plugins.datasets.opening import first_lines
from llmrec_bench_plugins.datasets.p5_companions import companion, read_attributes, read_names, read_times, read_titles
from llmrec_bench_plugins.datasets.p5_reviews import read_reviews, reviews_file
from llmrec_bench_plugins.datasets.paths import files_like, located, one_file

_SEQUENCES = ("sequential.txt", "sequential.txt.gz")
_LINE = re.compile(r"\d+( \d+){2,}")


class P5(DataSource):
    """A P5 folder: `sequential.txt` (`user item item ...`, oldest first), `datamaps.json` and, where they are there,
    `titles.tsv`, `timestamps.tsv` and `explanation.json`, a list of `{user, item, explanation, feature}` whose
    sentences become the reviews. Ids are the published numbers. They follow the order of first appearance in the
    file, test items included, so they leak: compare with `item_id_order: shuffled(SEED)`. A time missing from
    `timestamps.tsv` is taken from the user's previous interaction, at the start of a sequence from the next; a user
    without any time gets the earliest of the data set. So sorting by time keeps the published order. (Beauty: 287 of
    198,502 times are filled, 155 of them those of 31 users without any.) An S3-Rec file needs no companions."""

    name: ClassVar[str] = "p5"
    reference: ClassVar[str] = (
        "Zhou et al., S3-Rec, CIKM 2020 and Geng et al., P5, RecSys 2022; Amazon reviews of 2014 (He & McAuley 2016), "
        "research use, no explicit licence."
    )

    path: Path
    """The folder, or the file of sequences; plain or gzipped; `~` and `$VARIABLES` are expanded."""
    use_times: bool = True
    """Whether to read `timestamps.tsv` where there is one."""
    use_reviews: bool = True
    """Whether to read `explanation.json` where there is one. Which of its records are for training says the suite, not
    the file."""
    attributes: bool = False
    """Whether to read S3-Rec's `item2attributes.json`, categories and brand as numbers without names, into the item
    column `attributes`, which RecBole's models of item features take. It changes the data set's fingerprint."""

    def read(self) -> Log:
        path = located(self.path)
        folder = path if path.is_dir() else path.parent
        if path.is_dir():
            path = one_file(path, _SEQUENCES if files_like(path, _SEQUENCES) else ("*.txt", "*.txt.gz"), "sequences")
        users, items, offsets = _read_sequences(path)
        names = read_names(folder, path, users, items)
        events: dict[str, Any] = {"user": users, "item": items}
        times = companion(folder, "timestamps.tsv") if self.use_times else None
        if times is not None:
            events["time"] = read_times(times, users, items, offsets)
        reviews = reviews_file(folder) if self.use_reviews else None
        if reviews is not None:
            told = read_reviews(reviews, users, items)
            events |= {"review": told["review"], "feature": told["feature"]}
        titles = companion(folder, "titles.tsv")
        texts = no_item_texts() if titles is None else read_titles(titles, names)
        if self.attributes:
            texts = texts.join(read_attributes(folder), how="outer").fillna("")
        return Log(events=pd.DataFrame(events), items=texts)

    @classmethod
    def recognise(cls, path: Path) -> "P5 | None":
        if path.is_dir():
            beside = companion(path, "datamaps.json") or companion(path, "item2attributes.json")
            files = files_like(path, _SEQUENCES) or files_like(path, ("*.txt", "*.txt.gz"))
            if beside is None or len(files) != 1:
                return None
            lines = first_lines(files[0], 100)
        else:
            lines = first_lines(path, 100)
        return cls(path=path) if lines and all(_LINE.fullmatch(line) for line in lines) else None


def _read_sequences(path: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """int64 (N,) users, int64 (N,) items, and int64 (R + 1,) offsets of the lines."""
    words, offsets = split_words(read_delimited(path, WHOLE_LINES, {"line": "text"}, names=["line"])["line"])
    lengths = np.diff(offsets)
    if len(short := np.flatnonzero(lengths < 2)):
        line, word = short[0] + 1, words[int(offsets[short[0]])].as_py()
        raise BenchError(f"{path}: line {line}: {clipped(word)} stands alone; a line is a user and their items")
    if (wrong := pc.index(pc.match_substring_regex(words, r"^[0-9]{1,18}$"), False).as_py()) >= 0:
        raise BenchError(f"{path}: line {row_of(offsets, wrong) + 1}: {clipped(words[wrong].as_py())} is no number")
    numbers = words.cast(pa.int64()).to_numpy()
    is_item = np.ones(len(numbers), dtype=bool)
    is_item[offsets[:-1]] = False
    # Without its user each line is one entry shorter.
    return np.repeat(numbers[offsets[:-1]], lengths - 1), numbers[is_item], offsets - np.arange(len(offsets))
