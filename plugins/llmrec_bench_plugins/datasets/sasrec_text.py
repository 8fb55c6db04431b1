"""The file format of the SASRec code: one interaction a line."""

import re
from pathlib import Path
from typing import ClassVar

import pandas as pd

from llmrec_bench import DataSource, Log
from llmrec_bench_plugins.datasets.delimited import BLANKS, TABS, read_delimited
from llmrec_bench_plugins.datasets.ids import as_ids
from llmrec_bench_plugins.datasets.item_texts import no_item_texts
from llmrec_bench_plugins.datasets.opening import first_lines
from llmrec_bench_plugins.datasets.paths import located

_LINE = re.compile(r"\d+[ \t]\d+")


class SASRecText(DataSource):
    """One `user item` pair a line, parted by a blank or a tab; each user's lines oldest first. No times, no texts."""

    name: ClassVar[str] = "sasrec-text"
    reference: ClassVar[str] = (
        "The input format of the code of Kang & McAuley, Self-Attentive Sequential Recommendation, ICDM 2018; "
        "BERT4Rec's data files share it. Licence: that of the data in the file."
    )

    path: Path
    """The text file, plain or gzipped; `~` and `$VARIABLES` are expanded."""

    def read(self) -> Log:
        path = located(self.path)
        dialect = TABS if "\t" in "".join(first_lines(path, 1)) else BLANKS
        table = read_delimited(path, dialect, {"user": "id", "item": "id"}, names=["user", "item"])
        (users,), (items,) = as_ids(table["user"]), as_ids(table["item"])
        return Log(events=pd.DataFrame({"user": users, "item": items}), items=no_item_texts())

    @classmethod
    def recognise(cls, path: Path) -> "SASRecText | None":
        lines = first_lines(path, 100)
        return cls(path=path) if lines and all(_LINE.fullmatch(line) for line in lines) else None
