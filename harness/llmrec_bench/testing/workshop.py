"""What a method or stage under check borrows: finished stages, language models, and the validation metric."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from llmrec_bench.data.training import Queries
from llmrec_bench.errors import BenchError
from llmrec_bench.evaluate import rank
from llmrec_bench.llm.language_model import LanguageModel
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.metered import Asking, MeteredModel
from llmrec_bench.llm.prices import load_prices
from llmrec_bench.method import Method, Run, Scores
from llmrec_bench.plugins import Catalog, installed_catalog
from llmrec_bench.protocol import Protocol
from llmrec_bench.stage import Stage, StageRun
from llmrec_bench.testing.tiny_data import TinySplit, tiny_split


def _ignore(line: str) -> None:
    """Nobody reads the log of a check."""


class Workshop:
    """Lends to fits and builds as a trial would; stages and answers are kept in one folder."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self._catalog = catalog
        self._folder = folder
        self.artifacts_saw = False
        """Whether a stage that was built here told of interactions."""

    def run(self, data: TinySplit, seed: int) -> Run:
        """For `Method.fit`."""

        def validate(score: Callable[[Queries], Scores], metric: str) -> float:
            name, _, k = metric.partition("@")
            if name not in self._catalog.metrics or not k.isdigit():
                raise BenchError(
                    f"validation metric '{metric}' should be METRIC@K with a known metric, such as NDCG@10"
                )
            queries, targets = data.split.validation, data.split.validation_targets
            cutoff = min(int(k), data.dataset.n_items)
            protocol = Protocol(cutoffs=(cutoff,))
            rankings = rank(score, queries, targets, protocol, data.popularity, seed, "under check")
            return self._catalog.metrics[name]().overall(rankings, cutoff)

        return Run(
            seed=seed,
            rng=np.random.default_rng(seed),
            device="cpu",
            validate=validate,
            log=_ignore,
            artifact=lambda stage: self.artifact(stage, data),
            llm=lambda options: self.llm(options, data),
            users=data.dataset.users.astype("str"),
        )

    def stage_run(
        self, data: TinySplit, scratch: Path, saw: Callable[..., None] = lambda user, items: None
    ) -> StageRun:
        """For `Stage.build`."""
        return StageRun(
            device="cpu",
            artifact=lambda stage: self.artifact(stage, data),
            llm=lambda options: self.llm(options, data),
            saw=saw,
            log=_ignore,
            remark=_ignore,
            scratch=scratch,
        )

    def artifact(self, stage: Stage, data: TinySplit) -> Path:
        """The folder of a stage, built where it is not there yet."""
        folder = self._folder / f"{stage.name}-{stage.key(data.training.fingerprint)}"
        if not folder.exists():
            aside = folder.with_name(f".aside-{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)  # of a build that failed
            aside.mkdir(parents=True)
            scratch = folder.with_name(f".scratch-{folder.name}")
            stage.build(data.training, aside, self.stage_run(data, scratch, self._note))
            aside.rename(folder)
        return folder

    def _note(self, user: int, items: Sequence[int]) -> None:
        self.artifacts_saw |= len(items) > 0

    def llm(self, options: LanguageModel.Config, data: TinySplit) -> MeteredModel:
        """The language model that options name, with its answers recorded."""
        asking = Asking(self._catalog.language_models, self._folder / "cassette", load_prices())
        return asking.open(options, data.training.items, Meter())


def fit_to_tiny_data(method: Method, folder: Path, seed: int = 1) -> TinySplit:
    """Fit a method to the tiny data, which come back; its stages and recorded answers are kept in the folder."""
    data = tiny_split()
    method.fit(data.training, Workshop(installed_catalog(), folder).run(data, seed))
    return data


def build_on_tiny_data(stage: Stage, folder: Path) -> Path:
    """Build a stage on the tiny data; the folder with its files, inside the given one."""
    return Workshop(installed_catalog(), folder).artifact(stage, tiny_split())
