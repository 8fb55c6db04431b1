"""The search for a method's options: what to try next, given what was tried.

Optuna proposes. It is asked anew for every fit, from the fits so far and a seed of the fit's own, so that a search
killed at any moment goes on as if it had not been, and a larger budget continues a smaller one.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from llmrec_bench.config import Config
from llmrec_bench.search_space import Choice, Range, SearchSpace

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

INSTALL = "pip install 'llmrec-bench[tune]'"


class Tuning(Config):
    """The budget of every method that is tuned, the same for all of them, and what their options are chosen by."""

    fits: Annotated[int, Field(ge=1)] = 20
    """How often each tuned method is fitted on each data set; the first time with the options it has untuned."""
    metric: str = "NDCG@10"
    """Measured on the validation queries; the fit where it is highest gives the options."""
    sampler: Literal["tpe", "random"] = "tpe"
    """How Optuna picks options: by the tree-structured Parzen estimator, random for the first ten, or at random."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """The seed of the search and of its fits."""


@dataclass(frozen=True)
class Attempt:
    """One fit of a search."""

    options: Mapping[str, Any]
    """The searched options that differ from the method's own; none in the first fit."""
    value: float | None
    """The validation metric; None where the fit failed."""


def has_optuna() -> bool:
    """Whether the package that proposes options is installed."""
    return importlib.util.find_spec("optuna") is not None


def propose(
    space: SearchSpace, whole: set[str], untuned: Mapping[str, Any], past: Sequence[Attempt], tuning: Tuning
) -> dict[str, Any]:
    """The options to try after `past`; none at first, so that the untuned ones, `untuned`, are a candidate too.

    `whole` names the options that hold whole numbers.
    """
    if not past:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(part, name in whole) for name, part in sorted(space.items())}
    seed = int(np.random.SeedSequence([tuning.seed, len(past)]).generate_state(1)[0])
    sampler = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}[tuning.sampler](seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for number, attempt in enumerate(past):
        options = {name: {**untuned, **attempt.options}[name] for name in distributions}
        failed = attempt.value is None
        state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
        try:
            done = optuna.trial.create_trial(
                params=options, distributions=distributions, value=attempt.value, state=state
            )
        except ValueError:
            if number:
                raise
            continue  # the untuned options may lie outside of the space, where Optuna has no place for them
        study.add_trial(done)
    return study.ask(distributions).params


def best_of(past: Sequence[Attempt]) -> int | None:
    """The number of the attempt with the highest value, the first of equals; None where none has a value."""
    valued = [number for number, attempt in enumerate(past) if attempt.value is not None]
    return max(valued, key=lambda number: (past[number].value, -number), default=None)


def _distribution(part: Range | Choice, whole: bool) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(part, Choice):
        return CategoricalDistribution(part.values)
    if whole:
        return IntDistribution(int(part.low), int(part.high), log=part.log)
    return FloatDistribution(part.low, part.high, log=part.log)
