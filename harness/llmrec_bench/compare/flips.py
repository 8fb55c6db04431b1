"""Users whom one run finds and the other misses, with what they had before."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pydantic import ValidationError

from llmrec_bench.compare.comparison import FlippedUser, Flips
from llmrec_bench.data.dataset import Dataset, Preparation, load_dataset
from llmrec_bench.data.splits import Split, split
from llmrec_bench.errors import BenchError
from llmrec_bench.figures.one_line import one_line
from llmrec_bench.matching import match
from llmrec_bench.plugins import Catalog
from llmrec_bench.protocol import Protocol
from llmrec_bench.store import Record

HITS = "HR"
_HISTORY = 5


class Histories:
    """The data sets behind records, each read once where a history is asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._read: dict[str, tuple[Dataset, Split] | None] = {}
        self.complaints: list[str] = []
        """Of data sets that cannot be read, a line each."""

    def of(self, record: Record, user: str) -> tuple[tuple[str, ...], int, tuple[str, ...]] | None:
        """The latest titles before the test, how many came earlier, and the targets; None where the data cannot be
        read again as they were."""
        key = f"{record.dataset.fingerprint} {record.protocol.hash}"
        if key not in self._read:
            try:
                self._read[key] = self._load(record)
            except BenchError as error:
                self._read[key] = None
                told = " ".join(str(error).split())
                self.complaints.append(f"Without histories, {record.dataset.label} cannot be read again: {told}.")
        found = self._read[key]
        if found is None:
            return None
        dataset, parts = found
        asked = pd.Index(dataset.users[parts.test.users].astype("str"))
        query = int(asked.get_indexer(pd.Index([user]))[0])
        history = parts.test.histories[query].tolist()
        latest = _titles(dataset, history[-_HISTORY:])
        return latest, max(0, len(history) - _HISTORY), _titles(dataset, parts.test_targets[query].tolist())

    def _load(self, record: Record) -> tuple[Dataset, Split]:
        """Raises `BenchError` where the data are not there, or are others by now."""
        part = record.dataset
        if part.source not in self._catalog.datasets:
            raise BenchError(self._catalog.unknown("dataset", part.source))
        kind = self._catalog.datasets[part.source]
        try:
            source = kind.model_validate_json(json.dumps(part.options))
            preparation = Preparation.model_validate_json(json.dumps(part.preparation))
            protocol = Protocol.model_validate_json(json.dumps(record.protocol.settings))
        except ValidationError as error:
            raise BenchError(f"its stored options are no longer understood ({error.errors()[0]['msg']})") from None
        dataset = load_dataset(part.label, source, preparation)
        if dataset.fingerprint != part.fingerprint:
            raise BenchError(f"fingerprint {part.fingerprint} when it was run, {dataset.fingerprint} now")
        return dataset, split(dataset.sequences, protocol.split)


def find_flips(
    first: Mapping[int, pd.DataFrame],
    second: Mapping[int, pd.DataFrame],
    record: Record,
    metric: str,
    simulated: bool,
    shown: int,
    histories: Histories,
) -> Flips:
    """Of one method, whose hit rates `metric` stand in tables by seed; `record` is one of its trials.

    A user's hit rate is averaged over the seeds that both runs have, and found means above one half: for one seed
    without ties just that the target is in the list. Who stands at one half, or has no value, is in neither group.
    """
    _, before, after = match(
        {seed: table[metric] for seed, table in first.items()}, {seed: table[metric] for seed, table in second.items()}
    )
    tables = [*first.values(), *second.values()]
    users = pd.Index(sorted(set().union(*(table.index for table in tables))))  # as `match` orders them
    was, now = before.mean(axis=0), after.mean(axis=0)
    # As the data set orders them, which the tables keep.
    order = np.argsort(tables[0].index.get_indexer(users), kind="stable")
    gained = [i for i in order.tolist() if was[i] < 0.5 < now[i]]
    lost = [i for i in order.tolist() if now[i] < 0.5 < was[i]]

    def shown_of(places: Sequence[int]) -> tuple[FlippedUser, ...]:
        found = []
        for i in places[:shown]:
            told = histories.of(record, str(users[i]))
            history, earlier, targets = (None, 0, ()) if told is None else told
            user = one_line(str(users[i]))
            found.append(FlippedUser(user, float(was[i]), float(now[i]), history, earlier, targets))
        return tuple(found)

    part = record.dataset.label, record.method.label
    return Flips(*part, metric, simulated, len(gained), len(lost), shown_of(gained), shown_of(lost))


def _titles(dataset: Dataset, items: Sequence[int]) -> tuple[str, ...]:
    """Or tokens where no title is known."""
    titles, tokens = dataset.items["title"], dataset.items["token"]
    return tuple(one_line(str(titles.iat[item])) or one_line(str(tokens.iat[item])) for item in items)
