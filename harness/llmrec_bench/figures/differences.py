"""What one method gains over another, user by user, and whether that says anything."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from llmrec_bench.figures.figure import Difference, Differences
from llmrec_bench.figures.scene import Scene
from llmrec_bench.matching import match
from llmrec_bench.stats import SIGNIFICANT, compare, corrected, user_differences
from llmrec_bench.suite_figures import DifferencesEntry
from llmrec_bench.tables.table import CellStatus


def build_differences(scenes: Sequence[Scene], entry: DifferencesEntry) -> list[Differences]:
    """One for each scene that has both methods of a pair; the scenes are of one figure, its tests one family."""
    found = [_Comparisons(scene, entry.metric) for scene in scenes]
    rows = [row for one in found for row in one.rows]
    family = _family(scenes)
    p = np.array([math.nan if row.p is None else row.p for row in rows])
    p_corrected = iter(corrected(p, family).tolist())
    tested = int((~np.isnan(p)).sum())
    return [
        Differences(
            name=one.scene.figure.name,
            title=entry.title,
            kind=entry.kind,
            dataset=one.scene.dataset,
            simulated=one.scene.simulated,
            measured=entry.metric,
            rows=tuple(replace(row, p_corrected=_number(next(p_corrected))) for row in one.rows),
            family=family,
            seeds=one.scene.seeds,
            protocol_hash=one.scene.protocol.hash,
            fingerprint=one.scene.prepared.dataset.fingerprint,
            notes=one.scene.notes([*_reading(entry, family, tested), *one.left_out()], {entry.metric}, spread=False),
        )
        for one in found
        if one.rows
    ]


def _family(scenes: Sequence[Scene]) -> int:
    """How many tests the figure asks for: every pair on every data set on which the suite has both methods."""
    if not scenes:
        return 0
    suite, figure = scenes[0].plan.suite, scenes[0].figure
    there = {(method.label, dataset) for method in suite.methods for dataset in method.datasets}
    return sum(
        (first, dataset) in there and (second, dataset) in there
        for first, second in figure.pairs
        for dataset in figure.datasets
    )


class _Comparisons:
    """The pairs of one scene; every trial's values are read once."""

    def __init__(self, scene: Scene, metric: str) -> None:
        self.scene = scene
        self._values: dict[str, dict[int, pd.Series]] = {label: {} for label in scene.labels}
        for trial in scene.finished:
            if metric in scene.records[trial.id].metrics:
                stored = scene.store.per_user(trial.id, ("user", metric)).set_index("user")[metric]
                self._values[trial.method.label][trial.seed] = stored
        pairs = [pair for pair in scene.figure.pairs if set(pair) <= self._values.keys()]
        self.rows = [self._compare(first, second) for first, second in pairs]

    def left_out(self) -> Iterator[str]:
        """Notes on the seeds and users that do not count."""
        for row in self.rows:
            pair, values = f"{row.first} minus {row.second}", (self._values[row.first], self._values[row.second])
            alone = sorted(values[0].keys() ^ values[1].keys())
            if alone:
                named = ", ".join(map(str, alone))
                yield f"{pair}: left out {_count(len(alone), 'seed')} that only one of the two has ({named})."
            if row.left_out:
                yield f"{pair}: left out {_count(row.left_out, 'user')} without a value in one of the two."
            if row.users and row.users < 2:
                yield f"{pair}: one user is too few for an interval or a test."

    def _compare(self, first: str, second: str) -> Difference:
        seeds, ours, theirs = match(self._values[first], self._values[second])
        simulated = tuple(label for label in (first, second) if self.scene.simulates(label))
        if not seeds:
            return Difference(first, second, simulated, self._why_not(first, second))
        found = compare(ours, theirs)
        status: CellStatus = "complete" if len(seeds) == len(self.scene.seeds) else "partial"
        by_seed: dict[int, float] = {}
        if found.users:
            # NaN where a user has no value at some seed, so that all seeds are over the users of the mean.
            counted = ~np.isnan(ours.mean(axis=0) - theirs.mean(axis=0))
            means = user_differences(ours, theirs)[:, counted].mean(axis=1)
            by_seed = dict(zip(seeds, means.tolist(), strict=True))
        return Difference(
            first=first,
            second=second,
            simulated=simulated,
            status=status if found.users else "undefined",
            mean=_number(found.mean),
            low=_number(found.low),
            high=_number(found.high),
            p=_number(found.p),
            p_corrected=None,
            effect_size=_number(found.effect_size),
            users=found.users,
            left_out=found.left_out,
            by_seed=by_seed,
            agreeing=sum(bool(np.sign(mean) == np.sign(found.mean)) for mean in by_seed.values()),
        )

    def _why_not(self, first: str, second: str) -> CellStatus:
        """No seed has both: what is the matter with the trials that lack a value."""
        lacking = [
            trial
            for label in (first, second)
            for trial in self.scene.of(label)
            if trial.seed not in self._values[label]
        ]
        states = {r.status if (r := self.scene.records.get(trial.id)) else "missing" for trial in lacking}
        return "failed" if "failed" in states else "missing" if "missing" in states else "unmeasured"


def _reading(entry: DifferencesEntry, family: int, tested: int) -> Iterator[str]:
    """How to read the columns."""
    yield (
        f"{entry.metric} of the first method minus that of the second, mean over users. A user's value is the average "
        "over the seeds that both methods have finished: more seeds make it steadier, and do not count as more users. "
        "'seeds agree' is how many of them, each on its own, have the sign of the mean."
    )
    yield (
        "The 95 % interval is over users, not seeds: the paired t interval of the mean, which says how far it may be "
        "off for other users of this kind. d_z is Cohen's effect size: the mean divided by the standard deviation of "
        "the users' differences."
    )
    yield (
        f"p is that of the two-sided t-test paired by user, corrected by Holm over the family of this figure: "
        f"{_count(family, 'test')}, every pair on every data set of it. * marks a corrected p below {SIGNIFICANT}."
    )
    if tested < family:
        yield (
            f"{tested} of the {_count(family, 'test')} have a p so far. The others are counted in the family, so that "
            "corrected values can only fall when they get theirs."
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
