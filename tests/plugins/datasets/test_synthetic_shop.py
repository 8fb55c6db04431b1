"""The synthetic shop keeps its promises: counts, order, skew, drift, cold items, texts, and recoverable tastes."""

import re
from functools import cache
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from llmrec_bench import Log
from llmrec_bench_plugins.datasets.shop.catalogue import make_catalogue
from llmrec_bench_plugins.datasets.shop.purchases import BRAND_POINTS, CATEGORY_POINTS, lifts, taste_points
from llmrec_bench_plugins.datasets.shop.shoppers import Tastes
from llmrec_bench_plugins.datasets.shop.vocabulary import DIMENSIONS, FUNCTION_WORDS, PHRASES, VOCABULARIES
from llmrec_bench_plugins.datasets.synthetic_shop import SyntheticShop, Truth

DOMAINS = ("games", "food", "home")
SMALL = SyntheticShop(users=120, items=240, seed=3)


@cache
def log_of(shop: SyntheticShop) -> Log:
    return shop.read()


@cache
def truth_of(shop: SyntheticShop) -> Truth:
    return shop.truth()


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


# -- by hand ----------------------------------------------------------------------------------------------------


def test_a_taste_changes_at_its_own_moment() -> None:
    tastes = Tastes(
        early=np.array([[1, 0], [-1, 1]]),
        late=np.array([[-1, 1], [0, 0]]),
        changes=np.array([[0.5, 2.0], [0.25, 0.75]]),
    )
    users, lives = np.array([0, 0, 1, 1]), np.array([0.4, 0.5, 0.5, 0.75])
    assert tastes.at(users, lives).tolist() == [[1, 0], [-1, 0], [0, 1], [0, 0]]


def test_points_are_likes_less_dislikes() -> None:
    tastes = np.array([[1, -1, 0, 0, 0, 1]])
    points = taste_points(tastes, dimensions=np.array([[0, 1, 5]]), sides=np.array([[1, 1, -1]]))
    assert points.tolist() == [[1, -1, -1]]


def test_lifts_are_whole_thousandths() -> None:
    assert lifts(2.0).tolist() == [125, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000]
    assert lifts(1.0).tolist() == [1000] * 9


def test_popularity_is_zipf_and_lines_have_one_to_four_items() -> None:
    catalogue = make_catalogue(VOCABULARIES["games"], 200, 1.0, 0.25, np.random.default_rng(0))
    assert np.sort(catalogue.popularity)[::-1][:4].tolist() == [1_000_000, 500_000, 333_333, 250_000]
    assert catalogue.cold.sum() == 50
    # Twenty times 1 + 2 + 3 + 4 items, so 80 lines, each with one item that nothing follows.
    assert (catalogue.successors == -1).sum() == 80
    following = catalogue.successors[catalogue.successors >= 0]
    assert len(np.unique(following)) == len(following) == 120


# -- what is promised of every shop ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(
    domain=st.sampled_from(DOMAINS),
    users=st.integers(10, 60),
    items=st.integers(200, 300),
    mean_events=st.floats(5, 25),
    seed=st.integers(0, 2**32 - 1),
    skew=st.floats(0, 1.5),
    strength=st.floats(1, 6),
    follow_up=st.floats(0, 1),
    cold_share=st.floats(0, 0.5),
)
def test_every_shop_is_a_sound_log(
    domain: str,
    users: int,
    items: int,
    mean_events: float,
    seed: int,
    skew: float,
    strength: float,
    follow_up: float,
    cold_share: float,
) -> None:
    shop = SyntheticShop.model_validate(
        {
            "domain": domain,
            "users": users,
            "items": items,
            "mean_events": mean_events,
            "seed": seed,
            "skew": skew,
            "taste_strength": strength,
            "follow_up": follow_up,
            "cold_share": cold_share,
        }
    )
    log = shop.read()
    assert len(log.items) == items
    assert log.items.index.is_unique
    assert log.items["title"].is_unique
    assert log.events["item"].isin(log.items.index).all()
    lengths = log.events.groupby("user").size()
    assert len(lengths) == users
    assert lengths.min() >= 5
    assert lengths.max() <= items / 4
    assert not log.events.duplicated(["user", "item"]).any()
    assert log.events["time"].is_monotonic_increasing
    assert log.events["rating"].isin([1, 2, 3, 4, 5]).all()
    assert (log.events["review"].str.len() > 10).all()


def test_columns_and_types() -> None:
    log = log_of(SMALL)
    assert list(log.events.columns) == ["user", "item", "time", "rating", "review"]
    assert log.events["time"].dtype == np.int64
    assert log.events["rating"].dtype == np.float64
    assert list(log.items.columns) == ["title", "category", "brand", "price", "description"]
    assert log.items["price"].between(1, 1000).all()
    assert SyntheticShop.simulated


def test_same_options_same_bytes() -> None:
    first, second = SMALL.read(), SMALL.read()
    assert first.events.to_csv(lineterminator="\n") == second.events.to_csv(lineterminator="\n")
    assert first.items.to_csv(lineterminator="\n") == second.items.to_csv(lineterminator="\n")


def test_pinned_to_the_byte() -> None:
    """Fails where a change, a machine or a numpy release draws another shop: then `version` must rise."""
    log = log_of(SMALL)
    assert len(log.events) == 1052
    assert log.events.iloc[0].tolist() == [
        "U00009",
        "I0206",
        np.int64(1483747200),
        np.float64(5.0),
        "Among all the bargain ones I know, this fighting game stands out.",
    ]
    assert sha256(log.events.to_csv(lineterminator="\n").encode()).hexdigest()[:16] == "7484212177c1724d"
    assert sha256(log.items.to_csv(lineterminator="\n").encode()).hexdigest()[:16] == "0a6c8c7b99fbbdda"


def test_seeds_differ() -> None:
    other = log_of(SMALL.model_copy(update={"seed": 4}))
    assert log_of(SMALL).items["title"].isin(other.items["title"]).mean() < 0.1
    assert log_of(SMALL).events["item"].tolist() != other.events["item"].tolist()


@pytest.mark.parametrize("domain", DOMAINS)
def test_default_size(domain: str) -> None:
    log = log_of(SyntheticShop(domain=domain))
    lengths = log.events.groupby("user").size()
    assert (len(lengths), len(log.items)) == (1500, 1200)
    assert 13_000 < len(log.events) < 17_000
    assert lengths.median() in (6, 7, 8)
    assert lengths.max() > 40  # a long tail


def test_a_quarter_of_the_items_at_most_needs_enough_items() -> None:
    with pytest.raises(ValidationError, match="mean_events 60 is too many for 240 items; at most items / 8 = 30"):
        SyntheticShop(items=240, mean_events=60)


@pytest.mark.parametrize("options", [{"domain": "toys"}, {"users": 5}, {"skew": -1}, {"drift": 1.5}, {"colour": 1}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SyntheticShop.model_validate(options)


# -- the log is the truth ----------------------------------------------------------------------------------------


def test_file_order_is_the_true_order() -> None:
    """Sorting the log stably by user and time gives every user's purchases in the order in which they were made."""
    events, purchases = log_of(SMALL).events, truth_of(SMALL).purchases
    by_user = events.sort_values(["user", "time"], kind="stable")
    assert by_user["item"].str[1:].astype(int).tolist() == (purchases.items + 1).tolist()
    assert by_user["user"].str[1:].astype(int).tolist() == (purchases.users + 1).tolist()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_same_day_share(share: float) -> None:
    events = log_of(SMALL.model_copy(update={"same_day_share": share})).events
    gaps = events.groupby("user")["time"].diff().dropna()
    assert (gaps == 0).mean() == pytest.approx(share, abs=0.05)
    assert (gaps % 86_400 == 0).all()


def test_cold_items_first_occur_late() -> None:
    shop = SyntheticShop()
    log, truth = log_of(shop), truth_of(shop)
    cold = log.items.index[truth.catalogue.cold]
    assert len(cold) == 120
    first = log.events.groupby("item")["time"].min()
    assert first[first.index.isin(cold)].min() >= log.events["time"].quantile(0.8)
    assert first[~first.index.isin(cold)].quantile(0.95) < log.events["time"].quantile(0.5)
    last = log.events.drop_duplicates("user", keep="last")
    before = log.events.drop(last.index)
    assert 0 < (~last["item"].isin(before["item"])).sum() < 60
    none = log_of(shop.model_copy(update={"cold_share": 0.0}))
    assert none.events.groupby("item")["time"].min().max() < none.events["time"].max()


@pytest.mark.parametrize(("skew", "low", "high"), [(0.0, 0.1, 0.25), (0.8, 0.27, 0.42), (1.3, 0.5, 0.75)])
def test_popularity_skew(skew: float, low: float, high: float) -> None:
    """The share of events that the most popular tenth of the items has."""
    counts = np.sort(log_of(SyntheticShop(skew=skew)).events["item"].value_counts().to_numpy())
    assert low < counts[-120:].sum() / counts.sum() < high


def test_follow_up_makes_sequels_follow() -> None:
    def share(follow_up: float) -> float:
        truth = truth_of(SyntheticShop(follow_up=follow_up))
        items, users = truth.purchases.items, truth.purchases.users
        follows = truth.catalogue.successors[items[:-1]] == items[1:]
        return float(follows[users[1:] == users[:-1]].mean())

    assert share(0.0) < 0.02
    assert 0.05 < share(0.3) < 0.12
    assert share(0.8) > 0.15


def test_momentum_repeats_categories() -> None:
    def share(momentum: int) -> float:
        truth = truth_of(SyntheticShop(momentum=momentum, follow_up=0.0))
        categories, users = truth.catalogue.categories[truth.purchases.items], truth.purchases.users
        return float((categories[1:] == categories[:-1])[users[1:] == users[:-1]].mean())

    assert share(1) + 0.15 < share(8)


def test_drift_turns_tastes_over() -> None:
    """Overlap of each user's category histograms in the first and the last third falls as drift rises."""

    def overlap(drift: float) -> float:
        truth = truth_of(SyntheticShop(drift=drift, mean_events=20, momentum=1, follow_up=0.0))
        purchases = truth.purchases
        cells = purchases.users * 16 + truth.catalogue.categories[purchases.items]
        early, late = (
            np.bincount(cells[part], minlength=1500 * 16).reshape(1500, 16)
            for part in (purchases.lives < 1 / 3, purchases.lives >= 2 / 3)
        )
        shares = [h / h.sum(axis=1, keepdims=True) for h in (early, late)]
        return float(np.minimum(*shares).sum(axis=1).mean())

    none, some, much = overlap(0.0), overlap(0.5), overlap(1.0)
    assert none > some + 0.1
    assert some > much + 0.1


def test_more_drift_changes_the_same_people_more() -> None:
    people = [truth_of(SMALL.model_copy(update={"drift": drift})).shoppers.attributes for drift in (0.0, 0.3, 1.0)]
    assert all((p.early == people[0].early).all() for p in people)
    assert [float((p.changes < 1).mean()) for p in people] == pytest.approx([0, 0.3, 1], abs=0.06)
    assert (people[1].changes >= people[2].changes).all()


# -- texts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", DOMAINS)
def test_titles_say_what_an_item_is(domain: str) -> None:
    shop = SyntheticShop(domain=domain)
    items, catalogue = log_of(shop).items, truth_of(shop).catalogue
    goods = dict(VOCABULARIES[domain].categories)
    adjectives = VOCABULARIES[domain].adjectives
    for code in range(0, len(items), 7):
        item = items.iloc[code]
        assert goods[item["category"]].title() in item["title"]
        assert item["brand"] in item["title"]
        assert item["brand"] in item["description"]
        marks = zip(catalogue.dimensions[code], catalogue.sides[code], catalogue.words[code], strict=True)
        for dimension, side, word in marks:
            assert adjectives[dimension][(side + 1) // 2][word] in item["title"]
            assert PHRASES[dimension][(side + 1) // 2] in item["description"]
    assert items["brand"].nunique() == 24
    assert items["category"].nunique() == 16


def test_an_item_takes_sides_on_three_different_dimensions() -> None:
    catalogue = truth_of(SMALL).catalogue
    assert (np.abs(catalogue.attributes()).sum(axis=1) == 3).all()


def test_domains_share_structure_but_no_words() -> None:
    words = {d: set().union(*map(words_of, log_of(SyntheticShop(domain=d)).items["title"])) for d in DOMAINS}
    for one, other in (("games", "food"), ("games", "home"), ("food", "home")):
        assert words[one] & words[other] <= FUNCTION_WORDS
    for vocabulary in VOCABULARIES.values():
        assert len(vocabulary.adjectives) == len(DIMENSIONS)
        assert len({w for poles in vocabulary.adjectives for pole in poles for w in pole}) == 24
        assert len(set(vocabulary.categories)) == 16
        assert len(set(vocabulary.brands())) == 24
        assert len(set(vocabulary.first_names)) == len(set(vocabulary.second_names)) == 40


def test_domains_share_people_but_not_items() -> None:
    games, food = (truth_of(SyntheticShop(domain=d)) for d in ("games", "food"))
    for one, other in (
        (games.shoppers.attributes, food.shoppers.attributes),
        (games.shoppers.categories, food.shoppers.categories),
        (games.shoppers.brands, food.shoppers.brands),
    ):
        assert (one.early == other.early).all()
        assert (one.changes == other.changes).all()
    assert (games.catalogue.categories != food.catalogue.categories).any()


def test_budget_items_are_cheaper() -> None:
    shop = SyntheticShop()
    side = truth_of(shop).catalogue.attributes()[:, DIMENSIONS.index("price")]
    medians = log_of(shop).items["price"].groupby(side).median()
    assert medians[-1] < medians[0] < medians[1]


def test_item_codes_tell_nothing() -> None:
    catalogue = truth_of(SyntheticShop()).catalogue
    codes = np.arange(1200)
    for values in (catalogue.popularity, catalogue.successors, catalogue.cold, catalogue.categories):
        assert abs(np.corrcoef(codes, values)[0, 1]) < 0.1


def matches(shop: SyntheticShop) -> npt.NDArray[np.int64]:
    """int64 (N,): liked less disliked attributes of every purchase, user after user."""
    truth = truth_of(shop)
    p = truth.purchases
    tastes = truth.shoppers.attributes.at(p.users, p.lives)
    return np.asarray((tastes * truth.catalogue.attributes()[p.items]).sum(axis=1))


@pytest.mark.parametrize("domain", DOMAINS)
def test_stars_follow_taste(domain: str) -> None:
    shop = SyntheticShop(domain=domain)
    by_user = log_of(shop).events.sort_values(["user", "time"], kind="stable")
    stars, points = by_user["rating"].to_numpy(), matches(shop)
    assert np.corrcoef(stars, points)[0, 1] > 0.6
    assert stars[points == 3].mean() > stars[points == 0].mean() + 1
    assert stars[points <= -1].mean() < 2.8
    assert 3.5 < stars.mean() < 4.3
    assert (np.bincount(stars.astype(int))[1:] > 0).all()


@pytest.mark.parametrize("domain", DOMAINS)
def test_reviews_name_an_attribute_of_the_item(domain: str) -> None:
    """Each review has one of the item's three adjectives as its title has it, and the goods; one to three sentences."""
    shop = SyntheticShop(domain=domain)
    log = log_of(shop)
    adjectives = {w for poles in VOCABULARIES[domain].adjectives for pole in poles for w in pole}
    goods = dict(VOCABULARIES[domain].categories)
    in_title = {item: {a.lower() for a in adjectives if a in title} for item, title in log.items["title"].items()}
    sentences = []
    for event in log.events.iloc[::10].itertuples():
        assert any(word in event.review for word in in_title[event.item])
        assert goods[log.items["category"][event.item]] in event.review
        sentences.append(event.review.count("."))
    assert set(sentences) == {1, 2, 3}


def test_reviews_tell_the_tastes_of_their_writers() -> None:
    shop = SyntheticShop()
    p, tastes = truth_of(shop).purchases, truth_of(shop).shoppers.attributes
    reviews = log_of(shop).events.sort_values(["user", "time"], kind="stable")["review"]
    at = tastes.at(p.users, p.lives)
    for dimension, poles in enumerate(PHRASES):
        for pole, phrase in zip((-1, 1), poles, strict=True):
            told = reviews.str.contains(phrase, regex=False).to_numpy()
            assert told.sum() > 100
            assert (at[told, dimension] == pole).all()


# -- how much of it can be known ---------------------------------------------------------------------------------


class LeaveOneOut:
    """The last purchase of every user against the whole catalogue, less what the user had before."""

    def __init__(self, shop: SyntheticShop) -> None:
        self.shop, self.truth = shop, truth_of(shop)
        p = self.truth.purchases
        self.last = np.append(p.users[1:] != p.users[:-1], True)
        self.targets = p.items[self.last]
        self.before = np.zeros((shop.users, shop.items))
        self.before[p.users[~self.last], p.items[~self.last]] = 1
        self.counts = self.before.sum(axis=0)

    def hit_rate(self, scores: npt.NDArray[np.float64]) -> float:
        """HR@10, ties at their expected value."""
        scores = np.where(self.before > 0, -np.inf, scores)
        target = scores[np.arange(len(scores)), self.targets][:, None]
        above, level = (scores > target).sum(axis=1), (scores == target).sum(axis=1)
        return float(np.clip((10 - above) / level, 0, 1).mean())

    def popularity(self) -> float:
        return self.hit_rate(np.broadcast_to(self.counts, self.before.shape))

    def item_knn(self) -> float:
        together = self.before.T @ self.before
        norms = np.sqrt(np.maximum(np.diag(together), 1))
        return self.hit_rate(self.before @ (together / norms[:, None] / norms * (1 - np.eye(len(together)))))

    def content(self) -> float:
        """Naive Bayes over what the title says: category, brand and attributes of the history, and popularity."""
        catalogue = self.truth.catalogue
        signed = catalogue.attributes()
        features = (
            (np.eye(16)[catalogue.categories], 2),
            (np.eye(24)[catalogue.brands], 8),
            (np.concatenate([signed > 0, signed < 0], axis=1).astype(float), 6),
        )
        scores = np.broadcast_to(np.log(self.counts + 0.5), self.before.shape)
        lengths = self.before.sum(axis=1, keepdims=True)
        for table, weight in features:
            usual = table.mean(axis=0)
            share = (self.before @ table + weight * usual) / (lengths + weight)
            scores = scores + np.log(share / usual) @ table.T
        return self.hit_rate(scores)

    def oracle(self) -> float:
        """The true tastes at the moment of the last purchase, worked out again from `Truth` alone."""
        catalogue, shoppers, p = self.truth.catalogue, self.truth.shoppers, self.truth.purchases
        strength = self.shop.taste_strength
        users, lives = np.arange(self.shop.users), p.lives[self.last]
        points = shoppers.attributes.at(users, lives) @ catalogue.attributes().T
        liked_brand = (catalogue.brands[:, None] == shoppers.brands.at(users, lives)[:, None, :]).any(axis=2)
        liked_category = (catalogue.categories[:, None] == shoppers.categories.at(users, lives)[:, None, :]).any(axis=2)
        launched = self.truth.purchases.launches <= p.days[self.last][:, None]
        within = catalogue.popularity * strength ** (points + BRAND_POINTS * liked_brand) * launched
        within = np.where(self.before > 0, 0, within)
        members = np.eye(16)[catalogue.categories]
        of_category = (catalogue.popularity @ members)[catalogue.categories]
        previous = catalogue.categories[p.items[np.flatnonzero(self.last) - 1]]
        category = of_category * np.where(liked_category, strength**CATEGORY_POINTS, 1.0)
        category *= np.where(catalogue.categories == previous[:, None], self.shop.momentum, 1)
        return self.hit_rate(category * within / np.maximum((within @ members)[:, catalogue.categories], 1e-9))


@pytest.mark.parametrize("domain", DOMAINS)
def test_tastes_are_recoverable_and_worth_recovering(domain: str) -> None:
    """Chance << popularity << item-kNN < a reader of titles << true tastes."""
    test = LeaveOneOut(SyntheticShop(domain=domain))
    chance, popular, neighbours = 10 / 1200, test.popularity(), test.item_knn()
    content, oracle = test.content(), test.oracle()
    assert popular > 4 * chance
    assert neighbours > 2 * popular
    assert content > 3 * popular
    assert content > neighbours + 0.03
    assert oracle > content + 0.15


def test_without_tastes_titles_say_little() -> None:
    shop = SyntheticShop(taste_strength=1.0, momentum=1, follow_up=0.0)
    test = LeaveOneOut(shop)
    assert test.content() < 1.3 * test.popularity()
    assert abs(float(matches(shop).mean())) < 0.05
    assert float(matches(SyntheticShop()).mean()) > 0.5


@pytest.mark.parametrize("domain", DOMAINS)
def test_features_are_told_on_demand_and_change_nothing_else(domain: str) -> None:
    plain = SMALL.model_copy(update={"domain": domain})
    told = log_of(plain.model_copy(update={"features": True}))
    assert told.events.drop(columns="feature").equals(log_of(plain).events)
    firsts = [re.split(r"(?<=[.!])\s", review)[0].lower() for review in told.events["review"]]
    assert all(feature in first for feature, first in zip(told.events["feature"], firsts, strict=True))
    titles = told.items["title"].loc[told.events["item"]].str.lower()
    assert all(feature in title for feature, title in zip(told.events["feature"], titles, strict=True))
