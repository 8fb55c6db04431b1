"""A made data set small enough to see through."""

import numpy as np
import pandas as pd
from pydantic import Field

from llmrec_bench import DataSource, Log


class Ring(DataSource):
    """Users walk around a ring of items, one stop a day, each starting one stop further on."""

    name = "ring"
    reference = "Made for the tests of llmrec-bench. MIT."
    simulated = True

    users: int = Field(default=12, ge=1)
    """How many users walk."""
    stops: int = Field(default=8, ge=1)
    """How many items the ring has."""
    days: int = Field(default=5, ge=1)
    """How many stops each user makes."""
    dated: bool = True
    """Whether the times are known."""

    def read(self) -> Log:
        user, day = np.divmod(np.arange(self.users * self.days), self.days)
        events = pd.DataFrame({"user": user, "item": (user + day) % self.stops})
        if self.dated:
            events["time"] = day * 86_400
        titles = [f"Stop {stop}" for stop in range(self.stops)]
        return Log(events=events, items=pd.DataFrame({"title": titles}, index=range(self.stops)))
