"""Who bought what and when: activity, days, and choices made step by step for all users at once.

Choices compare whole numbers only (weights are rounded before they are used), so that they do not depend on how a
machine rounds its exponentials or orders its sums.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmrec_bench_plugins.datasets.shop.catalogue import MARKS, Catalogue
from llmrec_bench_plugins.datasets.shop.shoppers import Shoppers

LEAST_EVENTS = 5
"""Every user has at least as many events."""
MOST_TIMES_MEAN = 8
"""No user has more events than this many times the mean."""
BRAND_POINTS = 2
"""A favourite brand counts as much as two liked attributes."""
CATEGORY_POINTS = 4
"""A favourite category counts as much as four."""
LAGS = np.array([1, 1, 2, 3])
"""How many purchases ago the item was bought that a follow-up belongs to; each entry is equally likely."""

_LIFT_SCALE = 1_000
_START_DAYS = 1_095


@dataclass(frozen=True)
class Purchases:
    """N events, user after user, each user's in their true order."""

    users: npt.NDArray[np.int64]
    """int64 (N,): user codes."""
    items: npt.NDArray[np.int64]
    """int64 (N,): item codes; no user has an item twice."""
    days: npt.NDArray[np.int64]
    """int64 (N,): days since the shop opened, never falling within a user."""
    lives: npt.NDArray[np.float64]
    """float64 (N,): the share of the user's events that came before, in [0, 1)."""
    launches: npt.NDArray[np.int64]
    """int64 (I,): the day from which each item can be bought; 0 for all but the cold ones."""


def make_purchases(
    catalogue: Catalogue,
    shoppers: Shoppers,
    *,
    mean_events: float,
    same_day_share: float,
    taste_strength: float,
    momentum: int,
    follow_up: float,
    rng: np.random.Generator,
) -> Purchases:
    """Draw everyone's activity and days, then the launch days of cold items, then all choices."""
    most = min(round(MOST_TIMES_MEAN * mean_events), len(catalogue.categories) // 4)
    counts = _draw_counts(len(shoppers.attributes.early), mean_events, most, rng)
    users = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    steps = np.arange(len(users)) - starts[users]
    days = _draw_days(counts, users, steps, same_day_share, rng)
    launches = _draw_launches(catalogue.cold, days, rng)
    chooser = _Chooser(catalogue, shoppers, launches, taste_strength, momentum, follow_up)
    items = np.full(len(users), -1)
    by_activity = np.argsort(-counts, kind="stable")
    baskets = np.full((len(counts), int(counts.max())), -1)
    for step in range(baskets.shape[1]):
        active = by_activity[: np.searchsorted(-counts[by_activity], -step, side="left")]
        rows = starts[active] + step
        chosen = chooser.choose(active, step / counts[active], days[rows], baskets[active, :step], rng)
        baskets[active, step] = items[rows] = chosen
    return Purchases(users=users, items=items, days=days, lives=steps / counts[users], launches=launches)


def taste_points(
    attributes: npt.NDArray[np.int64], dimensions: npt.NDArray[np.int64], sides: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """int64 (N, 3): +1 where a taste (N, 6) likes an item's mark, -1 where it likes the other pole, else 0.

    `dimensions` and `sides` are (N, 3).
    """
    points: npt.NDArray[np.int64] = np.take_along_axis(attributes, dimensions, axis=1) * sides
    return points


def lifts(taste_strength: float) -> npt.NDArray[np.int64]:
    """int64 (9,): the weight of -3, ..., +5 points of taste, in thousandths, at least 1."""
    points = np.arange(-MARKS, MARKS + BRAND_POINTS + 1)
    weights: npt.NDArray[np.int64] = np.maximum(np.rint(_LIFT_SCALE * taste_strength**points), 1).astype(np.int64)
    return weights


def _draw_counts(users: int, mean: float, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """int64 (U,): events per user: five and a tail that falls as the inverse square (mean 1 before scaling)."""
    tail = 1 / np.sqrt(1 - rng.random(users)) - 1
    return np.minimum(LEAST_EVENTS + np.rint((mean - LEAST_EVENTS) * tail).astype(np.int64), most)


def _draw_days(
    counts: npt.NDArray[np.int64],
    users: npt.NDArray[np.int64],
    steps: npt.NDArray[np.int64],
    same_day_share: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """int64 (N,): a start per user, then gaps of many days or none; busy users have shorter gaps."""
    product = rng.integers(60, size=len(users)) * rng.integers(60, size=len(users))
    gaps = np.where(rng.random(len(users)) < same_day_share, 0, 1 + product // (2 * counts[users]))
    gaps[steps == 0] = rng.integers(_START_DAYS, size=len(counts))
    total = np.cumsum(gaps)
    before = np.where(steps == 0, total - gaps, 0)
    return total - np.maximum.accumulate(before)


def _draw_launches(
    cold: npt.NDArray[np.bool_], days: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """int64 (I,): cold items appear on a day between those on which 80 % and 97 % of all events are past."""
    in_order = np.sort(days)
    first, last = in_order[len(days) * 80 // 100], in_order[len(days) * 97 // 100]
    return np.where(cold, rng.integers(first, last + 1, size=len(cold)), 0)


class _Chooser:
    """Draws the next item of many users: a follow-up, or a category and then an item in it."""

    def __init__(
        self,
        catalogue: Catalogue,
        shoppers: Shoppers,
        launches: npt.NDArray[np.int64],
        taste_strength: float,
        momentum: int,
        follow_up: float,
    ) -> None:
        self.catalogue = catalogue
        self.shoppers = shoppers
        self.launches = launches
        self.momentum = momentum
        self.follow_up = follow_up
        self.lifts = lifts(taste_strength)
        self.category_lift = max(round(_LIFT_SCALE * taste_strength**CATEGORY_POINTS), 1)
        categories = catalogue.categories
        sizes = np.bincount(categories)
        self.warm_sizes = np.bincount(categories[launches == 0], minlength=len(sizes))
        self.category_weights = np.zeros(len(sizes), dtype=np.int64)
        np.add.at(self.category_weights, categories, catalogue.popularity)
        # Items by category, the rows padded with -1; `places` is each item's column there.
        order = np.argsort(categories, kind="stable")
        self.places = np.empty(len(categories), dtype=np.int64)
        self.places[order] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        self.shelves = np.full((len(sizes), int(sizes.max())), -1)
        self.shelves[categories, self.places] = np.arange(len(categories))

    def choose(
        self,
        users: npt.NDArray[np.int64],
        lives: npt.NDArray[np.float64],
        days: npt.NDArray[np.int64],
        baskets: npt.NDArray[np.int64],
        rng: np.random.Generator,
    ) -> npt.NDArray[np.int64]:
        """int64 (B,): an item for each user that is not in the user's row of `baskets` (B, step)."""
        categories = self._choose_categories(users, lives, baskets, rng)
        items = self._choose_items(users, lives, days, baskets, categories, rng)
        wanted = rng.random(len(users)) < self.follow_up
        lags = LAGS[rng.integers(len(LAGS), size=len(users))]
        step = baskets.shape[1]
        if step == 0:
            return items
        bought = baskets[np.arange(len(users)), np.maximum(step - lags, 0)]
        following = self.catalogue.successors[bought]
        possible = (lags <= step) & (following >= 0) & (self.launches[following] <= days)
        possible &= ~(baskets == following[:, None]).any(axis=1)
        return np.where(wanted & possible, following, items)

    def _choose_categories(
        self,
        users: npt.NDArray[np.int64],
        lives: npt.NDArray[np.float64],
        baskets: npt.NDArray[np.int64],
        rng: np.random.Generator,
    ) -> npt.NDArray[np.int64]:
        rows = np.arange(len(users))
        favourites = self.shoppers.categories.at(users, lives)
        liked = np.zeros((len(users), len(self.category_weights)), dtype=bool)
        liked[rows[:, None], favourites] = True
        weights = self.category_weights * np.where(liked, self.category_lift, _LIFT_SCALE)
        owned = np.zeros(weights.shape, dtype=np.int64)
        if baskets.shape[1]:
            past = self.catalogue.categories[baskets]
            weights[rows, past[:, -1]] *= self.momentum
            np.add.at(owned, (np.broadcast_to(rows[:, None], past.shape), past), 1)
        # What is left then has an item that the user lacks and that is on sale from the first day.
        weights[owned >= self.warm_sizes] = 0
        return _draw(weights, rng)

    def _choose_items(
        self,
        users: npt.NDArray[np.int64],
        lives: npt.NDArray[np.float64],
        days: npt.NDArray[np.int64],
        baskets: npt.NDArray[np.int64],
        categories: npt.NDArray[np.int64],
        rng: np.random.Generator,
    ) -> npt.NDArray[np.int64]:
        shelf = self.shelves[categories]
        attributes = self.shoppers.attributes.at(users, lives)
        both_poles = np.concatenate([-attributes, attributes], axis=1)
        poles = self.catalogue.dimensions + np.where(self.catalogue.sides > 0, attributes.shape[1], 0)
        points = np.full(shelf.shape, MARKS)
        for mark in range(MARKS):
            points += np.take_along_axis(both_poles, poles[:, mark][shelf], axis=1)
        brands = self.catalogue.brands[shelf]
        favourites = self.shoppers.brands.at(users, lives)
        liked = np.zeros(shelf.shape, dtype=bool)
        for k in range(favourites.shape[1]):
            liked |= brands == favourites[:, k, None]
        points += BRAND_POINTS * liked
        weights = self.catalogue.popularity[shelf] * self.lifts[points]
        weights[(shelf < 0) | (self.launches[shelf] > days[:, None])] = 0
        owned_row, owned_step = np.nonzero(self.catalogue.categories[baskets] == categories[:, None])
        weights[owned_row, self.places[baskets[owned_row, owned_step]]] = 0
        columns = _draw(weights, rng)
        return shelf[np.arange(len(users)), columns]


def _draw(weights: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """int64 (B,): a column per row of `weights` (B, C), drawn in proportion; every row has a positive weight."""
    sums = np.cumsum(weights, axis=1)
    marks = rng.integers(sums[:, -1])
    columns: npt.NDArray[np.int64] = (sums <= marks[:, None]).sum(axis=1)
    return columns
