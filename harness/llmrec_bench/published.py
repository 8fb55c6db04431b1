"""Numbers that others printed: their file, what a table finds in it, and how far their protocol is known to be ours."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.protocol import FullCatalogue, Protocol, Sampled

COLUMNS = ["source", "table", "dataset", "backbone", "method", "metric", "mean", "std", "pvalue", "unit", "protocol"]
RUNS = "runs"
"""A further column that a file may have: the values of the runs behind a mean, with blanks between them."""
UNITS = {"percent": 100, "plain": 1}
"""How many of them make one of ours; `plain` is the unit of our metric of that name."""
ASPECTS = ("split", "candidates", "negatives", "seen", "ties")
"""What a file may say of a protocol, as in `candidates: sampled 100; seen: mask`. What it leaves out is unsaid."""


@dataclass(frozen=True)
class PublishedNumber:
    """A row of a file, in the unit of our metric."""

    dataset: str
    label: str
    metric: str
    mean: float | None
    """None where a cell is printed empty."""
    std: float | None
    origin: str
    """Paper and table."""
    protocol: Mapping[str, str]
    """What is said of it, by aspect."""
    runs: tuple[float, ...] = ()
    """Those behind the mean, where the file lists them."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is found by: labels match in any case."""
        return _key(self.dataset, self.label, self.metric)


@dataclass(frozen=True)
class Published:
    """A file of published numbers."""

    name: str
    numbers: Mapping[tuple[str, str, str], PublishedNumber]

    @property
    def metrics(self) -> set[str]:
        """Those that the file has for any data set."""
        return {number.metric for number in self.numbers.values()}

    @property
    def labels(self) -> list[str]:
        """Those of its rows, each once."""
        return list(dict.fromkeys(number.label for number in self.numbers.values()))

    def number(self, dataset: str, label: str, metric: str) -> PublishedNumber | None:
        """What the file has for a cell."""
        return self.numbers.get(_key(dataset, label, metric))

    def notes(self, dataset: str, labels: Sequence[str], metrics: Sequence[str], protocol: Protocol) -> Iterator[str]:
        """Where the numbers of a table are from and how far they were made as ours were; or that there are none."""
        cells = [(label, number) for label in labels for m in metrics if (number := self.number(dataset, label, m))]
        if not cells:
            yield f"Published: {self._lacks(dataset, labels)}"
        said: dict[str, list[str]] = {}
        for label, number in cells:
            told = f"{number.origin} ({self.name}). {compare_protocols(number.protocol, protocol)}"
            said.setdefault(told, []).append(label)
        for told, rows in said.items():
            whose = f" of {', '.join(dict.fromkeys(rows))}" if len(said) > 1 else ""
            yield f"Published{whose}: {told}"

    def _lacks(self, dataset: str, labels: Sequence[str]) -> str:
        here = [n for n in self.numbers.values() if n.dataset.casefold() == dataset.casefold()]
        if not here:
            known = sorted({n.dataset for n in self.numbers.values()} - {""})
            return f"{self.name} has no data set '{dataset}'; it has {', '.join(known) or 'none'}."
        if not {n.label.casefold() for n in here} & {label.casefold() for label in labels}:
            known = list(dict.fromkeys(n.label for n in here))
            return f"{self.name} has none of these rows for '{dataset}'; it has {', '.join(known)}."
        known = list(dict.fromkeys(n.metric for n in here))
        return f"{self.name} has none of these columns for '{dataset}'; it has {', '.join(known)}."


def compare_protocols(theirs: Mapping[str, str], ours: Protocol) -> str:
    """What a reader of the differences must know, as sentences."""
    here = _aspects(ours)
    differ = [f"{a} ({theirs[a]}, here {value})" for a, value in here.items() if theirs.get(a, value) != value]
    if any(entry.startswith("candidates ") for entry in differ):  # then how negatives are drawn says nothing more
        here.pop("negatives", None)
        differ = [entry for entry in differ if not entry.startswith("negatives ")]
    unsaid = [aspect for aspect in here if aspect not in theirs]
    return " ".join(
        [
            f"Its protocol differs in {', '.join(differ)}." if differ else "Its protocol is not known to differ.",
            *([f"It leaves unsaid: {', '.join(unsaid)}."] if unsaid else []),
        ]
    )


def read_published(path: Path) -> Published:
    """Raises `BenchError`, naming the line, where the file is missing, lacks a column, or a row is not what the columns
    say or repeats another."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            rows = [(lines.line_num, row) for row in lines if row]
    except FileNotFoundError:
        near = [other.name for other in path.parent.glob("*.csv")]
        raise BenchError(f"{path}: no such file{suggest(path.name, near)}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read as CSV ({error})") from None
    header = rows[0][1] if rows else []
    for column in header:
        if column not in [*COLUMNS, RUNS]:
            raise BenchError(f"{path}:1: unknown column '{column}'{suggest(column, [*COLUMNS, RUNS])}")
    if sorted(header) != sorted([*COLUMNS, RUNS] if RUNS in header else COLUMNS):
        raise BenchError(f"{path}:1: the columns should be {','.join(COLUMNS)} (given {','.join(header) or 'none'})")
    lines_by_key: dict[tuple[str, str, str], int] = {}
    numbers = {}
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise BenchError(f"{path}:{line}: should have {len(header)} fields (given {len(row)})")
        try:
            number = _number({name: value.strip() for name, value in zip(header, row, strict=True)})
        except ValueError as error:
            raise BenchError(f"{path}:{line}: {error}") from None
        first = lines_by_key.setdefault(number.key, line)
        if first != line:
            what = f"{number.metric} of '{number.label}' on '{number.dataset}' stands on line {first} already"
            raise BenchError(f"{path}:{line}: {what}; keep one, or name the methods apart")
        numbers[number.key] = number
    if not numbers:
        raise BenchError(f"{path}: there are no rows in it")
    return Published(path.name, numbers)


def _key(dataset: str, label: str, metric: str) -> tuple[str, str, str]:
    return dataset.casefold(), label.casefold(), metric


def _number(row: Mapping[str, str]) -> PublishedNumber:
    """Raises `ValueError` for what is not as it should be."""
    if row["unit"] not in UNITS:
        raise ValueError(f"unknown unit '{row['unit']}'{suggest(row['unit'], UNITS)}")
    return PublishedNumber(
        dataset=row["dataset"],
        label=_label(row["backbone"], row["method"]),
        metric=row["metric"],
        mean=_value(row, "mean", row["mean"]) if row["mean"] else None,
        std=_value(row, "std", row["std"]) if row["std"] else None,
        origin=f"{row['source']}, table {row['table']}" if row["table"] else row["source"],
        protocol=dict(_said(row["protocol"])),
        runs=tuple(_value(row, RUNS, run) for run in row.get(RUNS, "").split()),
    )


def _label(backbone: str, method: str) -> str:
    """`GRU4Rec+` and `SLIM-Step1` are named in full, `SLIM-` on GRU4Rec is `GRU4Rec SLIM-`."""
    whole = backbone.casefold().startswith("none") or backbone.casefold() in method.casefold()
    return method if whole else f"{backbone} {method}"


def _value(row: Mapping[str, str], column: str, text: str) -> float:
    """What stands in a column, in our unit; by decimal arithmetic, so that 27.70 percent is 0.277."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite():
        wanted = "numbers" if column == RUNS else "a number"
        raise ValueError(f"{column} should be {wanted}, or nothing (given '{text}')")
    return float(value / UNITS[row["unit"]])


def _said(protocol: str) -> Iterator[tuple[str, str]]:
    for part in protocol.split(";") if protocol else []:
        aspect, _, value = (piece.strip() for piece in part.partition(":"))
        if aspect not in ASPECTS:
            raise ValueError(f"protocol: unknown aspect '{aspect}'{suggest(aspect, ASPECTS)}")
        if not value:
            raise ValueError(f"protocol: '{aspect}' should have a value, as in 'seen: mask'; leave it out where unsaid")
        yield aspect, value


def _aspects(ours: Protocol) -> dict[str, str]:
    """Our protocol in the words of a file."""
    rule = ours.candidates
    said = {"split": ours.split.describe(), "candidates": "full" if isinstance(rule, FullCatalogue) else "from a file"}
    if isinstance(rule, Sampled):
        said |= {"candidates": f"sampled {rule.n}", "negatives": f"{rule.by} {rule.mode}"}
    return said | {"seen": ours.seen, "ties": ours.ties}
