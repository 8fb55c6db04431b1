"""Suite -> Plan: every trial with its id, worked out before anything runs."""

import fnmatch
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from llmrec_bench.candidates import check_candidates
from llmrec_bench.data.dataset import Dataset, load_dataset
from llmrec_bench.data.splits import Split, split
from llmrec_bench.errors import BenchError, SuiteErrors, suggest
from llmrec_bench.protocol import Protocol
from llmrec_bench.suite import Suite, SuiteDataset, SuiteMethod

IDENTITY_VERSION = 1
"""Raised when the same experiment would get another id."""


@dataclass(frozen=True)
class PreparedData:
    """A data set, split as the protocol says."""

    dataset: Dataset
    split: Split


@dataclass(frozen=True)
class Trial:
    """One (data set, method with its resolved config, seed) under one protocol."""

    id: str
    """12 hex digits: the same experiment has the same id, on any machine, device or number of workers."""
    dataset: SuiteDataset
    fingerprint: str
    """Of the prepared data set."""
    method: SuiteMethod
    protocol: Protocol
    protocol_hash: str
    """Of `protocol`, worked out once: it may have to read a candidate file."""
    seed: int

    @property
    def label(self) -> str:
        """What a person reads: data set, method and seed."""
        return f"{self.dataset.label} {self.method.label} seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """Every trial of a suite, in the order they will run."""

    suite: Suite
    trials: tuple[Trial, ...]
    prepared: dict[str, PreparedData]
    """Data sets by label, already read and split."""


def make_plan(suite: Suite, only: Sequence[str] = (), seeds: Sequence[int] | None = None) -> Plan:
    """Read the data, fix the ids, run nothing.

    `only` keeps methods whose label (or `dataset/label`) matches one of the patterns; `seeds` replaces the suite's.
    Raises `SuiteErrors` with everything the data say against the suite, for all data sets together; `BenchError`
    where `only` matches nothing.
    """
    prepared: dict[str, PreparedData] = {}
    mistakes = []
    for entry in suite.datasets:
        try:
            found = prepare(entry, suite.protocol)
        except BenchError as error:
            mistakes.append(f"{suite.path}: datasets.{entry.label}: {error}")
            continue
        same = next(
            (label for label, p in prepared.items() if p.dataset.fingerprint == found.dataset.fingerprint), None
        )
        if same is not None:
            mistakes.append(f"{suite.path}: datasets.{entry.label}: the same data as '{same}'; keep one")
        prepared[entry.label] = found
    if mistakes:
        raise SuiteErrors(mistakes)
    pairs = [(d, m) for d in suite.datasets for m in suite.methods if _wanted(d.label, m.label, only)]
    if not pairs:
        labels = [m.label for m in suite.methods]
        raise BenchError(f"--only {' '.join(only)}: no method of {suite.path} matches{suggest(only[0], labels)}")
    protocol_hash = suite.protocol.hash
    trials = [
        Trial(
            trial_id(method, protocol_hash, prepared[dataset.label].dataset.fingerprint, seed),
            dataset,
            prepared[dataset.label].dataset.fingerprint,
            method,
            suite.protocol,
            protocol_hash,
            seed,
        )
        for dataset, method in pairs
        for seed in (suite.seeds if seeds is None else seeds)
    ]
    return Plan(suite, tuple(trials), prepared)


def prepare(entry: SuiteDataset, protocol: Protocol) -> PreparedData:
    """Read, filter and split one data set.

    Raises `BenchError` for unreadable data, a split that leaves nothing to test, and candidates that cannot be drawn.
    """
    dataset = load_dataset(entry.label, entry.source, entry.preparation)
    parts = split(dataset.sequences, protocol.split)
    check_candidates(dataset, parts, protocol)
    return PreparedData(dataset, parts)


def trial_id(method: SuiteMethod, protocol_hash: str, fingerprint: str, seed: int) -> str:
    """12 hex digits over everything that can change a score, and nothing else."""
    identity = {
        "identity_version": IDENTITY_VERSION,
        "method": method.method.name,
        "method_version": method.method.version,
        "config": method.config.model_dump(mode="json"),
        "protocol": protocol_hash,
        "data": fingerprint,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def _wanted(dataset: str, method: str, only: Sequence[str]) -> bool:
    # A grid's label holds brackets, which fnmatch would read as a character class.
    return not only or any(
        name == pattern or fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))
        for pattern in only
        for name in (method, f"{dataset}/{method}")
    )
