"""The file format of the SASRec code: one interaction a line."""

import re
from pathlib import Path
from typing import ClassVar

import pandas as pd

from llmrec_bench import BenchError, DataSource, Log
from llmrec_bench_plugins.datasets.delimited import BLANKS, TABS, read_delimited
from llmrec_bench_plugins.datasets.first_mistake import clipped
from llmrec_bench_plugins.datasets.ids import as_ids
from llmrec_bench_plugins.datasets.item_texts import no_item_texts
from llmrec_bench_plugins.datasets.opening import first_lines
from llmrec_bench_plugins.datasets.paths import located

_LINE = re.compile(r"\d+[ \t]\d+")
_NUMBER = r"0|[1-9][0-9]{0,17}"


class SASRecText(DataSource):
    """One `user item` pair of numbers a line, parted by a blank or a tab; each user's lines oldest first. No header,
    no times, no texts."""

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
        events = pd.DataFrame({column: as_ids(table[column])[0] for column in ("user", "item")})
        for column, ids in events.items():
            # Anything else is a header line more often than an id, and would be taken for a user.
            if not pd.api.types.is_integer_dtype(ids):
                row = int(ids.str.fullmatch(_NUMBER).to_numpy(dtype=bool).argmin())
                raise BenchError(
                    f"{path}: {column} {clipped(ids[row])} in data line {row + 1} is no number; "
                    "for a header or ids in words use `interaction-table`"
                )
        return Log(events=events, items=no_item_texts())

    @classmethod
    def recognise(cls, path: Path) -> "SASRecText | None":
        lines = first_lines(path, 100)
        return cls(path=path) if lines and all(_LINE.fullmatch(line) for line in lines) else None
