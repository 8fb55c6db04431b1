"""Data sources that break a promise each."""

from typing import ClassVar

import numpy as np
import pandas as pd

from llmrec_bench import DataSource, Log


class SoundSource(DataSource):
    """Users on a ring of items."""

    name = "sound-source"
    reference = "Made for this test. MIT."
    simulated = True
    breaks: ClassVar[str] = ""

    def read(self) -> Log:
        user, day = np.divmod(np.arange(60), 5)
        events = pd.DataFrame({"user": user, "item": (user + day) % 8, "time": day * 86_400})
        return Log(events, pd.DataFrame({"title": [f"Stop {stop}" for stop in range(8)]}, index=range(8)))


class Dateless(SoundSource):
    """Gives times as text."""

    breaks = "columns"

    def read(self) -> Log:
        log = super().read()
        return Log(log.events.assign(time=log.events["time"].astype(str)), log.items)


class Wordy(SoundSource):
    """Calls the rating stars."""

    breaks = "columns"

    def read(self) -> Log:
        log = super().read()
        return Log(log.events.assign(stars=5.0), log.items)


class Repetitive(SoundSource):
    """Has two titles for an item."""

    breaks = "counts"

    def read(self) -> Log:
        log = super().read()
        return Log(log.events, pd.concat([log.items, log.items.iloc[:1]]))


class Lonely(SoundSource):
    """Has one user."""

    breaks = "counts"

    def read(self) -> Log:
        log = super().read()
        return Log(log.events[log.events["user"] == 0], log.items)


class Drifting(SoundSource):
    """Is another data set each time."""

    breaks = "fingerprint-stable"

    def read(self) -> Log:
        log = super().read()
        return Log(log.events.assign(item=np.random.default_rng().permutation(log.events["item"])), log.items)


class Nameless(SoundSource):
    """Comes from nowhere."""

    reference = ""
    breaks = "origin-stated"


class Unlicensed(SoundSource):
    """Says where it comes from and not what one may do with it."""

    reference = "Found on a disk."
    breaks = "origin-stated"
