"""What two sets of records have otherwise: options, conditions, where they were made, what they took."""

import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from llmrec_bench.compare.comparison import Change, Cost
from llmrec_bench.figures.one_line import one_line
from llmrec_bench.store import Record, Resources

Pairs = Mapping[tuple[str, str], Sequence[tuple[Record, Record]]]
"""By data set and method, the records of both runs, seed by seed."""

_ABSENT = "-"
_MOMENTS = ("started_at", "measured_again")
"""Of provenance, that every two runs have otherwise."""


def method_changes(pairs: Pairs) -> list[Change]:
    """Versions, options and stages that differ, once for all data sets where they do so alike."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for (dataset, label), both in pairs.items():
        plain = [_all(_method_of(record) for record in side) for side in zip(*both, strict=True)]
        for what, first, second in _differing(*plain):
            found.setdefault((label, what, first, second), []).append(dataset)
    return [Change(f"{label} ({', '.join(where)})", *rest) for (label, *rest), where in found.items()]


def condition_changes(pairs: Pairs) -> list[Change]:
    """Protocol, data and candidates that differ, which forbid a test: once for all methods of a data set."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for (dataset, label), both in pairs.items():
        mixed = [pair for pair in both if is_mixed(*pair)]
        plain = [_all(_conditions_of(record) for record in side) for side in zip(*mixed, strict=True)] if mixed else []
        for what, first, second in _differing(*plain) if plain else ():
            found.setdefault((dataset, what, first, second), []).append(label)
    return [Change(f"{dataset} ({', '.join(labels)})", *rest) for (dataset, *rest), labels in found.items()]


def is_mixed(first: Record, second: Record) -> bool:
    """Whether two records of one seed are of different protocols, data or candidates."""
    return _identity(first) != _identity(second)


def provenance_changes(pairs: Pairs) -> list[Change]:
    """Packages, commits, devices and machines that differ."""
    both = [pair for found in pairs.values() for pair in found]
    plain = [
        _all({k: v for k, v in record.provenance.items() if k not in _MOMENTS} for record in side)
        for side in zip(*both, strict=True)
    ]
    return [Change("", *change) for change in _differing(*plain)] if plain else []


def costs(pairs: Pairs) -> Iterator[Cost]:
    """Seconds and memory of each method."""
    for (dataset, label), both in pairs.items():
        sides = [[record.resources for record in side] for side in zip(*both, strict=True)]
        fit = [_mean(side, lambda r: r.fit_seconds) for side in sides]
        ranking = [_mean(side, lambda r: r.score_seconds + r.rank_seconds) for side in sides]
        peaks = [
            max((r.peak_memory_bytes for r in side if r is not None and r.peak_memory_bytes is not None), default=None)
            for side in sides
        ]
        yield Cost(dataset, label, fit[0], fit[1], ranking[0], ranking[1], peaks[0], peaks[1])


def _mean(side: Sequence[Resources | None], seconds: Callable[[Resources], float]) -> float | None:
    known = [seconds(resources) for resources in side if resources is not None]
    return statistics.fmean(known) if known and len(known) == len(side) else None


def _identity(record: Record) -> tuple[str, str, str]:
    return record.protocol.hash, record.dataset.fingerprint, str(record.protocol.candidates_hash)


def _method_of(record: Record) -> dict[str, Any]:
    method = record.method
    stages = {f"stage {part.stage}": part.key for part in record.stages}
    return {"method": method.name, "version": method.version, "plugin": method.plugin, **method.config, **stages}


def _conditions_of(record: Record) -> dict[str, Any]:
    data, protocol = record.dataset, record.protocol
    return {
        "protocol": protocol.hash,
        **{f"protocol {name}": value for name, value in protocol.settings.items()},
        "data fingerprint": data.fingerprint,
        "source": data.source,
        **{f"source {name}": value for name, value in data.options.items()},
        "preparation": data.preparation,
        f"candidates of seed {record.seed}": str(protocol.candidates_hash),
    }


def _all(sides: Iterator[Mapping[str, Any]]) -> dict[str, list[str]]:
    """By dotted name, the different values as text."""
    found: dict[str, list[str]] = {}
    for values in sides:
        for name, value in _flat(values):
            text = one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            if text not in (known := found.setdefault(name, [])):
                known.append(text)
    return found


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _differing(first: Mapping[str, list[str]], second: Mapping[str, list[str]]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*first, *second]):
        texts = [", ".join(sorted(side.get(name, [_ABSENT]))) for side in (first, second)]
        if texts[0] != texts[1]:
            yield name, texts[0], texts[1]
