"""A plugin for an environment of its own: methods that fade, meet their fate, or ask for what cannot be had there."""

import os
import time
from pathlib import Path

import numpy as np

from llmrec_bench import Method, Stage, hookimpl


class Fading(Method):
    """Count what was bought, older purchases for less."""

    name = "fading"
    version = "3"
    source = "these tests"
    settings = {"quick": {"keep": 0.5}}  # noqa: RUF012

    class Config(Method.Config):
        keep: float = 0.9
        """What a purchase is worth to the one before it."""
        fate: str = "live"
        """`live`, `exit`, `hang`, `raise`."""
        words: Path | None = None
        """A file."""

    config: "Fading.Config"

    def fit(self, train, run):
        match self.config.fate:
            case "exit":
                os._exit(5)
            case "hang":
                (Path(os.environ["FADING_MARK"])).write_text(str(os.getpid()))
                time.sleep(600)
            case "raise":
                raise ValueError("meant to fail, far away")
        print("heard from afar")
        run.log(f"numpy {np.__version__}")
        ages = np.concatenate([np.arange(n)[::-1] for n in np.diff(train.sequences.offsets)])
        weights = self.config.keep**ages
        self.scores = np.bincount(train.sequences.items, weights, train.n_items).astype(np.float32)

    def score(self, queries):
        if queries.candidates is None:
            return np.tile(self.scores, (len(queries), 1))
        return self.scores[queries.candidates]


class Letters(Stage):
    """Nothing."""

    name = "letters"
    version = "1"

    def build(self, train, out, run):
        pass


class Staged(Fading):
    """Needs a stage."""

    name = "staged"

    class Config(Fading.Config):
        letters: Letters = Letters()
        """A stage."""


@hookimpl
def register_methods():
    return [Fading, Staged]
