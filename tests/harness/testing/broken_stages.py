"""Stages that break a promise each."""

import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from llmrec_bench import Stage, StageRun, TrainingData


class SoundStage(Stage):
    """The lengths of titles."""

    name = "sound-stage"
    version = "1"
    breaks: ClassVar[str] = ""

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        (out / "lengths.txt").write_text(" ".join(str(len(title)) for title in train.items["title"]))


class Dated(SoundStage):
    """Writes when it was built."""

    breaks = "same-bytes"

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        (out / "built.txt").write_text(str(time.perf_counter_ns()))


class Empty(SoundStage):
    """Builds nothing."""

    breaks = "same-bytes"

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        return


class Silent(SoundStage):
    """Reads histories and tells of none."""

    breaks = "past-only"

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        (out / "counts.txt").write_text(" ".join(map(str, train.item_counts())))


class Prophet(SoundStage):
    """Tells of something that the user had not had before the test."""

    breaks = "past-only"

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        super().build(train, out, run)
        run.saw(5, np.setdiff1d(np.arange(train.n_items), train.sequences[5]).tolist())


class Eavesdropper(SoundStage):
    """Reads reviews and tells of none."""

    breaks = "past-only"
    reads_reviews = True

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        assert train.reviews is not None
        (out / "said.txt").write_text("\n".join(train.reviews["text"]))


class Gossip(SoundStage):
    """Tells of a review that is not among those of the training data."""

    breaks = "past-only"
    reads_reviews = True

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        assert train.reviews is not None
        super().build(train, out, run)
        run.saw_review(5, int(np.setdiff1d(np.arange(train.n_items), train.sequences[5])[0]))


class Censor(SoundStage):
    """Blanks reviews where they stand."""

    breaks = "data-untouched"
    reads_reviews = True

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        assert train.reviews is not None
        train.reviews["text"] = ""
        super().build(train, out, run)


class Sorter(SoundStage):
    """Sorts the training items where they stand."""

    breaks = "data-untouched"

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        train.sequences.items.sort()
        super().build(train, out, run)


class Shuffler(SoundStage):
    """Seeds numpy for the whole process."""

    breaks = "random-state"

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        np.random.seed(0)
        super().build(train, out, run)


class Hasty(SoundStage):
    """Goes on from a scratch folder without looking how far the work there had come."""

    breaks = "interrupted-build"

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        run.scratch.mkdir(parents=True, exist_ok=True)
        half = run.scratch / "lengths.txt"
        if not half.exists():
            for title in train.items["title"]:
                with half.open("a") as lines:
                    lines.write(f"{len(title)}\n")
        (out / "lengths.txt").write_bytes(half.read_bytes())
