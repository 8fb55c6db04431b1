"""What a method or stage under check borrows: finished stages, language models, and the validation metric."""

import shutil
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import numpy as np

from llmrec_bench.artifacts import Artifacts
from llmrec_bench.config import Config
from llmrec_bench.data.training import Queries
from llmrec_bench.execute.interactions_seen import InteractionsSeen
from llmrec_bench.execute.lending import Models, finished_artifact, open_models
from llmrec_bench.execute.validation import validation_value
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import load_prices
from llmrec_bench.method import Method, Run, Scores
from llmrec_bench.plugins import Catalog, installed_catalog
from llmrec_bench.protocol import Protocol
from llmrec_bench.stage import Stage, StageRun, stages_of
from llmrec_bench.testing.tiny_data import TinySplit, tiny_split


def _ignore(line: str) -> None:
    """Nobody reads the log of a check."""


class Workshop:
    """Lends to fits and builds as a trial would; stages and answers are kept in one folder."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog = catalog
        self._folder = folder
        self._artifacts = Artifacts(folder)
        self._opened = ExitStack()
        self.artifacts_saw = False
        """Whether a stage that was built here told of interactions."""

    def run(self, data: TinySplit, seed: int, config: Method.Config) -> Run:
        """For `Method.fit` of a method with these options. Its models stay open until `close`,
        for scoring asks too."""

        def validate(score: Callable[[Queries], Scores], metric: str) -> float:
            known = self._catalog.metrics
            return validation_value(
                score, metric, known, data.training, data.popularity, Protocol(), seed, "under check"
            )

        return Run(
            seed=seed,
            rng=np.random.default_rng(seed),
            device="cpu",
            validate=validate,
            log=_ignore,
            artifact=self._lending(config, data),
            llm=self._opened.enter_context(self._models(data)),
            users=data.dataset.users.astype("str"),
        )

    def build(
        self,
        stage: Stage,
        data: TinySplit,
        out: Path,
        scratch: Path,
        seen: InteractionsSeen | None = None,
    ) -> None:
        """Build a stage into a folder; its children are built where they are not there yet. What it tells of
        interactions is added to `seen`."""
        told = InteractionsSeen() if seen is None else seen
        with self._models(data) as llm:
            run = StageRun(
                device="cpu",
                artifact=self._lending(stage, data),
                llm=llm,
                saw=told.add,
                saw_review=told.add_review,
                log=_ignore,
                remark=_ignore,
                scratch=scratch,
            )
            stage.build(stage.given(data.training), out, run)

    def artifact(self, stage: Stage, data: TinySplit) -> Path:
        """The folder of a stage, built where it is not there yet."""
        folder = self._artifacts.path(stage, stage.key(data.training.fingerprint))
        if not folder.exists():
            aside = folder.with_name(f".aside-{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)  # of a build that failed
            aside.mkdir(parents=True)
            seen = InteractionsSeen()
            self.build(stage, data, aside, folder.with_name(f".scratch-{folder.name}"), seen)
            self.artifacts_saw |= seen.anything
            aside.rename(folder)
        return folder

    def _lending(self, config: Config, data: TinySplit) -> Callable[[Stage], Path]:
        """Stages among the options, as in a trial; others are refused."""
        fingerprint = data.training.fingerprint
        find = finished_artifact(self._artifacts, fingerprint, stages_of(config, fingerprint))

        def lend(stage: Stage) -> Path:
            find(stage)  # raises for one that is none of the options
            return self.artifact(stage, data)

        return lend

    def close(self) -> None:
        """Close the language models that fits have opened."""
        self._opened.close()

    def _models(self, data: TinySplit) -> AbstractContextManager[Models]:
        """Language models that options name, with their answers recorded."""
        asking = Asking(self._catalog.language_models, self._folder / "cassette", load_prices())
        return open_models(asking, data.training.items, Meter())


def fit_to_tiny_data(method: Method, folder: Path, seed: int = 1) -> TinySplit:
    """Fit a method to the tiny data, which come back; its stages and recorded answers are kept in the folder."""
    data = tiny_split()
    workshop = Workshop(installed_catalog(), folder)
    weakref.finalize(method, workshop.close)  # it may score as long as it is there
    method.fit(data.training, workshop.run(data, seed, method.config))
    return data


def build_on_tiny_data(stage: Stage, folder: Path) -> Path:
    """Build a stage on the tiny data; the folder with its files, inside the given one."""
    return Workshop(installed_catalog(), folder).artifact(stage, tiny_split())
