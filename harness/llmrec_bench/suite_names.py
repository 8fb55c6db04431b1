"""The names a suite's sections give each other: metrics, table columns and labels.

They are checked on the plain data, so that a mistake of shape elsewhere in the file hides none of them; whatever has
the wrong shape here is passed over, as pydantic reports it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from llmrec_bench.errors import suggest
from llmrec_bench.metrics.metric import TextMetric
from llmrec_bench.plugins import Catalog
from llmrec_bench.protocol import Protocol
from llmrec_bench.suite_mistakes import Mistakes
from llmrec_bench.yaml_lines import Location


def check_names(sections: dict[str, Any], mistakes: Mistakes, catalog: Catalog) -> None:
    """Note metrics that are unknown or cannot be measured, repeats, and data sets of methods that the suite does not
    have."""
    for i, metric in _words(sections.get("metrics")):
        fault = _metric_fault(metric, sections, catalog)
        if fault is not None:
            mistakes.add(("metrics", i), fault)
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


def check_column(column: str, where: Location, sections: dict[str, Any], mistakes: Mistakes, catalog: Catalog) -> None:
    """Note a column that the suite does not measure, or not on all data sets that the entry at `where` shows."""
    metrics = [name for _, name in _words(sections.get("metrics"))]
    by_dataset = cutoffs_shown(sections[str(where[0])][where[1]], sections)
    cutoffs = sorted(set().union(*by_dataset.values()))
    name, _, k = column.partition("@")
    if k and name in metrics and _of_texts(name, catalog):
        mistakes.add(where, f"{where[0]}.{where[1]}: {_no_cutoff(name, k)}")
        return
    of_texts = [metric for metric in metrics if _of_texts(metric, catalog)]
    ranked = [metric for metric in metrics if metric not in of_texts]  # unknown ones too, which are told elsewhere
    columns = [*(f"{metric}@{k}" for metric in ranked for k in cutoffs), *of_texts]
    if columns and column not in columns:
        at = f"{', '.join(ranked)} at {', '.join(map(str, cutoffs))}"
        measured = "; ".join([*([at] if ranked else []), *([", ".join(of_texts)] if of_texts else [])])
        message = f"'{column}' is not measured by this suite (metrics {measured}){suggest(column, columns)}"
        mistakes.add(where, f"{where[0]}.{where[1]}: {message}")
    elif columns and column not in of_texts:
        lacking = [dataset for dataset, here in by_dataset.items() if here and int(k) not in here]
        if lacking:
            message = f"'{column}' is not measured on {', '.join(lacking)}, where the cut-offs are others"
            mistakes.add(where, f"{where[0]}.{where[1]}: {message}; name the `datasets` to show")


def _metric_fault(metric: str, sections: dict[str, Any], catalog: Catalog) -> str | None:
    """Why the suite cannot measure it; None where it can."""
    name, _, k = metric.partition("@")
    if k and _of_texts(name, catalog):
        return f"metrics: {_no_cutoff(name, k)}"
    if metric not in catalog.metrics:
        return catalog.unknown("metric", metric)
    asked = [p.get("explanations") for p in _protocols(sections).values()]
    if _of_texts(metric, catalog) and all(options is None for options in asked):
        return (
            f"metrics: '{metric}' measures explanations, and none are asked for; add `explanations: {{}}` to protocol"
        )
    fault = catalog.metrics[metric].fault()
    return None if fault is None else f"metrics: {fault}"


def _of_texts(metric: str, catalog: Catalog) -> bool:
    return metric in catalog.metrics and issubclass(catalog.metrics[metric], TextMetric)


def _no_cutoff(metric: str, k: str) -> str:
    return f"'{metric}' measures texts, which have no cut-off; leave out '@{k}'"


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


def cutoffs_shown(entry: dict[str, Any], sections: dict[str, Any]) -> dict[str, list[int]]:
    """The cut-offs of the data sets that an entry shows, by label; none where they have another shape."""
    protocols = _protocols(sections)
    named = [label for _, label in _words(entry.get("datasets")) if label in protocols]
    return {label: _cutoffs_of(protocols[label]) for label in named or protocols}


def _protocols(sections: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of the protocol of each data set, by label, as plain data: the suite's with those it changes."""
    shared = sections.get("protocol", {})
    found = {}
    for label in _keys(sections.get("datasets")):
        entry = sections["datasets"][label]
        own = entry.get("protocol") if isinstance(entry, dict) else None
        found[label] = {
            **(shared if isinstance(shared, dict) else {"cutoffs": None}),
            **(own if isinstance(own, dict) else {}),
        }
    return found


def _cutoffs_of(protocol: dict[str, Any]) -> list[int]:
    values = protocol.get("cutoffs", list(Protocol().cutoffs))
    return values if isinstance(values, list) and all(type(k) is int and k > 0 for k in values) else []


def _check_tuning(section: Any, mistakes: Mistakes, catalog: Catalog) -> None:
    metric = section.get("metric") if isinstance(section, dict) else None
    if not isinstance(metric, str):
        return
    name, _, k = metric.partition("@")
    where = ("tune", "metric")
    if name not in catalog.metrics:
        mistakes.add(where, f"tune.metric: {catalog.unknown('metric', name)}")
    elif _of_texts(name, catalog):
        mistakes.add(where, f"tune.metric: '{name}' measures explanations, which validation has none of; name another")
    elif not k.isdigit() or int(k) < 1:
        mistakes.add(where, f"tune.metric: should name a cut-off, as {name}@10 (given '{metric}')")
    elif catalog.metrics[name].direction != "higher":
        mistakes.add(where, f"tune.metric: of '{name}' higher is not better, so that nothing can be chosen by it")


def _words(values: Any) -> Iterator[tuple[int, str]]:
    return ((i, v) for i, v in enumerate(values if isinstance(values, list) else []) if isinstance(v, str))


def _keys(section: Any) -> list[str]:
    return list(section) if isinstance(section, dict) else []
