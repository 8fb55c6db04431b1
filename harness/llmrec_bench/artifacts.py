"""One folder for each stage key: built aside, its manifest written last, renamed into place."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from llmrec_bench.errors import BenchError
from llmrec_bench.llm.meter import Spending
from llmrec_bench.stage import Stage
from llmrec_bench.versioned_json import read_versioned

MANIFEST_VERSION = 2  # 2: remarks
"""Of manifests; newer ones are refused."""


ITEM_TEXTS, TRAINING, AS_RELEASED = "item texts", "training", "reviews as released"
"""What an artifact may have seen: of a later one, all that an earlier one has."""


class Manifest(BaseModel):
    """What an artifact is and what it cost, for good."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = MANIFEST_VERSION
    stage: str
    key: str
    identity: dict[str, Any]
    """The stage's options with its version and its children."""
    children: dict[str, str]
    """Keys of the artifacts it was made from, by stage name."""
    dataset: str
    """Label of the data set it was built for."""
    training_fingerprint: str
    cut: str
    """What it may have seen: `item texts` where neither the stage nor what it was made from told of an interaction;
    `reviews as released` where one of them told of reviews that were split on their own, some of them of test targets;
    else `training`."""
    interactions: int
    """How many interactions it saw itself; they stand in `interactions.parquet`."""
    build_seconds: float
    peak_memory_bytes: int | None
    spending: list[Spending]
    log: list[str]
    remarks: list[str] = []
    """What a reader of results has to know."""
    provenance: dict[str, Any]


class Artifacts:
    """The artifacts under one folder, shared by all suites and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, stage: Stage, key: str) -> Path:
        """Where an artifact stands, or would."""
        return self.folder / f"{stage.name}-{key}"

    def scratch(self, stage: Stage, key: str) -> Path:
        """The folder for what a stage would go on from after a kill; `finish` removes it."""
        return self.folder / f".scratch-{self.path(stage, key).name}"

    def bills(self, stage: Stage, key: str) -> list[Spending]:
        """What attempts that came to nothing have spent on an artifact."""
        try:
            return _BILLS.validate_json(self._bills_path(stage, key).read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValidationError) as error:
            raise BenchError(f"{self._bills_path(stage, key)}: cannot be read; delete it ({error})") from None

    def keep_bills(self, stage: Stage, key: str, spending: list[Spending]) -> None:
        """Keep what attempts have spent until the artifact is finished and says so itself."""
        if spending:
            with self._writing():
                path = self._bills_path(stage, key)
                aside = path.with_suffix(".aside")
                aside.write_bytes(_BILLS.dump_json(spending))
                aside.replace(path)

    def _bills_path(self, stage: Stage, key: str) -> Path:
        return self.folder / f".bills-{self.path(stage, key).name}.json"

    def manifest(self, stage: Stage, key: str) -> Manifest | None:
        """Of a finished artifact, or None. Raises `BenchError` naming a manifest that is corrupt or newer."""
        folder = self.path(stage, key)
        remedy = f"delete {folder} to build it again"
        return read_versioned(folder / "manifest.json", Manifest, MANIFEST_VERSION, "", "manifest", remedy)

    @contextmanager
    def building(self, stage: Stage, key: str) -> Iterator[Path | None]:
        """An empty folder to build in, or None where the artifact is finished; another process that builds it is
        waited for. What the block leaves in the folder becomes the artifact if `finish` was called.

        Raises `BenchError` where the folder cannot be written.
        """
        final = self.path(stage, key)
        aside = self.folder / f".aside-{final.name}"
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / f".lock-{final.name}")
            lock.acquire()
        try:
            if self.manifest(stage, key) is not None:
                yield None
                return
            with self._writing():
                for left in (aside, final):  # a killed process's half-built work, or a folder without a manifest
                    shutil.rmtree(left, ignore_errors=True)
                aside.mkdir()
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            lock.release()

    def finish(self, stage: Stage, aside: Path, manifest: Manifest, interactions: pd.DataFrame) -> Path:
        """Make what was built the artifact; returns its folder. Raises `BenchError` where it cannot be written."""
        final = self.path(stage, manifest.key)
        with self._writing():
            if len(interactions):
                interactions.to_parquet(aside / "interactions.parquet", index=False)
            (aside / "manifest.json").write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
            aside.rename(final)
            self._bills_path(stage, manifest.key).unlink(missing_ok=True)
        shutil.rmtree(self.scratch(stage, manifest.key), ignore_errors=True)
        return final

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BenchError(f"{self.folder}: cannot be written ({error.strerror or error})") from None


_BILLS = TypeAdapter(list[Spending])
