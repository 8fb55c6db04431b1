"""What stages and methods borrow from the harness: finished artifacts and language models."""

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from llmrec_bench.artifacts import Artifacts
from llmrec_bench.errors import BenchError
from llmrec_bench.llm.language_model import LanguageModel
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.metered import Asking, MeteredModel
from llmrec_bench.stage import Stage

Models = Callable[[LanguageModel.Config], MeteredModel]


def finished_artifact(artifacts: Artifacts, training_fingerprint: str, keys: Container[str]) -> Callable[[Stage], Path]:
    """`run.artifact`: the folder of a stage on these training data. Raises `BenchError` for one that is not among
    `keys`, those of the stages in the caller's options, even where another's wish for it has had it built."""

    def find(stage: Stage) -> Path:
        key = stage.key(training_fingerprint)
        if key not in keys:
            raise BenchError(f"stage '{stage.name}' ({key}) is none of the options; a stage to be used has to be one")
        return artifacts.path(stage, key)

    return find


@contextmanager
def open_models(asking: Asking, items: pd.DataFrame, meter: Meter) -> Iterator[Models]:
    """`run.llm`: opens the model that options name, once however often it is asked for; all are closed at the end."""
    opened: dict[str, MeteredModel] = {}

    def open_model(options: LanguageModel.Config) -> MeteredModel:
        key = options.model_dump_json()
        if key not in opened:
            opened[key] = asking.open(options, items, meter)
        return opened[key]

    try:
        yield open_model
    finally:
        for model in opened.values():
            model.close()
