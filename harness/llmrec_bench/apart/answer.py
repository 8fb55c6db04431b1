"""The far end of `environment.py`, run by the other interpreter: what is installed there, what options come to.

A line of JSON on standard input is a question, a line on standard output its answer.
"""

import inspect
import json
import os
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmrec_bench.errors import BenchError
from llmrec_bench.method import Method
from llmrec_bench.plugins import Catalog, installed_catalog
from llmrec_bench.stage import stages_in
from llmrec_bench.suite_mistakes import explain


def inventory(catalog: Catalog) -> dict[str, Any]:
    """The methods with what tables need to know of them, and the names of everything else a trial may need."""
    return {
        "version": version("llmrec-bench"),
        "methods": {
            name: {
                "version": method.version,
                "source": method.source,
                "settings": method.settings,
                "ties_are_open": method.ties_are_open,
                "plugin": catalog.plugin_of[f"method {name}"],
                "about": inspect.getdoc(method),
            }
            for name, method in catalog.methods.items()
        },
        "datasets": sorted(catalog.datasets),
        "metrics": sorted(catalog.metrics),
        "metric faults": {
            name: fault for name, metric in catalog.metrics.items() if (fault := metric.fault()) is not None
        },
        "language models": sorted(catalog.language_models),
        "broken": {plugin.name: plugin.reason for plugin in catalog.broken},
    }


def resolve(catalog: Catalog, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The method's options in full and what of them names a result; or all that is wrong with them, as `faults`."""
    kind = catalog.methods[name].Config
    try:
        # The JSON route is strict about types, as for the rest of a suite.
        config = kind.model_validate_json(json.dumps(given), strict=True, context=catalog.context)
    except ValidationError as error:
        return {"faults": [sentence.removeprefix("suite: ") for _, sentence in explain(error, kind, given)]}
    faults = list(_impossible_apart(config))
    if faults:
        return {"faults": faults}
    return {"config": config.model_dump(mode="json"), "identity": config.identity()}


def _impossible_apart(config: Method.Config) -> Iterator[str]:
    stages = sorted({stage.name for stage in stages_in(config)})
    if stages:
        yield f"needs the stage '{stages[0]}', and stages are built by the harness's own interpreter only"
    if type(config).by_seed is not Method.Config.by_seed:
        yield "has options for each seed, which cannot be told from here"
    for option in type(config).model_fields:
        value = getattr(config, option)
        if isinstance(value, Path) and not value.is_absolute():
            yield f"{option}: should be an absolute path (given {str(value)!r})"


def _main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # plugins that print do not print among the answers

    def say(answer: Mapping[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    try:
        catalog = installed_catalog()
    except BenchError as error:
        say({"error": str(error)})
        return
    say(inventory(catalog))
    for line in sys.stdin:
        question = json.loads(line)
        say(resolve(catalog, question["method"], question["options"]))


if __name__ == "__main__":
    _main()
