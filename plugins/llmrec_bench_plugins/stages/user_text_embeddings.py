"""Vectors of texts about users, and controls that tell what such a vector is worth."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from llmrec_bench import BenchError, Queries, Stage, StageRun, TrainingData
from llmrec_bench_plugins.stages.controls import Control, controlled
from llmrec_bench_plugins.stages.history_titles import HistoryTitles
from llmrec_bench_plugins.stages.rationale_steps import parse_steps
from llmrec_bench_plugins.stages.student_rationales import StudentRationales
from llmrec_bench_plugins.stages.teacher_rationales import TeacherRationales
from llmrec_bench_plugins.stages.text_encoders import Encoder, MiniLM, encode_distinct
from llmrec_bench_plugins.stages.user_histories import SERVED, Cutoff, first_half
from llmrec_bench_plugins.stages.user_preferences import UserPreferences

EMBEDDINGS, ROWS = "embeddings.npy", "rows.npy"


class UserTextEmbeddings(Stage):
    """One vector for each distinct text about a user, and which one serves each user's training, validation and test.

    The folder holds `embeddings.npy`, float32 (D + 1, w), whose last row is zeros, for users without a text, and
    `rows.npy`, int32 (3, U).
    """

    name = "user-text-embeddings"
    version = "1"

    texts: Annotated[
        TeacherRationales | StudentRationales | UserPreferences | HistoryTitles, Field(discriminator="kind")
    ]
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
        return self._cutoff == "single_train"

    def first_served(self, lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """int64 (U,), from training lengths (U,): the first place, from 0, of a training item that came after all that
        the text was made from. None where that is not told for more than the last item."""
        texts = self.texts
        if self._cutoff != "first_half":
            return None
        longest = texts.resolved_history_length if isinstance(texts, StudentRationales) else texts.history_length
        return first_half(lengths, longest)

    @property
    def _cutoff(self) -> Cutoff:
        texts = self.texts
        return texts.resolved_cutoff if isinstance(texts, StudentRationales) else texts.cutoff

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


def known_users(queries: Queries, training_lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64 (B,): whose text serves each query, as places in (3, U) rows laid end to end: user u of the validation is
    U + u, and of the test 2 U + u."""
    return moments(queries, training_lengths) * len(training_lengths) + queries.users


def read_user_embeddings(
    folder: Path, control: Control, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """float32 (D + 1, w), the last row zeros, and int64 (3, U): which row serves each user's training, validation and
    test.

    `rng` draws the control; where it is `random`, D is U.
    """
    vectors, rows = np.load(folder / EMBEDDINGS, allow_pickle=False), np.load(folder / ROWS, allow_pickle=False)
    return controlled(vectors, rows, control, rng)
