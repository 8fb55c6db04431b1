"""Somebody else's run file as one more row of a suite: the row, its own trials, and the YAML that keeps it."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.plan import Plan
from llmrec_bench.plugins import Catalog
from llmrec_bench.suite import Label, Suite
from llmrec_bench.suite_methods import SuiteMethod
from llmrec_bench.suite_mistakes import explain

METHOD = "run-file"
"""The method, of whichever plugin, that scores as a file says: its options are `path`, `form` and `unknown`."""


@dataclass(frozen=True)
class ImportedRun:
    """A suite with the row of a run file in it."""

    suite: Suite
    """With the row among its methods, and in each table of its data set."""
    row: SuiteMethod
    several_datasets: bool
    """The suite has others, so that the row has to name its own."""

    @property
    def dataset(self) -> str:
        """Label of the data set that the row is on."""
        return self.row.datasets[0]

    def own(self, plan: Plan) -> Plan:
        """A plan of the suite with the trials of this row only. Raises `BenchError` where the suite has one already."""
        mine = {t.id: t for t in plan.trials if t.method.label == self.row.label}
        for trial in plan.trials:
            if trial is not mine.get(trial.id, trial):
                raise BenchError(f"{plan.suite.path}: has this run as '{trial.method.label}', which bench run scores")
        return replace(plan, trials=tuple(mine.values()))

    def yaml(self) -> str:
        """The lines that put the row into the suite for good, with the path as seen from the suite's folder."""
        options = self.row.config.model_dump(mode="json", exclude_defaults=True)
        path = os.path.relpath(options["path"], self.suite.path.parent.absolute())
        named = {"datasets": [self.dataset]} if self.several_datasets else {}
        entry = {"method": METHOD, **named, "config": {**options, "path": Path(path).as_posix()}}
        methods = {"methods": {self.row.label: entry}}
        return yaml.safe_dump(methods, default_flow_style=None, sort_keys=False, allow_unicode=True, width=1000)


def import_run(
    suite: Suite,
    catalog: Catalog,
    file: Path,
    label: str | None = None,
    dataset: str | None = None,
    form: str | None = None,
    unknown: str | None = None,
) -> ImportedRun:
    """The suite with a row for the file, which is not read yet; a relative path starts at the working directory.

    `label` names the row, the file's stem unless given; `dataset` may be left out where the suite has one. `form` and
    `unknown` are options of the method.
    Raises `BenchError` for a label that is taken or no label, a data set that the suite lacks or that has to be named,
    and options that the method refuses.
    """
    if METHOD not in catalog.methods:
        raise BenchError(catalog.unknown("method", METHOD))
    method = catalog.methods[METHOD]
    given = {"path": str(file.absolute()), "form": form, "unknown": unknown}
    options = {name: value for name, value in given.items() if value is not None}
    try:
        config = method.Config.model_validate_json(json.dumps(options), strict=True)
    except ValidationError as error:
        sentence = next(sentence for _, sentence in explain(error, method.Config, options))
        raise BenchError(f"--{sentence}") from None
    chosen = _dataset(suite, dataset)
    row = SuiteMethod(_label(file, label), method, config, {}, (chosen,))
    for other in suite.methods:
        if other.label == row.label:
            raise BenchError(f"{suite.path}: has a method '{row.label}' already; choose another name with --label")
    tables = [replace(t, methods=(*t.methods, row.label)) if chosen in t.datasets else t for t in suite.tables]
    whole = replace(suite, methods=(*suite.methods, row), tables=tuple(tables))
    return ImportedRun(whole, row, len(suite.datasets) > 1)


def _dataset(suite: Suite, given: str | None) -> str:
    labels = [dataset.label for dataset in suite.datasets]
    if given is None and len(labels) > 1:
        raise BenchError(f"{suite.path}: has several data sets ({', '.join(labels)}); say which one with --dataset")
    if given is not None and given not in labels:
        raise BenchError(f"--dataset {given}: {suite.path} has no such data set{suggest(given, labels)}")
    return labels[0] if given is None else given


def _label(file: Path, given: str | None) -> str:
    """`theirs` of `theirs.csv.gz` and of `theirs-{seed}.csv`."""
    stem = Path(file.name.removesuffix(".gz")).stem.replace("{seed}", "").strip("-_. ")
    try:
        checked: Any = TypeAdapter(Label).validate_python(stem if given is None else given)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BenchError(f"--label: {reason[0].lower()}{reason[1:]}") from None
    return str(checked)
