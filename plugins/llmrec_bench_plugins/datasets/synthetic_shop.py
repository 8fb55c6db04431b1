"""A made shop, for runs that need texts, reviews and known preferences without anyone's data."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from llmrec_bench import DataSource, Log
from llmrec_bench_plugins.datasets.shop.catalogue import Catalogue, make_catalogue
from llmrec_bench_plugins.datasets.shop.purchases import Purchases, make_purchases
from llmrec_bench_plugins.datasets.shop.reviews import draw_ratings, write_reviews
from llmrec_bench_plugins.datasets.shop.shoppers import Shoppers, make_shoppers
from llmrec_bench_plugins.datasets.shop.vocabulary import VOCABULARIES

_SECONDS_PER_DAY = 86_400
_OPENING = 1_483_228_800  # 2017-01-01 00:00 UTC
_PEOPLE, _ITEMS, _PURCHASES, _REVIEWS = range(4)  # the random streams of one seed


@dataclass(frozen=True)
class Truth:
    """What lies behind a shop. For tests and for measuring how much of it a method can recover; no method reads it."""

    catalogue: Catalogue
    """The items; code i is row i of `Log.items`."""
    shoppers: Shoppers
    """The users; code u is the user `u + 1` of the log's tokens, `U00001` for 0."""
    purchases: Purchases
    """The events, user after user; `Log.events` holds the same ones by day."""


class SyntheticShop(DataSource):
    """A seeded shop whose users buy, rate and review by taste, in one of three domains.

    Items have a category, a brand and three attributes out of six dimensions (price, mood, size, style, company,
    energy), all of them words of the title. Users like some poles of these dimensions, three categories and three
    brands. A purchase is a follow-up of a recent one (a sequel, a refill, a spare part), or else a category drawn by
    popularity, liking and the last category, and an item in it drawn by popularity, liked attributes and liked
    brands. Nobody buys an item twice. Stars follow the match of attributes, reviews name them.

    The domains share the people (of the same seed), the dimensions and the way of choosing, but no word of a title.
    The same options give the same bytes everywhere: choices compare whole numbers.
    """

    name: ClassVar[str] = "synthetic-shop"
    reference: ClassVar[str] = "Made by this project; no real people, products or reviews. MIT, as the code."
    simulated: ClassVar[bool] = True

    domain: Literal["games", "food", "home"] = "games"
    """Whose words to use, and which of three different catalogues."""
    users: int = Field(default=1500, ge=10, le=50_000)
    """Number of users; each has at least five events."""
    items: int = Field(default=1200, ge=200, le=4000)
    """Number of items in the catalogue; a few may have no event."""
    mean_events: float = Field(default=10.0, ge=5.0, le=100.0)
    """About how many events a user has on average. Most have fewer and a few many, up to eight times the mean or a
    quarter of the items; 5 gives everyone exactly five."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Draws everything. The same seed has the same users with the same tastes in every domain."""
    skew: float = Field(default=0.8, ge=0.0, le=1.5)
    """Zipf exponent of popularity: 0 makes all items equally popular."""
    taste_strength: float = Field(default=3.0, ge=1.0, le=6.0)
    """How many times likelier an item becomes by each attribute the user likes (as much less likely by each disliked
    one); its square for a favourite brand, its fourth power for a favourite category. 1 makes tastes idle."""
    drift: float = Field(default=0.3, ge=0.0, le=1.0)
    """Probability that a taste is replaced once, between 20 % and 80 % of the user's events."""
    momentum: int = Field(default=8, ge=1, le=20)
    """How many times likelier the category of a user's last purchase is in the next. 1 makes it idle."""
    follow_up: float = Field(default=0.3, ge=0.0, le=1.0)
    """Probability that a user wants the follow-up of one of the last three purchases, and buys it if it exists."""
    cold_share: float = Field(default=0.1, ge=0.0, le=0.5)
    """Share of items launched only when 80 % to 97 % of all events are past."""
    same_day_share: float = Field(default=0.3, ge=0.0, le=0.95)
    """Share of events on the same day as the user's event before, so at an equal time; file order is the true one."""

    features: bool = False
    """Whether to tell the attribute word that the first sentence of each review names, as the column `feature`."""

    @model_validator(mode="after")
    def _enough_items(self) -> "SyntheticShop":
        if self.mean_events > self.items / 8:
            raise ValueError(
                f"mean_events {self.mean_events:g} is too many for {self.items} items; "
                f"at most items / 8 = {self.items / 8:g}"
            )
        return self

    def read(self) -> Log:
        """The shop's log, by day. Columns `user`, `item` (`U00001`, `I0001`), `time` (UTC midnights), `rating`
        (1 to 5), `review` and, where `features` asks for it, `feature`; items with `title`, `category`, `brand`,
        `price` and `description`."""
        truth = self.truth()
        purchases = truth.purchases
        rng = self._generator(_REVIEWS)
        ratings = draw_ratings(truth.catalogue, truth.shoppers, purchases, rng)
        vocabulary = VOCABULARIES[self.domain]
        reviews, words = write_reviews(vocabulary, truth.catalogue, truth.shoppers, purchases, ratings, rng)
        order = np.argsort(purchases.days, kind="stable")
        names = np.array([f"U{user + 1:05d}" for user in range(self.users)], dtype=object)
        events = pd.DataFrame(
            {
                "user": names[purchases.users[order]],
                "item": truth.catalogue.texts.index.to_numpy()[purchases.items[order]],
                "time": _OPENING + _SECONDS_PER_DAY * purchases.days[order],
                "rating": ratings[order],
                "review": reviews[order],
            }
        )
        if self.features:
            events["feature"] = words[order]
        return Log(events=events, items=truth.catalogue.texts)

    def truth(self) -> Truth:
        """The tastes, items and purchases behind `read()`."""
        vocabulary = VOCABULARIES[self.domain]
        shoppers = make_shoppers(
            self.users,
            len(vocabulary.categories),
            len(vocabulary.brands()),
            self.drift,
            self._generator(_PEOPLE),
        )
        catalogue = make_catalogue(vocabulary, self.items, self.skew, self.cold_share, self._generator(_ITEMS))
        purchases = make_purchases(
            catalogue,
            shoppers,
            mean_events=self.mean_events,
            same_day_share=self.same_day_share,
            taste_strength=self.taste_strength,
            momentum=self.momentum,
            follow_up=self.follow_up,
            rng=self._generator(_PURCHASES),
        )
        return Truth(catalogue=catalogue, shoppers=shoppers, purchases=purchases)

    def _generator(self, stream: int) -> np.random.Generator:
        """A generator of its own for each stream; that of the people does not know the domain."""
        domain = 0 if stream == _PEOPLE else list(VOCABULARIES).index(self.domain)
        return np.random.default_rng([self.seed, stream, domain])
