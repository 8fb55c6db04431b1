"""Somebody else's recommendations as a method: its scores are read, not learned."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench import Method, Queries, Run, Scores, TrainingData
from llmrec_bench_plugins.datasets.opening import open_bytes
from llmrec_bench_plugins.datasets.paths import located
from llmrec_bench_plugins.run_files.forms import Form, form_of, read_lines
from llmrec_bench_plugins.run_files.matching import ScoredPairs, match
from llmrec_bench_plugins.stages.file_hashes import file_hash

_SEED = "{seed}"


class RunFile(Method):
    """Score items as a file says that was made elsewhere: a line for each user and item, with a score or a rank.

    What the file does not list has no score; a user it lacks has no list. Scores are compared as float32, and equal
    ones are ties, settled by the protocol as for every method, whatever ranks stand beside them. Where there are only
    ranks, the score is minus the rank.
    """

    name = "run-file"
    version = "1"
    source = "the file; TREC's form as trec_eval reads it, RecBole's as its atomic files (Zhao et al., CIKM 2021)"

    class Config(Method.Config):
        """Which file, and how to read it."""

        path: Path
        """The file, plain or gzipped; `~` and `$VARIABLES` are expanded. Where `{seed}` stands in it, each seed has a
        file of its own; else the file is one run, which counts for the first seed only."""
        form: Form | None = None
        """`csv`: commas or tabs between columns named `user`, `item`, and `score` or `rank`. `trec`: six words a line,
        `user Q0 item rank score tag`. `recbole`: tabs between `user_id:token`, `item_id:token`, and `score:float` or
        `rank:float`. Other columns are not read; with both a score and a rank the score counts. null: told from the
        first line."""
        unknown: Literal["refuse", "drop"] = "refuse"
        """A line whose user or item is not in the prepared data set: an error, or left out and counted."""

        def by_seed(self, seeds: Sequence[int]) -> Mapping[int, Self]:
            """A file for each seed, or one for the first."""
            if _SEED not in str(self.path):
                return dict.fromkeys(seeds[:1], self)
            paths = {seed: Path(str(self.path).replace(_SEED, str(seed))) for seed in seeds}
            return {seed: self.model_copy(update={"path": path}) for seed, path in paths.items()}

        def identity(self) -> dict[str, Any]:
            """With what the file holds, not where it lies. Raises `BenchError` for a file that is not there, is empty
            or cannot be opened, and for one whose form cannot be told."""
            path, form = self.found()
            return {**super().identity(), "path": f"sha256 {file_hash(path)}", "form": form}

        def found(self) -> tuple[Path, Form]:
            """Where the file lies, and its form. Raises `BenchError` as `identity`."""
            path = located(self.path)
            open_bytes(path).close()  # refuses a folder, an empty file, and one that cannot be opened
            return path, self.form or form_of(path)

    config: Config
    listed: ScoredPairs

    def fit(self, train: TrainingData, run: Run) -> None:
        """Read the file. Raises `BenchError`, naming the line, for whatever keeps it from being read as it is."""
        path, form = self.config.found()
        items = pd.Index(train.items["token"])
        self.listed = match(path, form, read_lines(path, form), run.users, items, self.config.unknown == "drop")
        self._n_items = train.n_items
        self._starts = np.searchsorted(self.listed.pairs, np.arange(train.n_users + 1) * train.n_items)
        self._asked: npt.NDArray[np.bool_] = np.zeros(train.n_users, dtype=np.bool_)
        run.log(f"{path.name}: {len(self.listed.pairs):,} scores read as {form}, sha256 {file_hash(path)}")
        for remark in self.listed.remarks:
            run.log(f"{path.name}: {remark}")

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): what the file says of each candidate, NaN where it says nothing."""
        self._asked[queries.users] = True
        users = queries.users.astype(np.int64)
        scores: Scores
        if queries.candidates is None:
            scores = np.full((len(queries), self._n_items), np.nan, dtype=np.float32)
            starts, lengths = self._starts[users], self._starts[users + 1] - self._starts[users]
            rows = np.repeat(np.arange(len(users)), lengths)
            within = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            places = np.repeat(starts, lengths) + within
            scores[rows, self.listed.pairs[places] % self._n_items] = self.listed.scores[places]
            return scores
        wanted = users[:, None] * self._n_items + queries.candidates
        places = np.searchsorted(self.listed.pairs, wanted)
        scores = np.append(self.listed.scores, np.float32(np.nan))[places]
        scores[np.append(self.listed.pairs, -1)[places] != wanted] = np.nan
        return scores

    @property
    def remarks(self) -> Sequence[str]:
        """Where the scores come from, how long the lists are, and what the file lacks."""
        lengths = np.diff(self._starts)[self._asked]
        lists = lengths[lengths > 0]
        sizes = " to ".join(f"{size:,}" for size in sorted({lists.min(), lists.max()})) if len(lists) else "no"
        source = f"scores from a file made elsewhere (lists of {sizes} items)"
        remarks = [f"{source}; what they were learned from and cost is unknown"]
        if len(lists) < len(lengths):
            lacking = f"{len(lengths) - len(lists):,} of {len(lengths):,} users of the test"
            remarks.append(f"the file has no line for {lacking}, whose targets are misses")
        return [*remarks, *self.listed.remarks]
