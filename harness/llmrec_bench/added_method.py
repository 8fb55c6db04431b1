"""An installed method as one more row of a suite that does not name it."""

from dataclasses import replace

from pydantic import ValidationError

from llmrec_bench.errors import BenchError
from llmrec_bench.plugins import Catalog
from llmrec_bench.suite import Suite
from llmrec_bench.suite_methods import SuiteMethod


def add_method(suite: Suite, catalog: Catalog, name: str) -> Suite:
    """The suite with a row for the method with its defaults, on all data sets and in all tables.

    Raises `BenchError` for a name nobody offers, a label that the suite has, and options without a default.
    """
    if name not in catalog.methods:
        raise BenchError(f"--method {name}: {catalog.unknown('method', name)}")
    if name in {method.label for method in suite.methods}:
        raise BenchError(f"--method {name}: {suite.path} has a row of that name already")
    method = catalog.methods[name]
    try:
        config = method.Config.model_validate({})
    except ValidationError as error:
        lacking = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        raise BenchError(f"--method {name}: has no default for {lacking}; give it a row in {suite.path}") from None
    row = SuiteMethod(name, method, config, {}, tuple(dataset.label for dataset in suite.datasets))
    tables = tuple(replace(table, methods=(*table.methods, name)) for table in suite.tables)
    return replace(suite, methods=(*suite.methods, row), tables=tables)
