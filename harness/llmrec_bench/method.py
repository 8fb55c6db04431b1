"""The thing being compared: a method is configured, fitted on the past, and scores candidates."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench.config import Config as BaseConfig
from llmrec_bench.data.training import Queries, TrainingData
from llmrec_bench.llm.prompt import Prompt
from llmrec_bench.stage import Stage

if TYPE_CHECKING:
    from llmrec_bench.llm.language_model import LanguageModel
    from llmrec_bench.llm.metered import MeteredModel

Scores = npt.NDArray[np.float32]
"""float32 (B, C), higher is better, NaN where the method has no opinion."""


@dataclass(frozen=True)
class Run:
    """What a trial lends to `Method.fit`."""

    seed: int
    """The trial's seed, for libraries that want a number."""
    rng: np.random.Generator
    """A generator seeded by the trial's seed; use it for everything random in numpy."""
    device: str
    """`cpu`, or `cuda` or `cuda:N` where the user asked for it."""
    validate: Callable[[Callable[[Queries], Scores], str], float]
    """`run.validate(self.score, "NDCG@10")`: the metric's mean over the validation queries, under the suite's
    own candidates, mask and ties. Raises `BenchError` where there is no validation query."""
    log: Callable[[str], None]
    """Keeps a line in the trial's record."""
    artifact: Callable[[Stage], Path]
    """`run.artifact(self.config.item_text)`: the finished folder of a stage that is one of the method's options."""
    llm: "Callable[[LanguageModel.Config], MeteredModel]"
    """The language model an option names, recorded and metered; what is asked during `fit` counts as one-off, what
    is asked during `score` as spent on the requests."""
    users: pd.Index
    """U user tokens in code order, as text, for what is written about users elsewhere. No stage has them, whose key
    knows nothing of tokens."""


class Method(ABC):
    """A recommendation method. Subclass it, name it, give it a `Config`, and register the class.

    The harness owns splits, candidates, masks, ties and metrics; a method only scores.
    """

    name: ClassVar[str]
    """What a suite writes to ask for it."""
    version: ClassVar[str]
    """Raised when the same config would give other scores; part of every trial's id."""
    source: ClassVar[str] = ""
    """The paper (and equation or table) the method comes from."""

    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Options that a paper or a well-known implementation uses, by name: `settings: NAME` in a suite sets them, and a
    table marks the row."""

    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of `bench check` that it is meant to fail, by name, each with the reason; it stands below the tables."""

    ties_are_open: ClassVar[bool] = False
    """True where equal scores mean that an order was left open, as by a language model that ranked some of its
    candidates: tables then say how low and how high each number could be."""

    class Config(BaseConfig):
        """No options. A `Range` or `Choice` in a field's annotation says what tuning may try."""

        def by_seed(self, seeds: Sequence[int]) -> Mapping[int, Self]:
            """The options of each trial by its seed, out of those that the suite has: the same for every seed, unless a
            method has a part for each, or one for all."""
            return dict.fromkeys(seeds, self)

    def __init__(self, config: Config) -> None:
        """Store the options and nothing else; `fit` does the work and overwrites earlier fits."""
        self.config = config

    @abstractmethod
    def fit(self, train: TrainingData, run: Run) -> None:
        """Learn from training rows and validation targets. The same seed gives the same fit on a CPU."""

    def prompts(self, train: TrainingData, queries: Queries, seed: int) -> Sequence[Prompt]:
        """What `score` would ask a language model for these queries after a fit to `train` with the run's seed, for
        the estimate of a plan; nothing is fitted yet."""
        return ()

    @property
    def prompts_need_fit(self) -> bool:
        """True where what is asked depends on the fit, or on earlier answers: `prompts` then gives as many, about as
        long, of other words."""
        return False

    def language_model(self) -> "LanguageModel.Config | None":
        """Which model those prompts go to."""
        return None

    @property
    def parameters(self) -> int | None:
        """How many numbers `fit` learned; None where that means nothing. Asked after `fit`."""
        return None

    def prompt_places(self, queries: Queries) -> npt.NDArray[np.int64] | None:
        """int64 (B, C): the place, from 0, of each candidate in the query's first prompt, -1 for one not shown; None
        for a method without prompts, or where no prompt comes first. Asked after `score`, to tell how accuracy moves
        with the target's place."""
        return None

    def explain(self, users: npt.NDArray[np.int32], items: npt.NDArray[np.int32]) -> Sequence[str] | None:
        """Why each user might like each item: N texts, '' for one it has nothing to say of, from codes, int32 (N,)
        each; None for a method that writes none.

        Asked once, after the last query is scored, where the protocol has `explanations`; the pairs are those of
        held-out reviews, so that an item may be the very target of a query. A text must not depend on the other pairs.
        """
        return None

    @property
    def remarks(self) -> Sequence[str]:
        """What a reader of results has to know of these scores and explanations, a clause each; it stands below the
        tables. Asked after the last query is scored and the last pair explained."""
        return ()

    @abstractmethod
    def score(self, queries: Queries) -> Scores:
        """float32 (B, C), higher is better, NaN where the method cannot score.

        C is the width of `queries.candidates`, or I where that is None. Columns that hold PAD are ignored.
        A score must not depend on which other queries share the block, nor on the order of candidates.
        """
