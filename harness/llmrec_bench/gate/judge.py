"""Baseline and records -> what got worse, what got better, and what was not measured."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from llmrec_bench.gate.baseline import (
    Baseline,
    DatasetPart,
    MethodPart,
    MetricPart,
    MinimumEffect,
    digest,
    mean_and_std,
    rounded,
    user_means,
    user_tables,
    users_of,
)
from llmrec_bench.gate.report import Comparison, Gap, Gate, Verdict
from llmrec_bench.metrics.metric import Metric
from llmrec_bench.plan import Plan, Trial, wanted
from llmrec_bench.stats import SIGNIFICANT, PairedDifference, compare, corrected, minimum_detectable_effect
from llmrec_bench.store import Record, Store

SEEDS_OF_A_TEST = 3
"""The fewest that a metric without values for single users is tested over. Shares of few items often move by the same
step at two seeds, which a t-test of two would take for certainty."""


def judge(
    baseline: Baseline,
    plan: Plan,
    store: Store,
    metrics: Mapping[str, type[Metric]],
    min_effect: str | None = None,
    only: Sequence[str] = (),
) -> Gate:
    """Hold the stored records of a plan against a baseline.

    The plan should have the baseline's seeds. `metrics` are those on offer, by name; `min_effect` replaces the
    baseline's; `only` keeps methods as in a plan, and the family of tests as it is.
    Raises `BenchError` for stored files that cannot be read.
    """
    effect = baseline.min_effect if min_effect is None else min_effect
    judged = _Judge(baseline, plan, store, metrics, MinimumEffect.parse(effect))
    judged.go(only)
    return Gate(
        suite=plan.suite.name,
        profile=plan.suite.profile,
        seeds=tuple(baseline.seeds),
        protocols=plan.suite.protocols,
        min_effect=effect,
        family=judged.family,
        comparisons=tuple(judged.with_verdicts()),
        gaps=tuple(judged.gaps),
        changed=tuple(f"{what} ({', '.join(datasets)})" for what, datasets in judged.changed.items()),
        new=tuple(_new(baseline, plan)),
        not_asked=sum(not wanted(dataset, label, only) for dataset, label, _ in _methods(baseline)),
    )


def _methods(baseline: Baseline) -> Iterator[tuple[str, str, MethodPart]]:
    for dataset, part in baseline.datasets.items():
        for label, method in part.methods.items():
            yield dataset, label, method


def _new(baseline: Baseline, plan: Plan) -> Iterator[str]:
    """Methods, by data set, and metrics that are planned and not in the baseline."""
    there = {(dataset, label) for dataset, label, _ in _methods(baseline)}
    new: dict[str, list[str]] = {}
    for dataset, label in dict.fromkeys((trial.dataset.label, trial.method.label) for trial in plan.trials):
        if (dataset, label) not in there:
            new.setdefault(label, []).append(dataset)
    yield from (f"{label} ({', '.join(datasets)})" for label, datasets in new.items())
    known = {metric for _, _, method in _methods(baseline) for metric in method.metrics}
    planned = dict.fromkeys(c for dataset in plan.suite.datasets for c in plan.suite.columns_on(dataset.label))
    yield from (metric for metric in planned if metric not in known)


class _Judge:
    """Goes through a baseline once and keeps what it finds."""

    def __init__(
        self,
        baseline: Baseline,
        plan: Plan,
        store: Store,
        metrics: Mapping[str, type[Metric]],
        effect: MinimumEffect,
    ) -> None:
        self.baseline = baseline
        self.plan = plan
        self.store = store
        self.metrics = metrics
        self.effect = effect
        self.family = sum(
            self._is_test(method, metric) for _, _, method in _methods(baseline) for metric in method.metrics
        )
        self.comparisons: list[Comparison] = []
        """Without their verdicts, which need all the others."""
        self.gaps: list[Gap] = []
        self.changed: dict[str, list[str]] = {}
        """Data sets by how a method changed."""

    def go(self, only: Sequence[str]) -> None:
        """Through every method of the baseline that `only` keeps."""
        suite = self.plan.suite
        protocol = suite.protocol
        if protocol.hash != self.baseline.protocol_hash:
            self.gaps.append(
                Gap("", "", "", f"other protocol: {protocol.hash} ({protocol.describe()}), where the baseline has "
                    f"{self.baseline.protocol_hash} ({self.baseline.protocol})")
            )  # fmt: skip
            return
        for dataset, part in self.baseline.datasets.items():
            labels = [label for label in part.methods if wanted(dataset, label, only)]
            prepared = self.plan.prepared.get(dataset)
            if not labels:
                continue
            if prepared is None:
                self.gaps.append(Gap(dataset, "", "", "the suite has no such data set any more"))
            elif prepared.dataset.fingerprint != part.fingerprint:
                now = prepared.dataset.fingerprint
                reason = f"other data: fingerprint {now}, where the baseline has {part.fingerprint}"
                self.gaps.append(Gap(dataset, "", "", reason))
            elif suite.protocol_on(dataset).hash != (then := part.protocol_hash or self.baseline.protocol_hash):
                rule = suite.protocol_on(dataset)
                reason = f"other protocol: {rule.hash} ({rule.describe()}), where the baseline has {then}"
                self.gaps.append(Gap(dataset, "", "", reason))
            else:
                for label in labels:
                    self._compare_method(dataset, part, label)

    def with_verdicts(self) -> Iterator[Comparison]:
        """The comparisons, their p corrected over the family."""
        p = np.array([found.p for found in self.comparisons if found.p is not None])
        p_corrected = iter(corrected(p, self.family).tolist())
        for found in self.comparisons:
            if found.p is not None:
                found = replace(found, p_corrected=_number(next(p_corrected)))
            yield replace(found, verdict=self._verdict(found))

    def _verdict(self, found: Comparison) -> Verdict:
        if not self._gates(found.metric):
            return "shown"
        if found.p_corrected is None or found.difference is None:
            return "untested"
        large = abs(found.difference) > found.minimum
        if found.p_corrected >= SIGNIFICANT:
            return "unclear" if large else "none"
        if not large:
            return "small"
        up = self.metrics[found.metric.partition("@")[0]].direction == "higher"
        return "better" if (found.difference > 0) == up else "worse"

    def _gates(self, metric: str) -> bool:
        """Whether a metric has a better direction. One that nobody offers any more may have had one."""
        kind = self.metrics.get(metric.partition("@")[0])
        return kind is None or kind.direction != "neither"

    def _is_test(self, method: MethodPart, metric: str) -> bool:
        """Whether the baseline asks for a test of a metric, made or not."""
        per_user = method.metrics[metric].user_values is not None
        return self._gates(metric) and (per_user or len(method.trials) >= SEEDS_OF_A_TEST)

    def _compare_method(self, dataset: str, part: DatasetPart, label: str) -> None:
        before = part.methods[label]
        planned = {
            trial.seed: trial
            for trial in self.plan.trials
            if (trial.dataset.label, trial.method.label) == (dataset, label)
        }
        if not planned:
            self.gaps.append(Gap(dataset, label, "", "the suite has no such method any more"))
            return
        records = {seed: self.store.record(trial.id) for seed, trial in planned.items()}
        finished = {s: r for s in before.trials if (r := records.get(s)) is not None and r.status == "finished"}
        reasons = [*_unfinished(before, records), *_other_candidates(part, finished)]
        tables = {} if reasons else user_tables(self.store, finished)
        users = users_of(tables)
        if tables and digest(users) != part.users_digest:
            reasons.append(f"other users: {len(users):,}, where the baseline has {part.users:,}")
        if reasons:
            self.gaps.append(Gap(dataset, label, "", "; ".join(reasons)))
            return
        change = _change(before, planned)
        if change:
            self.changed.setdefault(f"{label}: {change}", []).append(dataset)
        for metric, kept in before.metrics.items():
            reason = self._unmeasured(metric, kept, finished, tables)
            if reason:
                self.gaps.append(Gap(dataset, label, metric, reason))
            else:
                self.comparisons.append(self._compare(dataset, part, label, metric, finished, tables))

    def _unmeasured(
        self, metric: str, kept: MetricPart, records: Mapping[int, Record], tables: Mapping[int, pd.DataFrame]
    ) -> str:
        """Why there is nothing to compare; empty where there is."""
        name = metric.partition("@")[0]
        if name not in self.metrics:
            return f"no installed plugin offers a metric '{name}'"
        lacking = [seed for seed, record in records.items() if metric not in record.metrics]
        if lacking:
            return f"not measured at {_seeds(lacking)}"
        per_user = all(metric in table for table in tables.values())
        if per_user != (kept.user_values is not None):
            return "has values for single users in one of the two only"
        if kept.mean is not None and any(record.metrics[metric] is None for record in records.values()):
            return "undefined, where the baseline has a value"
        return ""

    def _compare(
        self,
        dataset: str,
        part: DatasetPart,
        label: str,
        metric: str,
        records: Mapping[int, Record],
        tables: Mapping[int, pd.DataFrame],
    ) -> Comparison:
        before = part.methods[label]
        kept = before.metrics[metric]
        mean, std = mean_and_std(records, metric)
        if kept.user_values is not None:
            now, then = user_means(tables, metric), rounded(kept.user_values)
        else:
            now = rounded([record.metrics[metric] for record in records.values()])
            then = rounded(kept.seed_values or [])
        found = compare(now[np.newaxis], then[np.newaxis])
        is_test = self._is_test(before, metric)
        return Comparison(
            dataset=dataset,
            method=label,
            metric=metric,
            simulated=part.simulated or before.simulated or any(r.simulated_models for r in records.values()),
            verdict="untested",
            baseline=kept.mean,
            baseline_std=kept.std,
            now=mean,
            now_std=std,
            difference=_number(found.mean),
            low=_number(found.low) if is_test else None,
            high=_number(found.high) if is_test else None,
            p=_number(found.p) if is_test else None,
            p_corrected=None,
            effect_size=_number(found.effect_size) if is_test else None,
            unit="seeds" if kept.user_values is None else "users",
            units=found.users,
            left_out=found.left_out,
            minimum=self.effect.beside(kept.mean or 0.0),
            detectable=self._detectable(found) if is_test else None,
            same=np.array_equal(now, then, equal_nan=True),
        )

    def _detectable(self, found: PairedDifference) -> float | None:
        """At the first step of the correction; None where the differences have no spread to go by."""
        if not found.spread > 0:
            return None
        return _number(minimum_detectable_effect(found.spread, found.users, SIGNIFICANT / self.family))


def _unfinished(before: MethodPart, records: Mapping[int, Record | None]) -> Iterator[str]:
    """What is the matter with the trials of the baseline's seeds."""
    missing = [seed for seed in before.trials if records.get(seed) is None]
    if missing:
        yield f"{_seeds(missing)} not run"
    for seed in before.trials:
        record = records.get(seed)
        if record is not None and record.status == "failed":
            told = record.failure.message.strip().splitlines() if record.failure is not None else []
            yield f"seed {seed} failed ({told[0] if told else 'no message'})"


def _other_candidates(part: DatasetPart, records: Mapping[int, Record]) -> Iterator[str]:
    other = [
        seed for seed, record in records.items() if str(record.protocol.candidates_hash) != part.candidates.get(seed)
    ]
    if other:
        yield f"other candidates at {_seeds(other)}"


def _change(before: MethodPart, planned: Mapping[int, Trial]) -> str:
    """How a method is another one than in the baseline; empty where it is the same."""
    now = next(iter(planned.values())).method.method
    if now.name != before.name:
        return f"now the method '{now.name}', in the baseline '{before.name}'"
    if now.version != before.version:
        return f"now version {now.version}, in the baseline {before.version}"
    same = all(seed in planned and planned[seed].id == identity for seed, identity in before.trials.items())
    return "" if same else "other options than in the baseline"


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
