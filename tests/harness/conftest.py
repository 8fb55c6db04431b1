"""A suite on a small shop whose results are written down rather than run, and the real command line."""

import contextlib
import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmrec_bench import Plan, Record, Store, load_catalog, load_suite, make_plan
from llmrec_bench.cli import main
from llmrec_bench.plan import Trial
from llmrec_bench.store import DatasetPart, Failure, MethodPart, ProtocolPart

catalog = functools.cache(load_catalog)

SUITE = """
datasets: {shop: {source: synthetic-shop, options: {users: 20, items: 200}}}
protocol: {cutoffs: [5]}
methods: {popularity: , ease: }
seeds: [1, 2]
metrics: [HR, ARP, Gini]
profiles: {long: {protocol: {cutoffs: [6]}}}
"""


@dataclass
class Study:
    """A suite file and the results that tests put beside it."""

    path: Path
    results: Path
    plans: dict[tuple[str, str], Plan] = field(default_factory=dict)
    """By the suite's text and profile."""

    def plan(self, profile: str | None = None) -> Plan:
        key = (self.path.read_text(), str(profile))
        if key not in self.plans:
            self.plans[key] = make_plan(load_suite(self.path, catalog(), profile))
        return self.plans[key]

    def elsewhere(self, name: str) -> "Study":
        """The same suite with results in another folder."""
        return replace(self, results=self.results.parent / name)

    @property
    def store(self) -> Store:
        return Store(self.results, self.path.stem)

    @property
    def users(self) -> list[str]:
        """Those asked about, twenty."""
        data = self.plan().prepared["shop"]
        return data.dataset.users[data.split.test.users].astype("str").tolist()

    def change(self, old: str, new: str) -> None:
        """The suite with another line."""
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))

    def trial(self, method: str, seed: int) -> Trial:
        return next(t for t in self.plan().trials if (t.method.label, t.seed) == (method, seed))

    def keep(
        self,
        method: str,
        seed: int,
        /,
        values: Mapping[str, Sequence[float]],
        overall: Mapping[str, float] = {},
        users: Sequence[str] | None = None,
        **changes: Any,
    ) -> Record:
        """A finished trial: each user's values by metric, and metrics that have none for a user."""
        table = pd.DataFrame({"user": users or self.users, "offered": 40, **values})
        means = {metric: float(table[metric].mean()) for metric in values}
        kept = {metric: None if pd.isna(mean) else mean for metric, mean in means.items()}
        record = self.record(self.trial(method, seed), metrics={**kept, **overall}, **changes)
        self.store.write(record, table)
        return record

    def fail(self, method: str, seed: int) -> None:
        failure = Failure(phase="fit", kind="ValueError", message="out of luck\nand more", traceback="")
        self.store.write(self.record(self.trial(method, seed), status="failed", failure=failure, metrics={}))

    def record(self, trial: Trial, **changes: Any) -> Record:
        source = trial.dataset.source
        plain: dict[str, Any] = {
            "id": trial.id, "suite": self.path.stem, "status": "finished", "seed": trial.seed, "chance": {},
            "resources": None, "provenance": {}, "log": [], "metrics": {},
            "dataset": DatasetPart(
                label=trial.dataset.label, source=source.name, options=source.model_dump(mode="json"),
                preparation=trial.dataset.preparation.model_dump(mode="json"), fingerprint=trial.fingerprint,
                simulated=True, funnel=[], users=20, items=40, interactions=200, queries=20,
            ),
            "method": MethodPart(
                label=trial.method.label, name=trial.method.method.name, version=trial.method.method.version,
                plugin="builtin", source="", config=trial.method.config.model_dump(mode="json"),
            ),
            "protocol": ProtocolPart(
                hash=trial.protocol_hash, description=trial.protocol.describe(),
                settings=trial.protocol.model_dump(mode="json"), candidates_hash="full",
            ),
        }  # fmt: skip
        return Record(**{**plain, **changes})


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """The suite, nothing run."""
    path = tmp_path / "suites" / "study.yaml"
    path.parent.mkdir()
    path.write_text(SUITE)
    return Study(path, tmp_path / "results")


@pytest.fixture
def bench() -> Any:
    """`bench("gate", ...)`: exit status, output and complaints."""

    def call(*arguments: object) -> tuple[int, str, str]:
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        assert isinstance(stop.value.code, int)
        return stop.value.code, out.getvalue(), errors.getvalue()

    return call
