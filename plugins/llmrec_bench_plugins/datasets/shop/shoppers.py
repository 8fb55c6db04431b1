"""The people of a shop: what they like, and how that changes over their lives."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmrec_bench_plugins.datasets.shop.vocabulary import DIMENSIONS

FAVOURITES = 3
"""Favourite categories, and favourite brands, of every user."""

_NEVER = 2.0


@dataclass(frozen=True)
class Tastes:
    """K tastes of each user, each held until its own moment of change and replaced there, or held for ever."""

    early: npt.NDArray[np.int64]
    """int64 (U, K): the values at the start."""
    late: npt.NDArray[np.int64]
    """int64 (U, K): the values that replace them."""
    changes: npt.NDArray[np.float64]
    """float64 (U, K): the share of the user's life at which that happens; 2 where it never does."""

    def at(self, users: npt.NDArray[np.integer], lives: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """int64 (N, K): the tastes of `users` (N,) after the shares `lives` (N,) of their lives, in [0, 1)."""
        changed = lives[:, None] >= self.changes[users]
        tastes: npt.NDArray[np.int64] = np.where(changed, self.late[users], self.early[users])
        return tastes


@dataclass(frozen=True)
class Shoppers:
    """U users. The same seed gives the same people in every domain."""

    attributes: Tastes
    """K = 6: what each dimension means to the user: -1 and +1 like that pole, 0 is indifferent."""
    categories: Tastes
    """K = 3: numbers of favourite categories; a number may stand twice."""
    brands: Tastes
    """K = 3: numbers of favourite brands; a number may stand twice."""


def make_shoppers(users: int, categories: int, brands: int, drift: float, rng: np.random.Generator) -> Shoppers:
    """Draw people; each taste changes once in a life with probability `drift`."""
    return Shoppers(
        attributes=_draw_tastes(np.array([-1, -1, 0, 1, 1]), (users, len(DIMENSIONS)), drift, rng),
        categories=_draw_tastes(np.arange(categories), (users, FAVOURITES), drift, rng),
        brands=_draw_tastes(np.arange(brands), (users, FAVOURITES), drift, rng),
    )


def _draw_tastes(
    values: npt.NDArray[np.int64], shape: tuple[int, int], drift: float, rng: np.random.Generator
) -> Tastes:
    """Uniform draws from `values`, and moments of change spread over the middle of the life."""
    early, late = values[rng.integers(len(values), size=shape)], values[rng.integers(len(values), size=shape)]
    moments = 0.2 + 0.6 * rng.random(shape)
    # Drawn whatever `drift` is, so that a stronger drift only adds changes to the same people.
    changes = np.where(rng.random(shape) < drift, moments, _NEVER)
    return Tastes(early=early, late=late, changes=changes)
