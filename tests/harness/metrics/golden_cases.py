"""Reads a golden case (inputs and the values that tools printed for them) and turns its inputs into `Rankings`."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.data.sequences import PAD, Sequences
from llmrec_bench.metrics.lists import rank_lists
from llmrec_bench.metrics.rankings import Popularity, Rankings

FOLDER = Path(__file__).parents[2] / "golden" / "metrics"


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """`<folder>/<name>.csv` or `.parquet`, whichever is there."""
    text = folder / f"{name}.csv"
    return pd.read_csv(text, keep_default_na=False) if text.exists() else pd.read_parquet(folder / f"{name}.parquet")


@dataclass(frozen=True)
class Case:
    """One golden case. Items are numbered from 1 in the files, from 0 in `Rankings`."""

    name: str
    catalog_size: int
    threshold: float
    recs: pd.DataFrame
    train: pd.DataFrame
    test: pd.DataFrame
    empty_list_users: tuple[int, ...]
    only_listed_users: bool
    expected: pd.DataFrame
    per_user: pd.DataFrame

    @cached_property
    def everyone(self) -> npt.NDArray[np.int64]:
        """Users with a list, an empty list or test rows, ascending."""
        listed = set(self.recs["user"]) | set(self.empty_list_users)
        return np.array(sorted(listed if self.only_listed_users else listed | set(self.test["user"])))

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Distinct training pairs."""
        return self.train[["user", "item"]].drop_duplicates()

    @cached_property
    def relevant(self) -> pd.DataFrame:
        """Test rows that reach the threshold."""
        return self.test[self.test["rating"] >= self.threshold]

    def counts(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        """int64 (I,): rows of each item."""
        return np.bincount(frame["item"].to_numpy(dtype=np.int64) - 1, minlength=self.catalog_size)

    def lists(self, users: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """int32 (B, K): the lists of `users` as given, repeats included."""
        recs = self.recs[self.recs["user"].isin(users)]
        table = np.full((len(users), int(self.recs["rank"].max())), PAD, dtype=np.int32)
        table[np.searchsorted(users, recs["user"]), recs["rank"].to_numpy() - 1] = recs["item"].to_numpy() - 1
        return table

    def rankings(
        self, users: npt.NDArray[np.int64], gain: str = "binary", popularity_of: pd.DataFrame | None = None
    ) -> Rankings:
        """What our metrics read for `users` (ascending). `gain` is binary, linear or exponential."""
        relevant = self.relevant[self.relevant["user"].isin(users)].sort_values("user", kind="stable")
        rows = np.searchsorted(users, relevant["user"])
        offsets = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=len(users)))))
        steps = relevant["rating"].to_numpy(dtype=np.float64) - self.threshold + 1
        gains = {"binary": np.ones(len(steps)), "linear": steps, "exponential": 2.0**steps - 1.0}[gain]
        trained = self.pairs if popularity_of is None else popularity_of
        return rank_lists(
            self.lists(users),
            Sequences(offsets=offsets, items=relevant["item"].to_numpy(dtype=np.int32) - 1),
            Popularity(counts=self.counts(trained), n_users=self.train["user"].nunique()),
            gains=gains,
        )


def read_case(folder: Path, data: Path | None = None) -> Case:
    """The case in `folder`; train and test rows from `data` where given."""
    about = json.loads((folder / "case.json").read_text())
    data = data or folder / about["data_dir"]
    expected = read_table(folder, "expected").astype({"params": str, "value": str})
    return Case(
        name=about["case"],
        catalog_size=about["catalog_size"],
        threshold=about["relevance_threshold"],
        recs=read_table(folder, "recs").astype("int64"),
        train=read_table(data, "train"),
        test=read_table(data, "test"),
        empty_list_users=tuple(about.get("users_with_empty_list", ())),
        only_listed_users=about.get("users") == "candidates",
        expected=expected,
        per_user=read_table(folder, "per_user"),
    )
