"""A plugin that kills the whole run once, at the moment named by KILL_AT; the file KILL_MARK remembers that it did."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import model_validator

from llmrec_bench import DataSource, Log, Method, PerUserMetric, Range, hookimpl


def moment(name: str) -> None:
    """In a worker, kill the main process if this is the moment, and wait to be ended by the worker's own watch."""
    main = multiprocessing.parent_process()
    if main is not None and is_now(name):
        os.kill(main.pid, signal.SIGKILL)
        time.sleep(60)


def is_now(name: str) -> bool:
    mark = os.environ.get("KILL_MARK")
    if os.environ.get("KILL_AT") != name or mark is None or Path(mark).exists():
        return False
    Path(mark).write_bytes(str(os.getpid()).encode())
    return True


class Ring(DataSource):
    """Users walk round a ring of items."""

    name = "ring"
    users: int = 30
    """How many users."""
    detour: int = 0
    """Added to the last item of each user, the test target."""

    def read(self) -> Log:
        moment("load")
        steps = np.arange(8)
        places = steps + self.detour * (steps == 7)
        events = pd.DataFrame(
            {
                "user": np.repeat(np.arange(self.users), len(steps)),
                "item": (np.repeat(np.arange(self.users), len(steps)) + np.tile(places, self.users)) % 20,
            }
        )
        return Log(events, pd.DataFrame({"title": [f"Item {i}" for i in range(20)]}, index=range(20)))


class Mortal(Method):
    """Scores by item number, and dies where it is told to."""

    name = "mortal"
    version = "1"

    class Config(Method.Config):
        fate: str = "live"
        """`live`; `raise` in fit; `raise-in-score`; `write`; `die`; `exit`; `sys-exit`; `hang`; `hoard`, alone or `by a
        child`; `chat`; `infinite` and `wrong-shape` scores."""

    config: "Mortal.Config"

    def fit(self, train, run):
        self.n_items = train.n_items
        assert train.items["title"].iloc[3] == "Item 3"
        moment("fit")
        run.log("fitted")
        match self.config.fate:
            case "raise":
                raise ValueError("this method is meant to fail")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "write":
                train.items["title"] = "overwritten"  # a copy of its own
                train.sequences.items[:] = 0
            case "exit":
                os._exit(7)
            case "sys-exit":
                sys.exit(0)
            case "hang":
                time.sleep(600)
            case "hoard":
                self.hoard = np.ones(2**28)  # 2 GiB
                time.sleep(600)
            case "hoard by a child":
                subprocess.run([sys.executable, "-c", "import time; x = b'x' * 2**31; time.sleep(600)"], check=True)
            case "chat":
                print("}{ this is no JSON")
                os.system("echo nor this")

    def score(self, queries):
        moment("score")
        if self.config.fate == "raise-in-score":
            raise RuntimeError("no scores today")
        columns = np.arange(self.n_items) if queries.candidates is None else queries.candidates
        scores = np.broadcast_to(columns, (len(queries), columns.shape[-1])).astype(np.float32)
        if self.config.fate == "infinite":
            scores[0, 0] = np.inf
        return scores[:, :-1] if self.config.fate == "wrong-shape" else scores


class Aimed(Method):
    """Scores by nearness to the item so many steps after the last one; on the ring, one step is right."""

    name = "aimed"
    version = "1"

    class Config(Method.Config):
        aim: Annotated[int, Range(0, 19)] = 7
        """How many steps."""
        spread: Annotated[float, Range(0.5, 2)] = 1.0
        """Changes nothing."""
        fate: str = "live"
        """`live`; `raise-above-9`; `die-above-9`; `raise-once`, while the file MEND is missing; `picky`, which refuses
        to be configured with both options high."""

        @model_validator(mode="after")
        def _not_both(self):
            if self.fate == "picky" and self.aim > 9 and self.spread > 1:
                raise ValueError("aim and spread are both high")
            return self

    config: "Aimed.Config"

    def fit(self, train, run):
        self.n_items = train.n_items
        run.log(f"aim {self.config.aim}")
        moment(f"fit of a search with seed {run.seed}")
        high = self.config.aim > 9
        match self.config.fate:
            case "raise-above-9" if high:
                raise ValueError("too far")
            case "die-above-9" if high:
                os.kill(os.getpid(), signal.SIGKILL)
            case "raise-once" if not Path(os.environ["MEND"]).exists():
                raise ValueError("not mended yet")

    def score(self, queries):
        histories = queries.histories
        last = histories.items[histories.offsets[1:] - 1]
        columns = np.arange(self.n_items) if queries.candidates is None else queries.candidates
        steps = (np.broadcast_to(columns, (len(queries), columns.shape[-1])) - last[:, None]) % 20
        return -np.abs(steps - self.config.aim).astype(np.float32)


class Doom(PerUserMetric):
    """Zero for everyone."""

    name = "Doom"
    direction = "neither"
    bounds = (0, 0)
    formula = "0"
    source = "none"

    def per_query(self, rankings, k):
        moment("measure")
        if os.environ.get("DOOM") == "raise":
            raise RuntimeError("this metric is meant to fail")
        return np.zeros(rankings.n_queries)


@hookimpl
def register_methods():
    return [Mortal, Aimed]


@hookimpl
def register_datasets():
    return [Ring]


@hookimpl
def register_metrics():
    return [Doom]


@hookimpl
def trial_finished(record):
    if os.environ.get("KILL_AT") == "no process, but a hook":
        raise RuntimeError("this hook\nis meant to fail")
    if is_now("after the first record"):  # in the main process itself
        os.kill(os.getpid(), signal.SIGKILL)


_rename, _write_text = Path.rename, Path.write_text


def rename(self: Path, target: Path) -> Path:
    if ".aside-" in self.name:
        moment("before the rename")
    moved = _rename(self, target)
    if ".aside-" in self.name:
        moment("after the rename")
    return moved


def write_text(self: Path, *arguments, **options) -> int:
    if self.name == "record.json":
        _write_text(self, "{", encoding="utf-8")  # half a record
        moment("half-written record")
    return _write_text(self, *arguments, **options)


if os.environ.get("KILL_AT") in ("before the rename", "after the rename", "half-written record"):
    Path.rename, Path.write_text = rename, write_text
