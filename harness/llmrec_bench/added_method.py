"""An installed method as one more row of a suite that does not name it."""

from dataclasses import replace

from pydantic import ValidationError

from llmrec_bench.errors import BenchError
from llmrec_bench.method import Method
from llmrec_bench.plugins import Catalog
from llmrec_bench.suite import Suite
from llmrec_bench.suite_methods import SuiteMethod
from llmrec_bench.suite_mistakes import explain


def add_method(suite: Suite, catalog: Catalog, name: str) -> Suite:
    """The suite with a row for the method with its defaults, on all data sets and in all tables.

    Raises `BenchError` for a name nobody offers, a label or a method with these options that the suite has, and a
    method that needs options or refuses its defaults.
    """
    if name not in catalog.methods:
        raise BenchError(f"--method {name}: {catalog.unknown('method', name)}")
    if name in {method.label for method in suite.methods}:
        raise BenchError(f"--method {name}: {suite.path} has a row of that name already")
    method = catalog.methods[name]
    try:
        config = method.Config.model_validate_json("{}", strict=True, context=catalog.context)
    except ValidationError as error:
        raise BenchError(f"--method {name}: {_why_not(error, method, suite)}") from None
    # The same method with the same options has the same trials, whatever its rows are called.
    given = (name, config.model_dump_json())
    for row in suite.methods:
        if (row.method.name, row.config.model_dump_json()) == given and not row.space:
            raise BenchError(f"--method {name}: is the same as '{row.label}': same method, same options")
    added = SuiteMethod(name, method, config, {}, tuple(dataset.label for dataset in suite.datasets))
    tables = tuple(replace(table, methods=(*table.methods, name)) for table in suite.tables)
    return replace(suite, methods=(*suite.methods, added), tables=tables)


def _why_not(error: ValidationError, method: type[Method], suite: Suite) -> str:
    lacking = [".".join(map(str, e["loc"])) for e in error.errors() if e["type"] == "missing"]
    if lacking:
        return f"has no default for {', '.join(lacking)}; give it a row in {suite.path}"
    return "; ".join(sentence for _, sentence in explain(error, method.Config, {}, ("options",)))
