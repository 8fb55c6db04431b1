"""Small data for method tests, built directly from rows of item codes."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmrec_bench import LanguageModel, MeteredModel, Queries, Run, Scores, Sequences, Stage, StageRun, TrainingData
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import load_prices
from llmrec_bench_plugins.llms import LANGUAGE_MODELS

Rows = Sequence[Sequence[int]]


def sequences(rows: Rows) -> Sequences:
    lengths = [len(row) for row in rows]
    return Sequences(
        offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        items=np.array([item for row in rows for item in row], dtype=np.int32),
    )


def queries(histories: Rows, candidates: Rows | None = None, users: Sequence[int] | None = None) -> Queries:
    return Queries(
        users=np.arange(len(histories), dtype=np.int32) if users is None else np.array(users, dtype=np.int32),
        histories=sequences(histories),
        cut_times=None,
        candidates=None if candidates is None else np.array(candidates, dtype=np.int32),
    )


def training(rows: Rows, n_items: int, targets: Sequence[int] = ()) -> TrainingData:
    """The first users have a validation query: their training row, answered by the given targets."""
    return TrainingData(
        sequences=sequences(rows),
        items=pd.DataFrame(
            {"token": [f"i{code}" for code in range(n_items)], "title": [f"thing {code}" for code in range(n_items)]}
        ),
        validation=queries(rows[: len(targets)]),
        validation_targets=sequences([[target] for target in targets]),
        fingerprint="tiny",
    )


def no_model(options: LanguageModel.Config) -> MeteredModel:
    raise AssertionError("not asked for")


def stage_run(log: Callable[[str], None] = print, device: str = "cpu", scratch: Path = Path("no scratch")) -> StageRun:
    """For stages without children that ask no language model."""

    def no_child(stage: Stage) -> Path:
        raise AssertionError("not asked for")

    return StageRun(device, no_child, no_model, lambda user, items: None, log, log, scratch, lambda user, item: None)


def run_for(
    new_folder: Callable[[str], Path],
    train: TrainingData,
    seed: int = 0,
    device: str = "cpu",
    log: Callable[[str], None] = print,
    models: Sequence[type[LanguageModel]] = (),
) -> Run:
    """A run whose `validate` is the mean reciprocal rank over the whole catalogue, whatever metric is asked for, and
    which builds a stage anew for each call; language models are those that come with the project, and
    `models`, with nothing recorded."""

    def validate(score: Callable[[Queries], Scores], metric: str) -> float:
        scores = score(train.validation)
        own = np.take_along_axis(scores, train.validation_targets.items[:, None].astype(np.int64), axis=1)
        return float(np.mean(1 / (1 + np.sum(scores > own, axis=1))))

    def artifact(stage: Stage) -> Path:
        folder = new_folder(stage.name)
        stage.build(train, folder, stage_run())
        return folder

    def llm(options: LanguageModel.Config) -> MeteredModel:
        kinds = {kind.name: kind for kind in LANGUAGE_MODELS} | {kind.name: kind for kind in models}
        asking = Asking(kinds, new_folder("cassette"), load_prices(None))
        return asking.open(options, train.items, Meter())

    users = pd.Index([f"u{code}" for code in range(train.n_users)])
    return Run(seed, np.random.default_rng(seed), device, validate, log, artifact, llm, users)


@pytest.fixture
def make_sequences() -> Callable[..., Sequences]:
    return sequences


@pytest.fixture
def make_queries() -> Callable[..., Queries]:
    return queries


@pytest.fixture
def make_training() -> Callable[..., TrainingData]:
    return training


@pytest.fixture
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    return partial(run_for, tmp_path_factory.mktemp)


@pytest.fixture
def make_stage_run() -> Callable[..., StageRun]:
    return stage_run


@pytest.fixture
def tiny() -> TrainingData:
    """Four users, the last without training items, and five items, the last of them cold."""
    return training([[0, 1, 2], [0, 1, 3], [1, 2], []], n_items=5, targets=[3, 2])
