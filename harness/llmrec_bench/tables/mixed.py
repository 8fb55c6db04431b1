"""Numbers that do not belong in one table: made under another protocol, on other data or other candidates."""

from collections.abc import Callable, Iterator, Sequence

from llmrec_bench.errors import BenchError
from llmrec_bench.store import Record


def refuse_mixed(records: Sequence[Record]) -> None:
    """Raises `BenchError` where numbers were not made under one protocol, on the same data and candidates."""
    for mixture in mixtures(records):
        raise BenchError(
            f"one table cannot hold numbers of {mixture}; bench table --allow-mixed prints it all the same"
        )


def mixtures(records: Sequence[Record]) -> Iterator[str]:
    """What sets the records apart, and which methods are on which side: `different protocols (1a2b: sasrec; ...)`."""
    yield from _apart("different protocols", records, lambda record: record.protocol.hash)
    yield from _apart("different data sets", records, lambda record: record.dataset.fingerprint)
    for seed in sorted({record.seed for record in records}):
        mine = [record for record in records if record.seed == seed]
        what = f"different candidate sets for seed {seed}"
        yield from _apart(what, mine, lambda record: str(record.protocol.candidates_hash))


def _apart(what: str, records: Sequence[Record], key: Callable[[Record], str]) -> Iterator[str]:
    sides: dict[str, list[str]] = {}
    for record in records:
        sides.setdefault(key(record), []).append(record.method.label)
    if len(sides) > 1:
        named = (f"{side}: {', '.join(dict.fromkeys(labels))}" for side, labels in sorted(sides.items()))
        yield f"{what} ({'; '.join(named)})"
