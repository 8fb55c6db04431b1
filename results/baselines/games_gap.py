"""What lies between our backbones on Amazon Games 2018 and SLIM's Table 1, one reason at a time, in percent as there.

    python results/baselines/games_gap.py > results/baselines/games-gap.md     # or some of its parts: samples ...

Starts from the suite `games-2018` and changes one thing; the data lie under LLMREC_BENCH_DATA.
"""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from llmrec_bench import Queries, Run, Scores, Sequences, TrainingData, load_catalog, load_suite
from llmrec_bench.candidates import draw, generator
from llmrec_bench.data.dataset import load_dataset
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench.evaluate import rank
from llmrec_bench.metrics import register_metrics
from llmrec_bench.metrics.rankings import Popularity
from llmrec_bench.protocol import Protocol, Sampled

CATALOG = load_catalog()
METRICS = {metric.name: metric() for metric in register_metrics()}
COLUMNS = (("NDCG", 10), ("HR", 10), ("HR", 20))
SASREC, STRICT, POPULAR = Sampled(n=100, mode="sasrec"), Sampled(n=100), Sampled(n=100, by="popularity")
Triple = tuple[float, ...]


@dataclass(frozen=True)
class Games:
    """Sequences of the sampled users, and the items that can be drawn as negatives."""

    sequences: Sequences
    items: pd.DataFrame

    def sample(self, seed: int, *, own: bool = True) -> "Games":
        """3000 users as the filter `sample-users` draws them, with the items they have or with all there are."""
        users = random.Random(seed).sample(range(len(self.sequences)), 3000)
        taken = self.sequences.take(np.sort(users))
        if not own:
            return Games(taken, self.items)
        present, codes = np.unique(taken.items, return_inverse=True)
        items = self.items.iloc[present].reset_index(drop=True)
        return Games(replace(taken, items=codes.astype(np.int32)), items)

    def reordered(self, key: npt.NDArray[np.float64]) -> "Games":
        """Events of one user and second, that is of one day here, sorted by `key` (N,)."""
        sequences = self.sequences
        order = np.lexsort((key, sequences.times, sequences.rows()))
        return Games(replace(sequences, items=sequences.items[order]), self.items)


def load() -> tuple[Games, Any]:
    """All users as `games-2018` prepares them before it samples, and the suite."""
    suite = load_suite(Path(__file__).parents[2] / "suites" / "games-2018.yaml", CATALOG)
    entry = suite.datasets[0]
    kept = tuple(step for step in entry.preparation.filters if step.filter != "sample-users")
    whole = load_dataset("games", entry.source, entry.preparation.model_copy(update={"filters": kept}))
    return Games(whole.sequences, whole.items), suite


def looked_up(everything: Scores) -> Callable[[Queries], Scores]:
    """Scores of candidates out of those (B, I) of the whole catalogue; every user has a query."""
    return lambda queries: everything[queries.users[:, None], queries.candidates]


def run_of(seed: int, validate: Callable[[Callable[[Queries], Scores], str], float]) -> Run:
    """What a plain method is lent: no stages, no language models."""
    refuse: Any = None
    return Run(seed, np.random.default_rng(seed), "cpu", validate, lambda _: None, refuse, refuse, pd.Index([]))


class Trial:
    """A method on one sample, looked at after every `every`-th epoch under several ways of testing."""

    def __init__(self, games: Games, *, with_validation: bool = False, every: int = 1) -> None:
        self.parts, self.every = split(games.sequences, LeaveOneOut()), every
        parts, n_items = self.parts, len(games.items)
        learnt = parts.test.histories if with_validation else parts.train
        self.training = TrainingData(learnt, games.items, parts.validation, parts.validation_targets, "")
        self.popularity = Popularity(parts.train.item_counts(n_items), len(parts.train))
        nothing = parts.train.keep(np.zeros(len(parts.train.items), dtype=np.bool_))
        blank = replace(parts.test, histories=nothing)
        ways = {
            "kept": (SASREC, parts.test, parts.test),
            "different negatives, none seen": (STRICT, parts.test, parts.test),
            "negatives may be seen (RecBole)": (STRICT, blank, parts.test),
            "negatives by popularity": (POPULAR, parts.test, parts.test),
            "validation item not read": (SASREC, parts.test, replace(parts.test, histories=parts.validation.histories)),
        }
        self.ways = {}
        for way, (rule, known, asked) in ways.items():
            offered = draw(rule, known, parts.test_targets, parts.train, n_items, generator(1, "test"))
            self.ways[way] = replace(asked, candidates=offered)
        told = (parts.validation, parts.validation_targets, parts.train, n_items, generator(1, "validation"))
        self.validation = replace(parts.validation, candidates=draw(SASREC, *told))
        self.looks: list[tuple[float, dict[str, Triple]]] = []

    def measured(self, score: Callable[[Queries], Scores], queries: Queries, targets: Sequences) -> dict[str, Triple]:
        """NDCG@10, HR@10 and HR@20 in percent: ties in expectation, and with the target first among them."""
        protocol = Protocol(candidates=SASREC, seen="none")
        rankings = rank(score, queries, targets, protocol, self.popularity, 1, "gap")
        first = replace(rankings, ranks=replace(rankings.ranks, tied=np.ones_like(rankings.ranks.tied)))
        found = {"": rankings, ", ties to the target": first}
        return {name: tuple(100 * METRICS[m].overall(r, k) for m, k in COLUMNS) for name, r in found.items()}

    def look(self, score: Callable[[Queries], Scores], every_way: bool = True) -> dict[str, Triple]:
        """Under every way of testing, and on validation."""
        found = {}
        everything = score(self.parts.test)
        for way, queries in self.ways.items():
            if every_way or way == "kept":
                scores = score if way == "validation item not read" else looked_up(everything)
                values = self.measured(scores, queries, self.parts.test_targets)
                found.update({way + name: value for name, value in values.items() if way == "kept" or not name})
        found["validation"] = self.measured(score, self.validation, self.parts.validation_targets)[""]
        return found

    def fit(self, method: str, options: dict[str, Any], seed: int = 1, every_way: bool = True) -> "Trial":
        """Train to the last epoch whatever validation says, and look on the way."""
        called = 0

        def validate(score: Callable[[Queries], Scores], metric: str) -> float:
            nonlocal called
            called += 1
            if called % self.every == 0:
                found = self.look(score, every_way)
                self.looks.append((found["validation"][0], found))
            return 0.0

        kind = CATALOG.methods[method]
        fitted = kind(kind.Config.model_validate({**options, "patience": 10**6}))
        fitted.fit(self.training, run_of(seed, validate))
        return self

    def chosen(self, by: str) -> dict[str, Triple]:
        """The look of the last epoch, of the best on validation, or of the best on the test (by NDCG@10)."""
        best = {"last": len(self.looks) - 1, "validation": int(np.argmax([value for value, _ in self.looks]))}
        best["test"] = int(np.argmax([found["kept"][0] for _, found in self.looks]))
        return self.looks[best[by]][1]

    def each_best(self) -> Triple:
        """Every metric at the epoch where it is best on the test."""
        return tuple(max(found["kept"][column] for _, found in self.looks) for column in range(3))


PAPER, GRU = "sasrec-paper", "gru4rec-recbole"
LENGTHS = {PAPER: (200, 20), GRU: (40, 2)}
"""Epochs, and after how many of them to look."""


def row(name: str, values: Triple, beside: Triple | None = None) -> None:
    """One line, with the difference to `beside`."""
    cells = [f"{v:.2f}" + (f" ({v - b:+.2f})" if beside else "") for v, b in zip(values, beside or values, strict=True)]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def heading(text: str) -> None:
    """The head of a part's table."""
    print(f"\n**{text}**\n\n| what | NDCG@10 | HR@10 | HR@20 |\n|:--|--:|--:|--:|", flush=True)


def options_of(suite: Any, label: str) -> tuple[str, dict[str, Any]]:
    """A method's name, and its options in the suite with the epochs to run here."""
    entry = next(entry for entry in suite.methods if entry.label == label)
    return entry.method.name, {**entry.config.model_dump(), "epochs": LENGTHS[label][0]}


def unfitted(games: Games, method: str) -> Triple:
    """A classical method with its defaults, tested as in the suite."""
    trial, kind = Trial(games), CATALOG.methods[method]
    fitted = kind(kind.Config())
    fitted.fit(trial.training, run_of(1, lambda score, metric: 0.0))
    return trial.look(fitted.score, every_way=False)["kept"]


def samples(whole: Games, suite: Any) -> None:
    """Counts and classical methods over 20 samples."""
    drawn = [whole.sample(seed) for seed in range(1, 21)]
    heading("20 samples of 3000 users: mean, standard deviation")
    for method in ("popularity", "item-knn"):
        values = np.array([unfitted(games, method) for games in drawn])
        row(f"{method}, mean", tuple(values.mean(axis=0)))
        row(f"{method}, deviation", tuple(values.std(axis=0, ddof=1)))
    row("popularity, negatives of the whole catalogue, sample 1", unfitted(whole.sample(1, own=False), "popularity"))
    for order, games in orders(drawn[0]).items():
        row(f"popularity, {order}, sample 1: {untrained_share(games):.1f} % untrained", unfitted(games, "popularity"))
    counts = [(len(games.items), len(games.sequences.items), untrained_share(games)) for games in drawn]
    for what, column in zip(("items", "interactions", "percent of targets untrained"), np.array(counts).T, strict=True):
        spread = f"deviation {column.std(ddof=1):.1f}, {column.min():.1f} to {column.max():.1f}"
        print(f"\n{what}: mean {column.mean():.1f}, {spread}")
    print(f"\nusers in the 5-core of samples 1 and 2: {core_users(drawn[0])}, {core_users(drawn[1])}")
    last, ascending = same_day_shares(whole)
    print(f"\nusers whose last two events are of one day: {last:.1f} %")
    print(f"\nneighbours of one day that ascend by item number: {ascending:.1f} %")


def core_users(games: Games) -> int:
    """Users that are left when users and items with fewer than five interactions are dropped until none is."""
    rows, items = games.sequences.rows(), games.sequences.items
    while len(rows):
        kept = (np.bincount(rows)[rows] >= 5) & (np.bincount(items)[items] >= 5)
        if kept.all():
            break
        rows, items = rows[kept], items[kept]
    return len(np.unique(rows))


def same_day_shares(games: Games) -> tuple[float, float]:
    """Percent of users whose last two events are of one day, and of such neighbours anywhere whose second has the
    larger item number."""
    sequences = games.sequences
    assert sequences.times is not None
    within = np.diff(sequences.rows()) == 0
    same = within & (np.diff(sequences.times) == 0)
    last = sequences.offsets[1:] - 2  # of each user's last pair
    return float(100 * same[last].mean()), float(100 * (np.diff(sequences.items)[same] > 0).mean())


def orders(games: Games) -> dict[str, Games]:
    """The events of a day, which the file has in an order of its own, in others."""
    place = np.arange(len(games.sequences.items), dtype=np.float64)
    return {
        "days shuffled": games.reordered(np.random.default_rng(1).random(len(place))),
        "days backwards": games.reordered(-place),
    }


def untrained_share(games: Games) -> float:
    """Percent of the test targets that nobody has in training."""
    parts = split(games.sequences, LeaveOneOut())
    counts = parts.train.item_counts(len(games.items))
    return float(100 * (counts[parts.test_targets.items] == 0).mean())


def testing(label: str, whole: Games, suite: Any) -> None:
    """One fit on sample 1, tested in several ways, its epoch chosen in several ways."""
    (method, options), (epochs, every) = options_of(suite, label), LENGTHS[label]
    trial = Trial(whole.sample(1), every=every).fit(method, options)
    heading(
        f"{label}, sample 1, one fit of {epochs} epochs, a look at every {every}: ways to test, and to choose the epoch"
    )
    by = "last" if label == PAPER else "validation"
    base = trial.chosen(by)
    row(f"as in the suite, {by} epoch", base["kept"])
    for way, values in base.items():
        if way != "kept":
            row(way, values, base["kept"])
    for other in ("last", "validation", "test"):
        row(f"epoch best by {other}" if other != "last" else "last epoch", trial.chosen(other)["kept"], base["kept"])
    row("each metric at its best epoch on the test", trial.each_best(), base["kept"])


def catalogue(whole: Games, suite: Any) -> None:
    """SASRec, negatives of all items there are, instead of those that the sample has, in training and test."""
    method, options = options_of(suite, PAPER)
    heading(
        f"{PAPER}, items numbered before the sample is drawn: {len(whole.items)} to draw negatives from, last epoch"
    )
    for seed in (1, 2):
        trial = Trial(whole.sample(seed, own=False), every=20).fit(method, options, every_way=False)
        row(f"sample {seed}", trial.chosen("last")["kept"])


def training(whole: Games, suite: Any) -> None:
    """SASRec with validation items learnt too, and with the events of a day in another order."""
    method, options = options_of(suite, PAPER)
    games = whole.sample(1)
    heading(f"{PAPER}, sample 1, other training data, last epoch")
    trials = {"validation items learnt too": Trial(games, with_validation=True, every=20)}
    trials.update({order: Trial(other, every=20) for order, other in orders(games).items()})
    for what, trial in trials.items():
        row(what, trial.fit(method, options, every_way=False).chosen("last")["kept"])


def training_gru(whole: Games, suite: Any) -> None:
    """GRU4Rec the same; validation items learnt for as many epochs as validation chose without them."""
    method, options = options_of(suite, GRU)
    games = whole.sample(1)
    fits = {"": games, **orders(games)}
    trials = {name: Trial(fit).fit(method, {**options, "epochs": 16}, every_way=False) for name, fit in fits.items()}
    epochs = 1 + int(np.argmax([value for value, _ in trials[""].looks]))
    learnt = Trial(games, with_validation=True, every=epochs).fit(
        method, {**options, "epochs": epochs}, every_way=False
    )
    heading(f"{GRU}, sample 1, other training data, epoch chosen by validation")
    row("as in the suite", trials[""].chosen("validation")["kept"])
    row(f"validation items learnt too, {epochs} epochs", learnt.chosen("last")["kept"])
    for order in orders(games):
        row(order, trials[order].chosen("validation")["kept"])


PARTS = {
    "samples": samples,
    "testing-sasrec": partial(testing, PAPER),
    "testing-gru4rec": partial(testing, GRU),
    "catalogue": catalogue,
    "training": training,
    "training-gru4rec": training_gru,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for part in sys.argv[1:] or PARTS:
        PARTS[part](*load())
