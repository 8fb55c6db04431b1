"""Suite -> Plan: every trial with its id, worked out before anything runs."""

import fnmatch
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from llmrec_bench.candidates import check_candidates
from llmrec_bench.data.dataset import Dataset, fingerprint, load_dataset, text_fingerprint
from llmrec_bench.data.reviews import ReviewSplit, columns_of, split_reviews
from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.splits import Split, split
from llmrec_bench.data.training import Queries, TrainingData
from llmrec_bench.errors import BenchError, SuiteErrors, suggest
from llmrec_bench.protocol import Protocol
from llmrec_bench.search_space import plain_space
from llmrec_bench.stage import Stage, settled, stages_in, stages_of
from llmrec_bench.suite import Suite, SuiteDataset
from llmrec_bench.suite_methods import SuiteMethod
from llmrec_bench.tuning import Tuning

IDENTITY_VERSION = 1
"""Raised when the same experiment would get another id."""


@dataclass(frozen=True)
class PreparedData:
    """A data set, split as the protocol says."""

    dataset: Dataset
    split: Split

    @cached_property
    def training_fingerprint(self) -> str:
        """As `TrainingData.fingerprint`."""
        items = self.dataset.items
        rows = fingerprint(self.split.train, [items[column] for column in sorted(items.columns)])
        return rows if self.reviews is None else f"{rows}+{text_fingerprint(columns_of(self.reviews))}"

    @cached_property
    def reviews(self) -> ReviewSplit | None:
        """The reviews in three parts, the last of which stays in the harness; None where there are none."""
        return split_reviews(self.dataset, self.split)

    def training(self, validation: Queries, validation_targets: Sequences) -> TrainingData:
        """All that a method may see, with these validation queries, which may have candidates."""
        # Copied: what writes into it must not reach the next one who gets it.
        reviews = self.reviews
        return TrainingData(
            sequences=self.split.train,
            items=self.dataset.items.copy(),
            validation=validation,
            validation_targets=validation_targets,
            fingerprint=self.training_fingerprint,
            reviews=None if reviews is None else reviews.train.copy(),
            validation_reviews=None if reviews is None else reviews.validation.copy(),
        )


@dataclass(frozen=True)
class PlannedStage:
    """A stage of some method, on one data set."""

    stage: Stage
    key: str
    dataset: SuiteDataset
    """The one it is built on."""
    fingerprint: str
    """Of the prepared data set."""
    protocol: Protocol
    """How that one is split."""
    children: tuple[str, ...]
    """Keys of the stages it is built from."""

    @property
    def label(self) -> str:
        """What a person reads."""
        return f"{self.dataset.label} stage {self.stage.name} {self.key[:6]}"


@dataclass(frozen=True)
class Search:
    """The tuning of one method on one data set: fits that are measured on the validation queries, one after another."""

    id: str
    """12 hex digits, as of a trial. The number of fits is not part of it: a larger budget goes on where a smaller one
    ended."""
    dataset: SuiteDataset
    fingerprint: str
    """Of the prepared data set."""
    method: SuiteMethod
    """With the options of the first fit, and the space of the others."""
    protocol: Protocol
    protocol_hash: str
    tuning: Tuning

    @property
    def label(self) -> str:
        """What a person reads: data set and method."""
        return f"{self.dataset.label} {self.method.label} tuning"

    def fit(self, number: int, options: dict[str, Any]) -> "Trial":
        """What a worker runs for one fit. Raises pydantic's `ValidationError` where the options do not go together."""
        method = self.method.method
        config = method.Config.model_validate({**dict(self.method.config), **options})
        return Trial(
            id=f"{self.id}-{number:03}",
            dataset=self.dataset,
            fingerprint=self.fingerprint,
            method=replace(self.method, config=config),
            protocol=self.protocol,
            protocol_hash=self.protocol_hash,
            seed=self.tuning.seed,
        )


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
    search: Search | None = None
    """What chooses the options of a tuned method; the method's config is then where the search starts."""

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

    @property
    def searches(self) -> tuple[Search, ...]:
        """What the trials of tuned methods wait for, each once."""
        return tuple({t.search.id: t.search for t in self.trials if t.search is not None}.values())

    def stages_for(self, trial: Trial) -> tuple[PlannedStage, ...]:
        """What a trial's method needs, children before those that need them."""
        own = self.prepared[trial.dataset.label].training_fingerprint
        found = []
        for key, (stage, training) in stages_of(trial.method.config, own).items():
            dataset = trial.dataset if training == stage.covered(own) else self._on(stage, training)
            fingerprint = self.prepared[dataset.label].dataset.fingerprint
            protocol = trial.protocol if dataset is trial.dataset else self.suite.protocol_on(dataset.label)
            children = tuple(stages_of(stage, training))
            found.append(PlannedStage(stage, key, dataset, fingerprint, protocol, children))
        return tuple(found)

    def _on(self, stage: Stage, training: str) -> SuiteDataset:
        return next(
            d for d in self.suite.datasets if stage.covered(self.prepared[d.label].training_fingerprint) == training
        )

    @property
    def stages(self) -> tuple[PlannedStage, ...]:
        """What all trials need, each once, children before those that need them."""
        return tuple({planned.key: planned for trial in self.trials for planned in self.stages_for(trial)}.values())


def make_plan(suite: Suite, only: Sequence[str] = (), seeds: Sequence[int] | None = None) -> Plan:
    """Read the data, fix the ids, run nothing.

    `only` keeps methods whose label (or `dataset/label`) matches one of the patterns; `seeds` replaces the suite's.
    Raises `SuiteErrors` with everything the data say against the suite, for all data sets together; `BenchError`
    where `only` matches nothing.
    """
    prepared: dict[str, PreparedData] = {}
    hashes: dict[str, str] = {}
    """Of protocols, by data set."""
    mistakes = []
    for entry in suite.datasets:
        protocol = suite.protocol_on(entry.label)
        try:
            found, own = prepare(entry, protocol), protocol.hash
        except BenchError as error:
            mistakes.append(f"{suite.path}: datasets.{entry.label}: {error}")
            continue
        tested = (found.dataset.fingerprint, own)
        same = next((label for label, p in prepared.items() if (p.dataset.fingerprint, hashes[label]) == tested), None)
        if same is not None:
            mistakes.append(f"{suite.path}: datasets.{entry.label}: the same data as '{same}'; keep one")
        prepared[entry.label], hashes[entry.label] = found, own
    explained = [data for label, data in prepared.items() if suite.protocol_on(label).explanations is not None]
    if not mistakes and explained and not any(map(_holds_out_reviews, explained)):
        mistakes.append(
            f"{suite.path}: protocol.explanations: no data set of the suite holds out a review; "
            "take one with reviews, or leave it out"
        )
    if mistakes:
        raise SuiteErrors(mistakes)
    trainings = {label: data.training_fingerprint for label, data in prepared.items()}
    methods = [replace(m, config=settled(m.config, trainings)) for m in suite.methods]
    pairs = [
        (d, m) for d in suite.datasets for m in methods if d.label in m.datasets and wanted(d.label, m.label, only)
    ]
    if not pairs:
        labels = list(dict.fromkeys(m.label for m in methods))
        raise BenchError(f"--only {' '.join(only)}: no method of {suite.path} matches{suggest(only[0], labels)}")
    chosen = suite.seeds if seeds is None else seeds
    trials = []
    for method in methods:
        try:
            for config in method.config.by_seed(chosen).values():
                config.identity()
        except BenchError as error:  # weights and files that are not there have no hash
            mistakes.append(f"{suite.path}: methods.{method.label}: {error}")
    if mistakes:
        raise SuiteErrors(mistakes)
    for dataset, method in pairs:
        fingerprint = prepared[dataset.label].dataset.fingerprint
        protocol, protocol_hash = suite.protocol_on(dataset.label), hashes[dataset.label]
        search = None
        if method.space:
            if not len(prepared[dataset.label].split.validation):
                mistakes.append(
                    f"{suite.path}: methods.{method.label}.tune: the split leaves '{dataset.label}' no validation "
                    "query to choose options by; hold some out"
                )
            own = search_id(method, protocol_hash, fingerprint, suite.tuning)
            search = Search(own, dataset, fingerprint, method, protocol, protocol_hash, suite.tuning)
        for seed, config in method.config.by_seed(chosen).items():
            seeded = replace(method, config=config)
            identity = trial_id(seeded, protocol_hash, fingerprint, seed, search)
            trials.append(Trial(identity, dataset, fingerprint, seeded, protocol, protocol_hash, seed, search))
    if mistakes:
        raise SuiteErrors(mistakes)
    plan = Plan(suite, tuple(trials), prepared)
    mistakes += _lacking_reviews(plan)
    if mistakes:
        raise SuiteErrors(mistakes)
    return plan


def _lacking_reviews(plan: Plan) -> list[str]:
    """A line for each method with a stage that reads reviews, on data without any."""
    found = []
    reading = [t for t in plan.trials if any(stage.reads_reviews for stage in stages_in(t.method.config))]
    for trial in reading:
        for planned in plan.stages_for(trial):
            reviews = plan.prepared[planned.dataset.label].reviews
            if planned.stage.reads_reviews and (reviews is None or not len(reviews.train)):
                label, source = planned.dataset.label, planned.dataset.source.name
                found.append(
                    f"{plan.suite.path}: methods.{trial.method.label}: stage '{planned.stage.name}' reads reviews, and "
                    f"data set '{label}' has none (source '{source}'); leave it out of the method's `datasets`"
                )
    return list(dict.fromkeys(found))


def _holds_out_reviews(data: PreparedData) -> bool:
    return data.reviews is not None and len(data.reviews.test) > 0


def prepare(entry: SuiteDataset, protocol: Protocol) -> PreparedData:
    """Read, filter and split one data set.

    Raises `BenchError` for unreadable data, a split that leaves nothing to test, and candidates that cannot be drawn.
    """
    dataset = load_dataset(entry.label, entry.source, entry.preparation)
    parts = split(dataset.sequences, protocol.split)
    check_candidates(dataset, parts, protocol)
    return PreparedData(dataset, parts)


def trial_id(method: SuiteMethod, protocol_hash: str, fingerprint: str, seed: int, search: Search | None = None) -> str:
    """12 hex digits over everything that can change a score, and nothing else."""
    searched = {} if search is None else {"search": search.id, "fits": search.tuning.fits}
    return _digest({**_identity(method, protocol_hash, fingerprint), "seed": seed, **searched})


def search_id(method: SuiteMethod, protocol_hash: str, fingerprint: str, tuning: Tuning) -> str:
    """12 hex digits over everything that can change what a search tries."""
    identity = {
        **_identity(method, protocol_hash, fingerprint),
        "space": plain_space(method.space),
        "tuning": tuning.model_dump(mode="json", exclude={"fits"}),
    }
    return _digest(identity)


def _identity(method: SuiteMethod, protocol_hash: str, fingerprint: str) -> dict[str, Any]:
    return {
        "identity_version": IDENTITY_VERSION,
        "method": method.method.name,
        "method_version": method.method.version,
        "config": method.config.identity(),
        "protocol": protocol_hash,
        "data": fingerprint,
    }


def _digest(identity: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def wanted(dataset: str, method: str, only: Sequence[str]) -> bool:
    """Whether a method on a data set is among those that `only` keeps."""
    # A grid's label holds brackets, which fnmatch would read as a character class.
    return not only or any(
        name == pattern or fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))
        for pattern in only
        for name in (method, f"{dataset}/{method}")
    )
