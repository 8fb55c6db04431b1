"""The folder of a run, read back without its suite."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.store import Record, Store

Key = tuple[str, str]
"""Labels of a data set and of a method on it."""


@dataclass(frozen=True)
class StoredRun:
    """What one run left."""

    path: Path
    store: Store
    records: Mapping[Key, Mapping[int, Record]]
    """By data set and method, then by seed."""
    superseded: tuple[Record, ...]
    """Of trials that a later one of the same data set, method and seed stands in for."""

    def finished(self, key: Key) -> dict[int, Record]:
        """The trials of a method with numbers, by seed."""
        return {seed: r for seed, r in self.records.get(key, {}).items() if r.status == "finished"}

    def user_tables(self, key: Key, seeds: list[int]) -> dict[int, pd.DataFrame]:
        """By seed, one row for each user and one column for each metric that has a value for one."""
        tables = {seed: self.store.per_user(self.records[key][seed].id) for seed in seeds}
        return {seed: table.set_index("user").drop(columns="offered") for seed, table in tables.items()}


def read_run(path: Path) -> StoredRun:
    """Every record of a run's folder, the one that holds `trials/`.

    Where options were changed and the suite was run again, trials of both lie there: the latest counts.
    Raises `BenchError` for another folder, a run without trials, and records that cannot be read.
    """
    trials = path / "trials"
    if not trials.is_dir():
        raise BenchError(f"{path}: {_what_instead(path)}")
    whole = path.absolute()
    store = Store(whole.parent, whole.name)
    found = [store.record(folder.name) for folder in sorted(trials.iterdir()) if not folder.name.startswith(".")]
    records = sorted((r for r in found if r is not None), key=lambda r: (str(r.provenance.get("started_at", "")), r.id))
    if not records:
        raise BenchError(f"{path}: an empty run, trials/ holds no record; bench run fills it")
    chosen: dict[Key, dict[int, Record]] = {}
    superseded = []
    for record in records:
        by_seed = chosen.setdefault((record.dataset.label, record.method.label), {})
        if record.seed in by_seed:
            superseded.append(by_seed[record.seed])
        by_seed[record.seed] = record
    ordered = {key: dict(sorted(chosen[key].items())) for key in sorted(chosen)}
    return StoredRun(path, store, ordered, tuple(superseded))


def _what_instead(path: Path) -> str:
    inside = _runs_in(path)
    if inside:
        return f"not a run folder, but one of runs; name one: {', '.join(str(path / name) for name in inside)}"
    whole = path.absolute()
    return "not a run folder, one as results/SUITE that holds trials/" + suggest(whole.name, _runs_in(whole.parent))


def _runs_in(folder: Path) -> list[str]:
    return sorted(p.parent.name for p in folder.glob("*/trials") if p.is_dir()) if folder.is_dir() else []
