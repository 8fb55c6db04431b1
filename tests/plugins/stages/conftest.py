"""Stages that need others: built on first use, with simulated language models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmrec_bench import LanguageModel, MeteredModel, Stage, StageRun, TrainingData
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import PriceList
from llmrec_bench_plugins.llms.simulated import Simulated


@dataclass
class Workshop:
    """Builds stages on one data set into `folder`, each once, their children first."""

    train: TrainingData
    folder: Path
    lines: list[str] = field(default_factory=list)
    """What stages logged."""
    seen: dict[str, set[str]] = field(default_factory=dict)
    """The items told of, by user."""

    def artifact(self, stage: Stage) -> Path:
        """Where the stage's files are."""
        out = self.place(stage)
        if not out.exists():
            out.mkdir(parents=True)
            stage.build(self.train, out, self.run(stage))
        return out

    def place(self, stage: Stage) -> Path:
        """Where they would be."""
        return self.folder / f"{stage.name}-{stage.key('')}"

    def run(self, stage: Stage) -> StageRun:
        """What the stage is lent."""
        scratch = self.folder / f"scratch-{stage.key('')}"
        say = self.lines.append
        return StageRun("cpu", self.artifact, self._llm, self._saw, say, say, scratch, self._saw_review)

    def _saw(self, user: int, items: Sequence[int]) -> None:
        self.seen.setdefault(str(user), set()).update(self.train.items["token"].iloc[list(items)])

    def _saw_review(self, user: int, item: int) -> None:
        self._saw(user, [item])

    def _llm(self, options: LanguageModel.Config) -> MeteredModel:
        asking = Asking({"simulated": Simulated}, self.folder / "cassette", PriceList([]))
        return asking.open(options, self.train.items, Meter())


@pytest.fixture
def films(make_training: Callable[..., TrainingData]) -> TrainingData:
    """Ten users, the last two with one item and none, and eight films, the last without a title."""
    rows = [[user % 7, (user + 1) % 7, (3 * user) % 7, (user + 3) % 7] for user in range(8)]
    plain = make_training([*rows, [4], []], n_items=8, targets=[6, 5])
    titles = [
        "Alien (1979)",
        "Brazil (1985)",
        "Casino (1995)",
        "Diva (1981)",
        "Emma (1996)",
        "Fargo (1996)",
        "Gigi (1958)",
    ]
    items = pd.DataFrame({"token": [f"i{code}" for code in range(8)], "title": [*titles, ""]})
    return TrainingData(plain.sequences, items, plain.validation, plain.validation_targets, "films")


@pytest.fixture
def workshop(films: TrainingData, tmp_path: Path) -> Workshop:
    return Workshop(films, tmp_path / "built")


@pytest.fixture
def cinema(make_training: Callable[..., TrainingData], tmp_path: Path) -> Workshop:
    """44 users, each with five of 24 films of a genre and one of another."""
    rng = np.random.default_rng(0)
    genres = ["Comedy", "Drama", "Horror", "Western"]
    rows = [[*rng.permutation(6)[:5] + 6 * (user % 4), rng.integers(24)] for user in range(44)]
    plain = make_training([rng.permutation(row).tolist() for row in rows], n_items=24)
    words = ["Alma", "Bolt", "Cove", "Dusk", "Echo", "Fern"]
    items = pd.DataFrame(
        {
            "token": [f"i{code}" for code in range(24)],
            "title": [f"{words[code % 6]} {genres[code // 6][0]} ({1970 + code})" for code in range(24)],
            "category": [genres[code // 6] for code in range(24)],
        }
    )
    return Workshop(replace(plain, items=items), tmp_path / "built")
