"""What holds for every method, whatever it computes."""

import contextlib
import weakref
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.data.sequences import PAD
from llmrec_bench.errors import BenchError
from llmrec_bench.execute.explain import explain
from llmrec_bench.method import Method
from llmrec_bench.plugins import Catalog, installed_catalog
from llmrec_bench.testing.check import Check, named
from llmrec_bench.testing.config_checks import CONFIG_CHECKS
from llmrec_bench.testing.fresh_process import in_another_process
from llmrec_bench.testing.import_checks import IMPORT_CHECKS
from llmrec_bench.testing.interruption import interrupted, lines_run, stops
from llmrec_bench.testing.options_lock import lock_fault
from llmrec_bench.testing.random_state import random_state_fault
from llmrec_bench.testing.tiny_data import TinyData, TinySplit, rows_of, tiny_split
from llmrec_bench.testing.tiny_trial import TinyTrial, run_tiny_trial
from llmrec_bench.testing.untouched import changed_queries, changed_training
from llmrec_bench.testing.workshop import Workshop

_SEED = 3
_SMOKE_SECONDS = 60


class MethodSubject:
    """A method under check, with the options it is checked with."""

    def __init__(self, kind: type[Method], config: Method.Config, catalog: Catalog, folder: Path) -> None:
        self.kind = kind
        self.config = config
        self.catalog = catalog
        self.context = catalog.context
        self.folder = folder
        self._workshop = Workshop(catalog, folder / "workshop")
        weakref.finalize(self, self._workshop.close)

    def fit(self, method: Method, data: TinySplit, seed: int = _SEED) -> Method:
        """The method, fitted to the tiny data."""
        method.fit(data.training, self._workshop.run(data, seed, self.config))
        return method

    def fitted(self, data: TinySplit, seed: int = _SEED) -> Method:
        """A new one, fitted."""
        return self.fit(self.kind(self.config), data, seed)

    @cached_property
    def scores(self) -> "Scored":
        """Of the tiny queries, as an undisturbed fit gives them."""
        data = tiny_split()
        return Scored(self.fitted(data).score(data.queries))

    @cached_property
    def trial(self) -> TinyTrial:
        """A whole trial on the tiny data."""
        return run_tiny_trial(self.kind, self.config, self.catalog, TinyData(), self.folder / "trial")


class Scored:
    """Scores to compare with, and how near others have to be: what products of matrices lose by their shape."""

    def __init__(self, scores: npt.NDArray[np.generic]) -> None:
        self.values = np.asarray(scores, dtype=np.float64)

    def difference(self, others: npt.NDArray[np.generic]) -> str | None:
        """How far others are from these, in words; None where they are the same."""
        theirs = np.asarray(others, dtype=np.float64)
        if theirs.shape != self.values.shape:
            return f"shape {theirs.shape} instead of {self.values.shape}"
        finite = np.abs(self.values[np.isfinite(self.values)])
        slack = 1e-5 * max(1.0, float(finite.max(initial=0.0)))
        far = ~np.isclose(theirs, self.values, rtol=1e-4, atol=slack, equal_nan=True)
        if not far.any():
            return None
        row, column = np.argwhere(far)[0]
        return (
            f"{int(far.sum())} of {far.size} scores differ, the first {theirs[row, column]:.6g} "
            f"instead of {self.values[row, column]:.6g}"
        )


def shape_and_dtype(subject: MethodSubject) -> str | None:
    """Scores are float32 of shape (queries, candidates), or (queries, items) without candidates; no infinity."""
    data = tiny_split()
    method = subject.fitted(data)
    none = data.whole_catalogue.take(np.array([], dtype=np.int64))
    for what, queries, width in (
        ("of candidates", data.queries, 12),
        ("of the whole catalogue", data.whole_catalogue, data.dataset.n_items),
        ("of no query", none, data.dataset.n_items),
    ):
        scores: object = method.score(queries)
        if not isinstance(scores, np.ndarray):
            return f"score() {what} returned a {type(scores).__name__}; should be a numpy array of float32"
        if scores.dtype != np.float32:
            return f"score() {what} returned {scores.dtype}; should be float32"
        if scores.shape != (len(queries), width):
            return f"score() {what} returned shape {scores.shape}; should be {(len(queries), width)}"
        real = scores if queries.candidates is None else scores[queries.candidates != PAD]
        if np.isinf(real).any():
            return f"score() {what} returned an infinity; NaN says that there is no score"
    return None


def same_seed(subject: MethodSubject) -> str | None:
    """Two fits with the same seed give the same scores."""
    data = tiny_split()
    return _prefixed("a second fit", subject.scores.difference(subject.fitted(data).score(data.queries)))


def refit_forgets(subject: MethodSubject) -> str | None:
    """A fit to other data leaves no trace in the next one."""
    data = tiny_split()
    method = subject.fitted(tiny_split(TinyData(seed=1)))
    method.score(data.queries)
    return _prefixed(
        "after a fit to other data", subject.scores.difference(subject.fit(method, data).score(data.queries))
    )


def batch_size(subject: MethodSubject) -> str | None:
    """A score does not depend on which other queries share the block."""
    data = tiny_split()
    method = subject.fitted(data)
    for size in (1, 5):
        blocks = [method.score(data.queries.take(rows)) for rows in _blocks(len(data.queries), size)]
        fault = Scored(method.score(data.queries)).difference(np.concatenate(blocks))
        if fault is not None:
            return f"asked {size} at a time: {fault}"
    return None


def query_order(subject: MethodSubject) -> str | None:
    """A score does not depend on the order of queries."""
    data = tiny_split()
    method = subject.fitted(data)
    order = np.random.default_rng(2).permutation(len(data.queries))
    return Scored(method.score(data.queries)[order]).difference(method.score(data.queries.take(order)))


def candidate_order(subject: MethodSubject) -> str | None:
    """A score does not depend on the place of its candidate."""
    data = tiny_split()
    method = subject.fitted(data)
    candidates = data.queries.candidates
    assert candidates is not None
    full = data.queries.take(np.flatnonzero((candidates != PAD).all(axis=1)))
    assert full.candidates is not None
    rng = np.random.default_rng(2)
    order = np.stack([rng.permutation(full.candidates.shape[1]) for _ in range(len(full))])
    moved_about = replace(full, candidates=np.take_along_axis(full.candidates, order, axis=1))
    return Scored(np.take_along_axis(method.score(full), order, axis=1)).difference(method.score(moved_about))


def strangers(subject: MethodSubject) -> str | None:
    """Histories that are empty, of unseen items, long or of one item over and over get a score or NaN."""
    data = tiny_split()
    method = subject.fitted(data)
    unseen = np.flatnonzero(data.training.item_counts() == 0)[:3].tolist()
    rows = [[], unseen, [0] * 200, list(range(data.dataset.n_items)) * 4]
    asked = data.whole_catalogue.take(np.arange(len(rows)))
    assert asked.cut_times is not None
    histories = rows_of(rows, time=int(asked.cut_times.min()))
    for what, row in (("an empty history", 0), ("a history of unseen items", 1), ("one item 200 times", 2), ("all", 3)):
        query = replace(asked, histories=histories).take(np.array([row]))
        try:
            scores = method.score(query)
        except Exception as error:
            return f"{what}: score() raised {type(error).__name__}: {' '.join(str(error).split())}"
        if np.isinf(scores).any():
            return f"{what}: score() returned an infinity"
    return None


def data_untouched(subject: MethodSubject) -> str | None:
    """Neither fit nor score changes the arrays and texts that they are given."""
    data, pristine = tiny_split(), tiny_split()
    method = subject.fitted(data)
    changed = changed_training(data.training, pristine.training)
    if changed is None:
        method.score(data.queries)
        changed = changed_training(data.training, pristine.training) or changed_queries(data.queries, pristine.queries)
    return f"changes {changed}" if changed is not None else None


def random_state(subject: MethodSubject) -> str | None:
    """Fit and score leave the random state of the process alone: chance comes from run.rng and run.seed."""
    data = tiny_split()
    subject.fitted(data)  # a framework that is loaded now has a state to compare
    return random_state_fault(lambda: subject.fitted(data).score(data.queries))


def label_firewall(subject: MethodSubject) -> str | None:
    """Other test targets change no score: what is held out reaches the method by no way."""
    if subject.trial.failure is not None:
        return f"the trial failed: {subject.trial.failure}"
    swapped = TinyData(swapped=True)
    other = run_tiny_trial(subject.kind, subject.config, subject.catalog, swapped, subject.folder / "swapped")
    if other.failure is not None:
        return f"the trial with other targets failed: {other.failure}"
    return None if other.scores == subject.trial.scores else "other test targets, and the scores are others too"


def another_process(subject: MethodSubject) -> str | None:
    """Sent to a process that was spawned, the method gives the same scores there."""
    workplace = subject.folder
    try:
        found = in_another_process(_scores_there, subject.kind, subject.config, workplace)
    except BenchError:
        raise
    except Exception as error:
        return f"cannot be sent to another process: {type(error).__name__}: {' '.join(str(error).split())}"
    return _prefixed("in another process", subject.scores.difference(found))


def interrupted_fit(subject: MethodSubject) -> str | None:
    """A fit that was stopped midway leaves nothing behind that the next one would trip over."""
    data = tiny_split()
    subject.fitted(data)  # stages are built, and not stopped here
    with _inside(subject.folder / "interrupted"):
        lines = lines_run(lambda: subject.fitted(data), subject.kind)
    for number, stop in enumerate(stops(lines)):
        with _inside(subject.folder / f"interrupted-{number}"):
            method = subject.kind(subject.config)
            if not interrupted(lambda method=method: subject.fit(method, data), subject.kind, stop):  # type: ignore[misc]
                continue
            for what, again in (("the same object", method), ("a new one", subject.kind(subject.config))):
                try:
                    scores = subject.fit(again, data).score(data.queries)
                except Exception as error:
                    told = f"{type(error).__name__}: {' '.join(str(error).split())}"
                    return f"stopped after line {stop} of {lines}, then fitted again ({what}): raised {told}"
                fault = subject.scores.difference(scores)
                if fault is not None:
                    return f"stopped after line {stop} of {lines}, then fitted again ({what}): {fault}"
    return None


def smoke_run(subject: MethodSubject) -> str | None:
    """A whole trial on the tiny data, stages included, ends well on one CPU within a minute."""
    trial = subject.trial
    if trial.failure is not None:
        return f"the trial failed: {trial.failure}"
    if trial.seconds > _SMOKE_SECONDS:
        return f"took {trial.seconds:.0f} seconds for {len(tiny_split().queries)} queries; give smaller options"
    undefined = [name for name, value in trial.metrics.items() if value is None]
    return f"{undefined[0]} has no value" if undefined else None


def explanations(subject: MethodSubject) -> str | None:
    """Asked why, the method gives one text a pair, the same from a second fit with the same seed; or None."""
    if subject.kind.explain is Method.explain:
        return None
    data = tiny_split()
    texts = _explained(subject, data)
    return _differing("from a second fit", texts, _explained(subject, data)) if texts is not None else None


def explanations_apart(subject: MethodSubject) -> str | None:
    """An explanation does not depend on which other pairs are asked about, nor on their order."""
    if subject.kind.explain is Method.explain:
        return None
    data = tiny_split()
    texts = _explained(subject, data)
    if texts is None:
        return None
    order = np.random.default_rng(2).permutation(len(texts))[: len(texts) // 2]
    expected = [texts[place] for place in order]
    return _differing("with half of the pairs in another order", expected, _explained(subject, data, order))


def version_raised(subject: MethodSubject) -> str | None:
    """Options that are others than those kept beside the package come with another version."""
    return lock_fault(subject.kind)


METHOD_CHECKS: tuple[Check[MethodSubject], ...] = (
    *CONFIG_CHECKS,
    *named(
        shape_and_dtype,
        same_seed,
        refit_forgets,
        batch_size,
        query_order,
        candidate_order,
        strangers,
        data_untouched,
        random_state,
        label_firewall,
        another_process,
        interrupted_fit,
        smoke_run,
        explanations,
        explanations_apart,
        version_raised,
    ),
    *IMPORT_CHECKS,
)
"""In the order a report has them."""


def _scores_there(kind: type[Method], config: Method.Config, folder: Path) -> npt.NDArray[np.float64]:
    return MethodSubject(kind, config, installed_catalog(), folder).scores.values


def _explained(subject: MethodSubject, data: TinySplit, order: npt.NDArray[np.int64] | None = None) -> list[str] | None:
    """Of the test targets, in order, by a fit of their own."""
    targets = data.split.test_targets
    users, items = data.queries.users[targets.rows()], targets.items
    chosen = np.arange(len(items)) if order is None else order
    pairs = pd.DataFrame({"user": users[chosen], "item": items[chosen], "text": "", "feature": ""})
    method = subject.fitted(data)
    method.score(data.queries)
    told = explain(method, pairs, data.dataset, subject.kind.name)
    return None if told is None else told["text"].tolist()


def _differing(where: str, texts: list[str], others: list[str] | None) -> str | None:
    if others is None:
        return f"{where}: explain() returned None instead of texts"
    for text, other in zip(texts, others, strict=True):
        if text != other:
            return f"{where}: {_shortened(other)} instead of {_shortened(text)}"
    return None


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _prefixed(where: str, fault: str | None) -> str | None:
    return None if fault is None else f"{where}: {fault}"


def _blocks(n: int, size: int) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """In an empty working directory, where a method that keeps files of its own would put them."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        yield
