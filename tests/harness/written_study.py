"""Four users, six items, and results that are written down rather than run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from llmrec_bench import DataSource, Log, Method, Plan, Stage, Store, load_suite, make_plan
from llmrec_bench.artifacts import Artifacts, Manifest
from llmrec_bench.figures.build import build_figures
from llmrec_bench.figures.figure import Figure
from llmrec_bench.llm.meter import Spending
from llmrec_bench.metrics.accuracy import HR, NDCG
from llmrec_bench.metrics.coverage import Gini
from llmrec_bench.plan import Trial
from llmrec_bench.plugins import Catalog
from llmrec_bench.stage import TransferableStage
from llmrec_bench.store import DatasetPart, Failure, MethodPart, ProtocolPart, Record, StagePart
from llmrec_bench.suite_tables import ask_tables
from llmrec_bench.tables.build import build_tables
from llmrec_bench.tables.table import Table

EVENTS = {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2, 5], "c": [0, 1, 2], "d": [0, 3, 4, 1]}
"""By user, oldest first: the last is for the test, the one before for validation."""
TITLES = ["Zero", "", "Two\n <b>|", "Three", "Four \x1b[31mred", "Five"]


class Four(DataSource):
    """The users of `EVENTS`."""

    name = "four"
    shift: int = 0
    """Another data set: items are so many further on."""

    def read(self) -> Log:
        events = [
            {"user": user, "item": f"i{(item + self.shift) % 6}"} for user, items in EVENTS.items() for item in items
        ]
        return Log(pd.DataFrame(events), pd.DataFrame({"title": TITLES}, index=[f"i{i}" for i in range(6)]))


class Notes(Stage):
    """Writes about users."""

    name: ClassVar[str] = "notes"
    version: ClassVar[str] = "1"

    def build(self, train: Any, out: Path, run: Any) -> None: ...

    def texts_about_users(self, folder: Path) -> Mapping[int, str]:
        table = pd.read_parquet(folder / "notes.parquet")
        return dict(zip(table["user"], table["text"], strict=True))


class Digest(TransferableStage):
    """Writes about nobody."""

    name: ClassVar[str] = "digest"
    version: ClassVar[str] = "1"
    notes: Notes = Notes()

    def build(self, train: Any, out: Path, run: Any) -> None: ...


class Answer(Method):
    """Never asked here."""

    name = "answer"
    version = "1"

    class Config(Method.Config):
        number: int = 1

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


class Reader(Answer):
    """Has a stage."""

    name = "reader"

    class Config(Method.Config):
        digest: Digest = Digest()


CATALOG = Catalog(
    methods={"answer": Answer, "reader": Reader},
    datasets={"four": Four},
    metrics={"HR": HR, "NDCG": NDCG, "Gini": Gini},
)

SUITE = """
datasets: {shop: {source: four}}
protocol: {cutoffs: [2, 3]}
methods: {plain: {method: answer}, idle: {method: answer, config: {number: 2}}, reader: }
seeds: [1, 2]
metrics: [HR, NDCG]
tables: {main: {metrics: [NDCG@2]}}
"""


@dataclass
class Study:
    """A plan and the results that tests put there."""

    plan: Plan
    store: Store
    records: dict[str, Record]

    def trial(self, method: str, seed: int = 1) -> Trial:
        wanted = ("shop", method, seed)
        [trial] = [t for t in self.plan.trials if (t.dataset.label, t.method.label, t.seed) == wanted]
        return trial

    def keep(
        self,
        method: str,
        seed: int,
        values: Sequence[float] = (0, 0, 0, 0),
        lists: Sequence[str] = ("02", "02", "02", "02"),
        simulated: bool = False,
        **changes: Any,
    ) -> None:
        """A finished trial: NDCG@2 of each user, and each user's list as digits of items."""
        trial = self.trial(method, seed)
        users = list(EVENTS)
        places = [(user, place, f"i{item}") for user, row in zip(users, lists, strict=True)
                  for place, item in enumerate(row, 1)]  # fmt: skip
        record = self.record(trial, simulated=simulated, **{"metrics": {"NDCG@2": 0.5}, **changes})
        self.store.write(
            record,
            pd.DataFrame({"user": users, "offered": 6, "NDCG@2": values}),
            pd.DataFrame(places, columns=["user", "rank", "item"]).sample(frac=1, random_state=0),
        )
        self.records[trial.id] = record

    def fail(self, method: str, seed: int) -> None:
        """A failed trial."""
        trial = self.trial(method, seed)
        failure = Failure(phase="fit", kind="ValueError", message="out of luck", traceback="")
        self.records[trial.id] = self.record(trial, status="failed", failure=failure, metrics={})

    def record(self, trial: Trial, *, simulated: bool = False, **changes: Any) -> Record:
        stage = StagePart(
            stage="notes", key="0", build_seconds=1, peak_memory_bytes=None, spending=[spending(simulated)]
        )
        plain: dict[str, Any] = {
            "id": trial.id, "suite": "study", "status": "finished", "seed": trial.seed, "chance": {},
            "resources": None, "provenance": {}, "log": [], "stages": [stage] if trial.method.label == "reader" else [],
            "dataset": DatasetPart(
                label="shop", source="four", options={}, preparation={}, fingerprint=trial.fingerprint,
                simulated=False, funnel=[], users=4, items=6, interactions=16, queries=4,
            ),
            "method": MethodPart(
                label=trial.method.label, name="answer", version="1", plugin="p", source="", config={}
            ),
            "protocol": ProtocolPart(
                hash=trial.protocol_hash, description="", settings={}, candidates_hash="full"
            ),
        }  # fmt: skip
        return Record(**{**plain, **changes})

    def write(self, texts: Mapping[int, str], simulated: bool = True) -> Path:
        """What the stage `notes` wrote, as an artifact; its folder."""
        planned = next(p for p in self.plan.stages if p.stage.name == "notes")
        artifacts = Artifacts(self.store.root / "artifacts")
        with artifacts.building(planned.stage, planned.key) as aside:
            assert aside is not None
            pd.DataFrame({"user": list(texts), "text": list(texts.values())}).to_parquet(aside / "notes.parquet")
            manifest = Manifest(
                stage="notes", key=planned.key, identity={}, children={}, dataset="shop", training_fingerprint="",
                cut="training", interactions=0, build_seconds=1, peak_memory_bytes=None,
                spending=[spending(simulated)], log=[], provenance={},
            )  # fmt: skip
            return artifacts.finish(planned.stage, aside, manifest, pd.DataFrame())

    def figures(self) -> list[Figure]:
        return build_figures(self.plan, self.store, self.records)

    def tables(self, **options: Any) -> list[Table]:
        """With the options of a table, as a reader gives them."""
        suite = self.plan.suite
        asked = ask_tables(suite.tables, options, [m.label for m in suite.methods], suite.measures)
        return build_tables(replace(self.plan, suite=replace(suite, tables=asked)), self.records, self.store)

    def table(self, **options: Any) -> Table:
        """The only one."""
        [table] = self.tables(**options)
        return table

    def figure(self) -> Any:
        """The only one."""
        [figure] = self.figures()
        return figure


def spending(simulated: bool) -> Spending:
    return Spending(
        provider="clerk", model="quill", family="f", charged="one-off", simulated=simulated, deployment="API"
    )


@pytest.fixture
def study(tmp_path: Path) -> Any:
    """`study("one: {kind: activity, ...}")`: the suite with these figures, a line each, and the `change`d parts."""

    def make(
        *figures: str, seeds: Sequence[int] | None = None, only: Sequence[str] = (), change: Mapping[str, str] = {}
    ) -> Study:
        text = SUITE + ("figures:\n" + "".join(f"  {figure}\n" for figure in figures) if figures else "")
        for old, new in change.items():
            text = text.replace(old, new)
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return Study(make_plan(load_suite(path, CATALOG), only, seeds), Store(tmp_path / "results", "study"), {})

    return make
