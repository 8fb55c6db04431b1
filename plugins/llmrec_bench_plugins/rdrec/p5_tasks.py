"""What P5 is taught: the next item of a history, the user's own item in a list, and whether an item is one of these."""

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from llmrec_bench import TrainingData
from llmrec_bench_plugins.rdrec import p5_wordings
from llmrec_bench_plugins.rdrec.p5_wordings import SEPARATORS, P5Wordings, worded
from llmrec_bench_plugins.rdrec.tasks import Codes, Example, Task, items_outside, users_left_out
from llmrec_bench_plugins.rdrec.templates import number


class RecommendationTask(Task):
    """From a user, and where it `reads_history` a stretch of the user's training items, to the item that follows, or to
    any of them without a history.

    The `answer` is the item's number: `free`, or `listed` among as many others as `negatives`; or it is yes, and for
    another item instead no, each with a chance of one half (`yes_no`). Other items are uniform over those outside the
    user's training items. P5's code leaves out the user's held-out items too, as POD's does, which tells a model that
    they are never wrong; without test data that cannot be repeated here.
    """

    wordings: ClassVar[P5Wordings]
    reads_history: ClassVar[bool]
    answer: ClassVar[Literal["free", "listed", "yes_no"]]

    def __init__(self, train: TrainingData, history_length: int, negatives: int, seed: int) -> None:
        self._train, self._history_length, self._negatives, self._seed = train, history_length, negatives, seed
        self.prompts = (self.name,)
        items = "enough training items" if self.reads_history else "a training item"
        self.lacking = f"no user has {items} for the task {self.name}"
        self.sources = np.flatnonzero(train.sequences.lengths >= (2 if self.reads_history else 1))
        self.left_out = users_left_out(train, self.sources)

    def draw(self, sources: Codes, rng: np.random.Generator) -> list[Example]:
        """One example a user: its stretch, wording, separator and other items are drawn anew each time."""
        examples = []
        for user in sources.tolist():
            own = self._train.sequences[user]
            start, end = stretch(len(own), rng) if self.reads_history else (0, int(rng.integers(len(own))))
            line, separator = self.wordings.drawn(rng), SEPARATORS[rng.integers(len(SEPARATORS))]
            examples.append(self._example(line, user, own[start:end], separator, int(own[end]), own, rng))
        return examples

    def validation(self) -> list[Example]:
        """The first target of each validation query, in the first wording; other items are the same in every epoch."""
        rng = np.random.default_rng(self._seed)
        queries, targets = self._train.validation, self._train.validation_targets
        examples = []
        for row in np.flatnonzero((queries.histories.lengths >= self.reads_history) & (targets.lengths > 0)).tolist():
            user, target = int(queries.users[row]), int(targets[row][0])
            own = np.append(self._train.sequences[user], np.int32(target))
            line, history = self.wordings.lines[0], queries.histories[row]
            examples.append(self._example(line, user, history, SEPARATORS[0], target, own, rng))
        return examples

    def _example(
        self,
        line: str,
        user: int,
        history: npt.NDArray[np.int32],
        separator: str,
        target: int,
        own: npt.NDArray[np.int32],
        rng: np.random.Generator,
    ) -> Example:
        shown, item, listed, answer = history[-self._history_length :].tolist(), target, [], number(target)
        if self.answer == "listed":
            others = items_outside(own, self._train.n_items, self._negatives, rng)
            listed = rng.permutation(np.append(others, target)).tolist()
        elif self.answer == "yes_no":
            other = items_outside(own, self._train.n_items, 1, rng).tolist()
            yes = not other or rng.random() < 0.5
            item, answer = (target, "yes") if yes else (other[0], "no")
        return Example(worded(line, user, shown, separator, item, listed), answer, self.name)


class SequentialTask(RecommendationTask):
    """The item after a history."""

    name = "sequential"
    wordings, reads_history, answer = p5_wordings.SEQUENTIAL, True, "free"


class SequentialChoiceTask(RecommendationTask):
    """The item after a history, among others."""

    name = "sequential_choice"
    wordings, reads_history, answer = p5_wordings.SEQUENTIAL_CHOICE, True, "listed"


class SequentialYesNoTask(RecommendationTask):
    """Whether an item comes after a history."""

    name = "sequential_yes_no"
    wordings, reads_history, answer = p5_wordings.SEQUENTIAL_YES_NO, True, "yes_no"


class TopNTask(RecommendationTask):
    """The user's own item among others."""

    name = "top_n"
    wordings, reads_history, answer = p5_wordings.TOP_N, False, "listed"


class TopNYesNoTask(RecommendationTask):
    """Whether an item is one of the user's."""

    name = "top_n_yes_no"
    wordings, reads_history, answer = p5_wordings.TOP_N_YES_NO, False, "yes_no"


TASKS: tuple[type[RecommendationTask], ...] = (
    SequentialTask,
    SequentialChoiceTask,
    SequentialYesNoTask,
    TopNTask,
    TopNYesNoTask,
)


def stretch(n_items: int, rng: np.random.Generator) -> tuple[int, int]:
    """Where a stretch of n >= 2 items starts and where the item lies that it predicts, as P5 draws them: that item is
    one of the last three, the start one of the first three, and the stretch between has two items at least, of n = 2
    one."""
    end = int(rng.integers(min(max(2, n_items - 3), n_items - 1), n_items))
    return int(rng.integers(0, max(1, min(3, end - 1)))), end
