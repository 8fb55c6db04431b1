"""Vectors of texts about users, and controls that tell what such a vector is worth."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from llmrec_bench import BenchError, Queries, Stage, StageRun, TrainingData
from llmrec_bench_plugins.stages.history_titles import HistoryTitles
from llmrec_bench_plugins.stages.rationale_steps import parse_steps
from llmrec_bench_plugins.stages.student_rationales import StudentRationales
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales
from llmrec_bench_plugins.stages.text_encoders import Encoder, MiniLM, encode_distinct
from llmrec_bench_plugins.stages.user_histories import SERVED

Control = Literal["none", "shuffled", "random"]
"""`shuffled` gives each user another user's text, `random` a random vector of the same mean and spread: the same model
with vectors that say nothing of the user."""

EMBEDDINGS, ROWS = "embeddings.npy", "rows.npy"


class UserTextEmbeddings(Stage):
    """One vector for each distinct text about a user, and which one serves each user's training, validation and test.

    The folder holds `embeddings.npy`, float32 (D + 1, w), whose last row is zeros, for users without a text, and
    `rows.npy`, int32 (3, U).
    """

    name = "user-text-embeddings"
    version = "1"

    texts: Annotated[TeacherRationales | StudentRationales | HistoryTitles, Field(discriminator="kind")]
    """Where a user's text comes from."""
    step: Literal["all", "1", "2", "3"] = "all"
    """Which step of a rationale is encoded (SLIM-Step1 to 3 in the paper, there for text matching only); `all`: the
    whole text. How the paper cuts an answer into steps is unsaid."""
    encoder: Encoder = MiniLM()
    """What turns a text into a vector. The paper has BERT, and leaves unsaid which one, how its output is pooled, and
    whether it learns; here it does not."""

    @property
    def every_position(self) -> bool:
        """Whether a text serves all of a user's training items, and not only the last one."""
        texts = self.texts
        cutoff = texts.resolved_cutoff if isinstance(texts, StudentRationales) else texts.cutoff
        return cutoff == "single_train"

    def fault(self, device: str) -> str | None:
        """The encoder's."""
        return self.encoder.fault()

    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Encode every distinct text once. Raises `BenchError` where no user has a text, or no text has the step."""
        known = self.texts.read(train, run)
        words = [t.text if self.step == "all" else parse_steps(t.text).text(int(self.step)) for t in known]
        if not any(words):
            what = "text" if self.step == "all" else f"text with a step {self.step}"
            raise BenchError(f"user-text-embeddings: no user has a {what}")
        vectors, numbers, cut = encode_distinct(words, self.encoder, run.device)
        none = len(vectors) - 1
        rows = np.full((len(SERVED), train.n_users), none, dtype=np.int32)
        for text, number in zip(known, numbers, strict=True):
            for served in text.serves:
                rows[SERVED.index(served), text.user] = number
        np.save(out / EMBEDDINGS, vectors)
        np.save(out / ROWS, rows)
        without = int((rows[-1] == none).sum())
        run.log(
            f"{none:,} distinct texts, {vectors.shape[1]} values each; {words.count(''):,} of {len(words):,} "
            f"texts are empty, {cut:,} longer than the encoder reads; {without:,} of {train.n_users:,} users have none"
        )


def moments(queries: Queries, training_lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64 (B,): the places in `SERVED` of what queries are for. One whose history is longer than the user's training
    row (U,) is of the test, another of the validation."""
    later = queries.histories.lengths > training_lengths[queries.users]
    return np.where(later, SERVED.index("test"), SERVED.index("validation")).astype(np.int64)


def read_user_embeddings(
    folder: Path, control: Control, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """float32 (D + 1, w), the last row zeros, and int64 (3, U): which row serves each user's training, validation and
    test.

    `rng` draws the control; where it is `random`, D is U.
    """
    vectors, rows = np.load(folder / EMBEDDINGS, allow_pickle=False), np.load(folder / ROWS, allow_pickle=False)
    none, n_users = len(vectors) - 1, rows.shape[1]
    if control == "random":
        # One a user, not one a text: users with the same text would still be known as such.
        drawn = rng.normal(vectors[:none].mean(axis=0), vectors[:none].std(axis=0), (n_users, vectors.shape[1]))
        vectors = np.concatenate([drawn.astype(np.float32), vectors[none:]])
        rows = np.where(rows < none, np.arange(n_users), n_users)
    if control == "shuffled":
        circle = rng.permutation(n_users)
        for served in rows:
            having = circle[served[circle] < none]
            served[having] = served[np.roll(having, 1)]  # each the text of the one before: nobody's own
    return vectors, rows.astype(np.int64)
