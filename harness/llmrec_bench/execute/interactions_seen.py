"""What a stage tells of the interactions that it used, and that no test target is among them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from llmrec_bench.errors import BenchError
from llmrec_bench.execute.trial_data import TrialData


class InteractionsSeen:
    """Collects what `StageRun.saw` is told; as stages get hold of it, it knows nothing else."""

    def __init__(self) -> None:
        self._calls = list[tuple[int, list[int]]]()
        self.reviews = dict[tuple[int, int], None]()
        """Pairs of user and item, in order."""

    def add(self, user: int, items: Sequence[int]) -> None:
        """One call of `saw`."""
        self._calls.append((int(user), [int(item) for item in items]))

    def add_review(self, user: int, item: int) -> None:
        """One call of `saw_review`."""
        self.reviews[int(user), int(item)] = None

    @property
    def anything(self) -> bool:
        """Whether an interaction was told of."""
        return bool(self.reviews) or any(items for _, items in self._calls)

    def table(self, data: TrialData) -> pd.DataFrame:
        """`user` and `item` (tokens) of each interaction told of, in order."""
        users, items = data.dataset.users.astype("str"), data.training.items["token"].astype("str")
        told = [*((user, item) for user, told in self._calls for item in told), *self.reviews]
        rows = [(users[user], items[item]) for user, item in told]
        return pd.DataFrame(rows, columns=["user", "item"], dtype="str")

    def refuse_test(self, stage: str, data: TrialData) -> None:
        """Raises `BenchError` where one call holds an item more often than the user had it in training and validation:
        a test target, unless the stage made it up. Over several calls nothing is summed, as texts share a history. Of
        reviews, only those of the training data may be told of."""
        train = data.training
        self._refuse_other_reviews(stage, data)
        validation = {int(user): train.validation_targets[row] for row, user in enumerate(train.validation.users)}
        none = train.validation_targets.items[:0]
        for user, items in self._calls:
            held = Counter([*train.sequences[user].tolist(), *validation.get(user, none).tolist()])
            shown = Counter(items)
            for item in shown - held:
                tested = item in data.test_targets.take(np.flatnonzero(data.test.users == user)).items
                whose = f"item '{train.items['token'].iloc[item]}' of user '{data.dataset.users[user]}'"
                raise BenchError(
                    f"stage '{stage}': saw {whose} {shown[item]} times, and training and validation hold {held[item]} "
                    f"of these: {'it is a test target, which no stage may see' if tested else 'the user has no other'}"
                )

    def _refuse_other_reviews(self, stage: str, data: TrialData) -> None:
        train = data.training
        known: set[tuple[int, int]] = set()
        for part in (train.reviews, train.validation_reviews):
            known |= set() if part is None else set(zip(part["user"].tolist(), part["item"].tolist(), strict=True))
        for user, item in self.reviews:
            if (user, item) not in known:
                whose = f"user '{data.dataset.users[user]}' of item '{train.items['token'].iloc[item]}'"
                raise BenchError(f"stage '{stage}': saw a review by {whose}, which the training data do not hold")
