"""What trials leave behind, as plain files: written aside, renamed into place, read again for every table."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pyarrow.parquet import read_table
from pydantic import BaseModel, ConfigDict

from llmrec_bench.data.dataset import Dataset
from llmrec_bench.data.sequences import PAD
from llmrec_bench.errors import BenchError
from llmrec_bench.llm.meter import Spending
from llmrec_bench.metrics.rankings import Popularity, Rankings, Ranks
from llmrec_bench.versioned_json import read_versioned

SCHEMA_VERSION = 7
# 2: tuned trials; 3: stages, language models and their cost; 4: remarks of stages; 5: of methods; 6: bounds of ties;
# 7: explanations
"""Of records; older ones still load."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetPart(_Part):
    """Which data a trial saw."""

    label: str
    source: str
    options: dict[str, Any]
    preparation: dict[str, Any]
    fingerprint: str
    simulated: bool
    funnel: list[dict[str, str | int]]
    """What each step of preparation left: step, users, items, interactions."""
    users: int | None
    items: int | None
    interactions: int | None
    queries: int | None
    """None, as the counts above, where the trial failed before the data were there."""


class MethodPart(_Part):
    """Which method a trial ran."""

    label: str
    name: str
    version: str
    plugin: str
    source: str
    config: dict[str, Any]


class ProtocolPart(_Part):
    """How it was tested."""

    hash: str
    description: str
    settings: dict[str, Any]
    candidates_hash: str | None
    """Of the candidate sets drawn for this data set and seed; `full` for the whole catalogue, None where the trial
    failed before they were there."""


class Resources(_Part):
    """What it took. Peak memory is that of the worker process while this trial ran, None where the system does not
    tell."""

    load_seconds: float
    fit_seconds: float
    score_seconds: float
    rank_seconds: float
    measure_seconds: float
    explain_seconds: float = 0.0
    peak_memory_bytes: int | None


class Failure(_Part):
    """Why a trial failed."""

    phase: str
    kind: str
    message: str
    traceback: str


class TuningPart(_Part):
    """How a tuned trial came by its options."""

    search: str
    """Its id; the fits lie in a folder of that name."""
    fits: int
    failed_fits: int
    fit_seconds: float
    """Wall-clock seconds of all these fits, their validation included."""
    metric: str
    """Of the validation queries, by which the options were chosen."""
    value: float
    """The highest."""
    untuned_value: float | None
    """That of the options the search started from; None where their fit failed."""
    options: dict[str, Any]
    """What was chosen for the searched options; none where those the search started from were best."""


class StagePart(_Part):
    """An artifact that a trial used, and what it cost whoever built it."""

    stage: str
    key: str
    build_seconds: float
    peak_memory_bytes: int | None
    spending: list[Spending]
    remarks: list[str] = []
    """What a reader of results has to know of it."""


class SearchFit(_Part):
    """One fit of a search, measured on the validation queries."""

    schema_version: int = SCHEMA_VERSION
    search: str
    number: int
    dataset: str
    """Its label."""
    fingerprint: str
    method: str
    """Its name."""
    version: str
    config: dict[str, Any]
    """Resolved, as the method was given it."""
    options: dict[str, Any]
    """What the search proposed; none in the first fit."""
    protocol_hash: str
    metric: str
    seed: int
    value: float | None
    """Of the metric; None where the fit failed."""
    fit_seconds: float
    """Wall-clock seconds, loading left out and validation included."""
    spending: list[Spending] = []
    """On language models."""
    log: list[str]
    provenance: dict[str, Any]
    failure: Failure | None = None


class Record(_Part):
    """What one trial left."""

    schema_version: int = SCHEMA_VERSION
    id: str
    suite: str
    status: Literal["finished", "failed"]
    dataset: DatasetPart
    method: MethodPart
    protocol: ProtocolPart
    seed: int
    metrics: dict[str, float | None]
    """Means by `NDCG@10`; None where undefined."""
    chance: dict[str, float | None]
    """What a constant scorer gets on the same queries; None where a metric has no chance level."""
    standard_errors: dict[str, float] = {}
    """Of the means that are taken over users, by the spread of their values (n - 1)."""
    resources: Resources | None
    provenance: dict[str, Any]
    log: list[str]
    remarks: list[str] = []
    """What the method says a reader of its numbers has to know."""
    tuning: TuningPart | None = None
    """None where the options stand in the suite."""
    stages: list[StagePart] = []
    """The artifacts its method used, children included."""
    spending: list[Spending] = []
    """On language models, by this trial itself."""
    parameters: int | None = None
    """How many numbers the method learned; None where it does not say."""
    bounds: dict[str, tuple[float, float]] = {}
    """The lowest and the highest mean that its equal scores leave possible; empty for a method whose ties are not
    open."""
    explanations: int | None = None
    """How many it wrote; None where it writes none or was not asked for any."""
    failure: Failure | None = None
    """Of a failed trial; of a finished one, why it could not be measured again when metrics were added."""

    @property
    def simulated_models(self) -> list[str]:
        """The simulated language models that the trial or its stages asked."""
        return sorted({s.model for s in self.all_spending() if s.simulated})

    def all_spending(self) -> list[Spending]:
        """Of the trial and of the stages before it."""
        return [*(s for stage in self.stages for s in stage.spending), *self.spending]


class Store:
    """The results of one suite: `<root>/<suite>/trials/<id>/`."""

    def __init__(self, root: Path, suite: str) -> None:
        self.root = root
        self.folder = root / suite
        self.trials = self.folder / "trials"
        self.candidates = self.folder / "candidates"
        self.searches = self.folder / "searches"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the results folder for one run; the system lets go when the process ends, however it ends.

        Raises `BenchError` where the folder cannot be written or another run holds it.
        """
        path = self.folder / "lock"
        try:
            self.trials.mkdir(parents=True, exist_ok=True)
            handle = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise BenchError(f"{self.folder}: cannot be written ({error.strerror}); choose --results DIR") from None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                raise BenchError(
                    f"{self.folder}: another run is writing here (process {handle.read().strip() or 'unknown'}); "
                    "wait for it, or choose --results DIR"
                ) from None
            except OSError as error:
                raise BenchError(f"{path}: cannot be locked ({error.strerror}); choose --results DIR") from None
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            for left in self.trials.glob(".aside-*"):  # a killed run's half-written work
                shutil.rmtree(left, ignore_errors=True)
            for left in (*self.candidates.glob("*.aside"), *self.searches.glob("*/.aside-*")):
                left.unlink(missing_ok=True)
            yield

    def record(self, trial: str) -> Record | None:
        """The stored record, or None. Raises `BenchError` naming a file that is corrupt or from a newer version."""
        folder = self.trials / trial
        remedy = f"delete {folder} to run the trial again"
        return read_versioned(folder / "record.json", Record, SCHEMA_VERSION, " record", "record schema", remedy)

    def fits(self, search: str) -> list[SearchFit]:
        """The fits of a search, in their order, up to the first that is not there.

        Raises `BenchError` naming a file that is corrupt or from a newer version.
        """
        found: list[SearchFit] = []
        while (fit := self.fit(search, len(found))) is not None:
            found.append(fit)
        return found

    def fit(self, search: str, number: int) -> SearchFit | None:
        """One fit of a search, or None. Raises `BenchError` naming a file that is corrupt or from a newer version."""
        path = self.searches / search / f"fit-{number:03}.json"
        remedy = f"delete {path} to run it again"
        return read_versioned(path, SearchFit, SCHEMA_VERSION, " fit", "record schema", remedy)

    def write_fit(self, fit: SearchFit) -> None:
        """Store one fit of a search. Raises `BenchError` where the disk is full or the folder cannot be written."""
        path = self.searches / fit.search / f"fit-{fit.number:03}.json"
        aside = path.parent / f".aside-{path.name}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(fit.model_dump_json(indent=1) + "\n", encoding="utf-8")
            aside.replace(path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise self._unwritten(path, error) from None

    def forget_fits(self, search: str) -> None:
        """Take a search back to its beginning. Raises `BenchError` where the folder cannot be written."""
        try:
            shutil.rmtree(self.searches / search)
        except OSError as error:
            raise BenchError(f"{self.searches / search}: cannot be deleted ({error.strerror})") from None

    def write(
        self,
        record: Record,
        per_user: pd.DataFrame | None = None,
        lists: pd.DataFrame | None = None,
        ranks: pd.DataFrame | None = None,
        explanations: pd.DataFrame | None = None,
    ) -> Path:
        """Store a record and its tables in one step, replacing an earlier one; returns its folder.

        Raises `BenchError` where the disk is full or the folder cannot be written.
        """
        final = self.trials / record.id
        aside = self.trials / f".aside-{record.id}-{os.getpid()}"
        try:
            aside.mkdir(parents=True)
            tables = {"per_user": per_user, "top_lists": lists, "ranks": ranks, "explanations": explanations}
            for name, table in tables.items():
                if table is not None:
                    table.to_parquet(aside / f"{name}.parquet", index=False, compression="zstd")
            (aside / "record.json").write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
            if final.exists():
                replaced = self.trials / f".aside-{record.id}-replaced"
                final.rename(replaced)
                aside.rename(final)
                shutil.rmtree(replaced)
            else:
                aside.rename(final)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise self._unwritten(final, error) from None
        return final

    def _unwritten(self, path: Path, error: OSError) -> BenchError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return BenchError(
                f"{self.folder}: the disk is full; finished trials are kept: free space, then run again to go on"
            )
        return BenchError(f"{path}: cannot be written ({error.strerror or error})")

    def amend(self, record: Record) -> None:
        """Replace a stored record and leave its tables. Raises `BenchError` where the folder cannot be written."""
        folder = self.trials / record.id
        aside = folder / ".aside-record.json"
        try:
            aside.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
            aside.replace(folder / "record.json")
        except OSError as error:
            raise BenchError(f"{folder}: cannot be written ({error.strerror or error})") from None

    def per_user(self, trial: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One row a query: `user`, then one float64 column for each per-user metric; or only `columns`."""
        return self._table(trial, "per_user", columns)

    def top_lists(self, trial: str) -> pd.DataFrame:
        """One row a place: `user`, `rank` from 1, `item`."""
        return self._table(trial, "top_lists")

    def explanations(self, trial: str) -> pd.DataFrame:
        """One row an explanation: `user`, `item`, `text`, `reference` (the review, cut as the protocol says) and
        `feature` ('' where unknown)."""
        return self._table(trial, "explanations")

    def places_by_item(self, trial: str, cutoff: int) -> pd.Series:
        """In how many of the lists, cut off there, an item stands: int64 by item token; items in none are left out."""
        # Tokens stay codes of a dictionary: a million strings would take most of the time.
        columns = ["rank", "item"]
        lists = self._read(trial, "top_lists", lambda path: read_table(path, columns=columns, read_dictionary=["item"]))
        items = lists["item"].unify_dictionaries().combine_chunks()
        codes = items.indices.to_numpy(zero_copy_only=False)[lists["rank"].to_numpy() <= cutoff]
        counts = np.bincount(codes, minlength=len(items.dictionary))
        found = pd.Series(counts, index=pd.Index(items.dictionary.to_pylist(), dtype="str"), dtype="int64")
        return found[found > 0]

    def rankings(self, trial: str, dataset: Dataset, users: np.ndarray, popularity: Popularity, k: int) -> Rankings:
        """Rebuild what a finished trial ranked for the given users (codes, in query order), to measure it anew."""
        lists, ranks = self.top_lists(trial), self._table(trial, "ranks")
        offered = self.per_user(trial)["offered"].to_numpy(dtype=np.int64)
        row_of = pd.Index(dataset.users[users].astype("str"))
        codes = pd.Index(dataset.items["token"])
        top = np.full((len(users), k), PAD, dtype=np.int32)
        top[row_of.get_indexer(lists["user"]), lists["rank"].to_numpy() - 1] = codes.get_indexer(lists["item"])
        return Rankings(
            ranks=Ranks(
                queries=row_of.get_indexer(ranks["user"]).astype(np.int64),
                items=codes.get_indexer(ranks["item"]).astype(np.int32),
                above=ranks["above"].to_numpy(dtype=np.int64),
                tied=ranks["tied"].to_numpy(dtype=np.int64),
                gains=ranks["gain"].to_numpy(dtype=np.float64),
            ),
            lists=top,
            offered=offered,
            popularity=popularity,
        )

    def _table(self, trial: str, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        wanted = None if columns is None else list(columns)
        return self._read(trial, name, lambda path: pd.read_parquet(path, columns=wanted))

    def _read(self, trial: str, name: str, read: Callable[[Path], Any]) -> Any:
        path = self.trials / trial / f"{name}.parquet"
        try:
            return read(path)
        except (OSError, ValueError) as error:
            reason = error if path.exists() else "no such file"
            raise BenchError(
                f"{path}: cannot be read ({reason}); delete {path.parent} to run the trial again"
            ) from None
