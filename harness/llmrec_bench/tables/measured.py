"""What trials measured for each user, in one order of users."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.plan import Plan, Trial
from llmrec_bench.store import Record, Store

Values = npt.NDArray[np.float64]


class Measured:
    """The values of one data set's trials, read from the store a method at a time."""

    def __init__(self, plan: Plan, dataset: str, records: Mapping[str, Record], store: Store) -> None:
        self._plan = plan
        self._dataset = dataset
        self._records = records
        self._store = store

    @cached_property
    def _users(self) -> pd.Index:
        """Tokens in the order of the split's test queries."""
        data = self._plan.prepared[self._dataset]
        return pd.Index(data.dataset.users[data.split.test.users].astype("str"))

    def per_user(self, column: str) -> bool:
        """Whether the metric has a value for each user."""
        return self._plan.suite.measures[column.partition("@")[0]].has_user_values

    def read(self, trials: Sequence[Trial], columns: Sequence[str]) -> dict[str, dict[int, Values]]:
        """By column and seed, float64 (U,) values in the order of the test queries, NaN where a user has none; or (1,),
        the overall value, of a metric that has none for users. Trials that have not measured a column are left out.

        Raises `BenchError` naming a stored file that cannot be read.
        """
        found: dict[str, dict[int, Values]] = {column: {} for column in columns}
        for trial in trials:
            record = self._records.get(trial.id)
            if record is None or record.status != "finished":
                continue
            there = [column for column in columns if column in record.metrics]
            of_users = [column for column in there if self.per_user(column)]
            stored = self._stored(trial, of_users) if of_users else pd.DataFrame()
            for column in there:
                overall = [np.nan if (value := record.metrics[column]) is None else value]
                values = stored[column].to_numpy() if column in of_users else overall
                found[column][trial.seed] = np.array(values, dtype=np.float64)
        return found

    def _stored(self, trial: Trial, columns: Sequence[str]) -> pd.DataFrame:
        table = self._store.per_user(trial.id, ["user", *columns])
        users = pd.Index(table["user"])
        if users.equals(self._users):  # the rule, and far quicker than looking every user up
            return table
        return table.set_index("user").reindex(self._users)
