"""The names a suite's sections give each other: metrics, table columns and labels.

They are checked on the plain data, so that a mistake of shape elsewhere in the file hides none of them; whatever has
the wrong shape here is passed over, as pydantic reports it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from llmrec_bench.errors import suggest
from llmrec_bench.plugins import Catalog
from llmrec_bench.protocol import Protocol
from llmrec_bench.suite_mistakes import Mistakes
from llmrec_bench.yaml_lines import Location


def check_names(sections: dict[str, Any], mistakes: Mistakes, catalog: Catalog) -> None:
    """Note unknown metrics, repeats, and data sets of methods that the suite does not have."""
    for i, metric in _words(sections.get("metrics")):
        if metric not in catalog.metrics:
            mistakes.add(("metrics", i), catalog.unknown("metric", metric))
    for section in ("seeds", "metrics"):
        given = sections.get(section)
        values = given if isinstance(given, list) else []
        for i, value in enumerate(values):
            if value in values[:i]:
                mistakes.add((section, i), f"{section}: {value} stands here twice")
    known, methods = _keys(sections.get("datasets")), sections.get("methods")
    for label, entry in methods.items() if isinstance(methods, dict) else ():
        for i, dataset in _words(entry.get("datasets") if isinstance(entry, dict) else None):
            if dataset not in known:
                message = f"methods.{label}: there is no dataset '{dataset}'{suggest(dataset, known)}"
                mistakes.add(("methods", label, "datasets", i), message)
    _check_tuning(sections.get("tune"), mistakes, catalog)


def rows_of(label: str, rows: Sequence[str]) -> list[str]:
    """The row with this label, and those its grid made."""
    return [row for row in rows if row == label or row.startswith(f"{label}[")]


def check_column(column: str, where: Location, sections: dict[str, Any], mistakes: Mistakes) -> None:
    """Note a column that the suite does not measure."""
    metrics, cutoffs = [name for _, name in _words(sections.get("metrics"))], cutoffs_of(sections.get("protocol", {}))
    columns = [f"{metric}@{k}" for metric in metrics for k in cutoffs]
    if columns and column not in columns:
        mistakes.add(
            where,
            f"{where[0]}.{where[1]}: '{column}' is not measured by this suite (metrics {', '.join(metrics)} "
            f"at {', '.join(map(str, cutoffs))}){suggest(column, columns)}",
        )


def check_labels(
    entry: dict[str, Any], where: Location, sections: dict[str, Any], rows: Sequence[str], mistakes: Mistakes
) -> bool:
    """Note the data sets and methods that the suite does not have; False where there is one."""
    right = True
    for kind, labels in known_labels(sections, rows).items():
        for i, label in _words(entry.get(kind)):
            if not rows_of(label, labels):
                message = f"{where[0]}.{where[1]}: there is no {kind[:-1]} '{label}'{suggest(label, labels)}"
                mistakes.add((*where, kind, i), message)
                right = False
    return right


def known_labels(sections: dict[str, Any], rows: Sequence[str]) -> dict[str, list[str]]:
    """Labels that an entry may name, by section."""
    # Entries that are wrong in themselves are still there to be named.
    return {"datasets": _keys(sections.get("datasets")), "methods": [*rows, *_keys(sections.get("methods"))]}


def cutoffs_of(protocol: Any) -> list[int]:
    """The cut-offs; none where they have another shape."""
    values = protocol.get("cutoffs", list(Protocol().cutoffs)) if isinstance(protocol, dict) else None
    return values if isinstance(values, list) and all(type(k) is int and k > 0 for k in values) else []


def _check_tuning(section: Any, mistakes: Mistakes, catalog: Catalog) -> None:
    metric = section.get("metric") if isinstance(section, dict) else None
    if not isinstance(metric, str):
        return
    name, _, k = metric.partition("@")
    where = ("tune", "metric")
    if name not in catalog.metrics:
        mistakes.add(where, f"tune.metric: {catalog.unknown('metric', name)}")
    elif not k.isdigit() or int(k) < 1:
        mistakes.add(where, f"tune.metric: should name a cut-off, as {name}@10 (given '{metric}')")
    elif catalog.metrics[name].direction != "higher":
        mistakes.add(where, f"tune.metric: of '{name}' higher is not better, so that nothing can be chosen by it")


def _words(values: Any) -> Iterator[tuple[int, str]]:
    return ((i, v) for i, v in enumerate(values if isinstance(values, list) else []) if isinstance(v, str))


def _keys(section: Any) -> list[str]:
    return list(section) if isinstance(section, dict) else []
