"""A whole trial of a method on the tiny data, by the harness's own loop, with every score it gave."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from llmrec_bench.data.dataset import Preparation
from llmrec_bench.data.training import Queries
from llmrec_bench.execute.run import run_plan
from llmrec_bench.method import Method, Scores
from llmrec_bench.plan import make_plan
from llmrec_bench.plugins import Catalog, load_catalog
from llmrec_bench.protocol import Protocol
from llmrec_bench.store import Store
from llmrec_bench.suite import LanguageModelUse, Suite, SuiteDataset
from llmrec_bench.suite_methods import SuiteMethod
from llmrec_bench.testing.tiny_data import TinyData
from llmrec_bench.tuning import Tuning

_METRICS = ("HR", "NDCG", "ItemCoverage")


@dataclass(frozen=True)
class TinyTrial:
    """What a trial left."""

    scores: tuple[bytes, ...]
    """Whatever `score` returned, validation included, in order."""
    metrics: Mapping[str, float | None]
    seconds: float
    """Of the trial and its stages together, by the clock."""
    failure: str | None
    """Why it came to no end, in one line."""


def run_tiny_trial(
    kind: type[Method], config: Method.Config, catalog: Catalog, source: TinyData, folder: Path
) -> TinyTrial:
    """Run it in this process, with results in a folder; hooks of other plugins do not hear of it."""
    returned: list[bytes] = []

    class Listened(kind):  # type: ignore[misc, valid-type]
        def score(self, queries: Queries) -> Scores:
            scores: Scores = super().score(queries)
            returned.append(scores.tobytes())
            return scores

    silent = replace(
        load_catalog([]),
        methods={**catalog.methods, kind.name: Listened},
        language_models=catalog.language_models,
        metrics=catalog.metrics,
        plugin_of={f"method {kind.name}": "under check"},
    )
    suite = Suite(
        name="check",
        path=folder / "check.yaml",
        profile=None,
        description="",
        datasets=(SuiteDataset("tiny", source, Preparation()),),
        protocol=Protocol(cutoffs=(10,)),
        methods=(SuiteMethod(kind.name, Listened, config, {}, ("tiny",)),),
        seeds=(1,),
        llm=LanguageModelUse(),
        tuning=Tuning(),
        metrics=_METRICS,
        measures={name: catalog.metrics[name] for name in _METRICS},
        tables=(),
        figures=(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    [progress] = run_plan(make_plan(suite), silent, Store(folder / "results", suite.name), workers=0)
    seconds = time.monotonic() - start
    record = progress.record
    if record is None:
        return TinyTrial((), {}, seconds, "left no record")
    failure = record.failure
    told = None if failure is None else f"{failure.phase}: {failure.kind}: {' '.join(failure.message.split())}"
    return TinyTrial(tuple(returned), record.metrics, seconds, told)
