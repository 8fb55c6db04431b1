"""What buyers say: stars from how well an item meets a taste, and sentences about its attributes and the taste."""

import numpy as np
import numpy.typing as npt

from llmrec_bench_plugins.datasets.shop.catalogue import Catalogue
from llmrec_bench_plugins.datasets.shop.purchases import Purchases, taste_points
from llmrec_bench_plugins.datasets.shop.shoppers import Shoppers
from llmrec_bench_plugins.datasets.shop.vocabulary import PHRASES, Vocabulary

_ATTRIBUTE_SENTENCES = (
    (
        "Too {word} for me, though the {goods} itself works.",
        "I did not expect this {goods} to be the {word} kind, and that kind is not for me.",
        "The {word} side of this {goods} put me off.",
    ),
    (
        "This is the {word} {goods} it claims to be.",
        "Fairly {word}, as this sort of {goods} goes.",
        "The {word} part of this {goods} is there, and I can take it or leave it.",
    ),
    (
        "The {word} side of this {goods} is just what I hoped for.",
        "Exactly the {word} {goods} I was looking for.",
        "Among all the {word} ones I know, this {goods} stands out.",
    ),
)
"""By opinion (disliked, indifferent, liked): sentences about one attribute of the item."""

_BRAND_SENTENCES = (
    (" {brand} can do better than this.", " Not the best day for {brand}."),
    (" It is what one gets from {brand}.", " {brand} does a fair job."),
    (" {brand} gets it right.", " I would buy from {brand} again."),
)
"""By stars (1 or 2, 3, 4 or 5): sentences about the brand."""

_TASTE_SENTENCES = (
    " I like things that {phrase}.",
    " These days I go for things that {phrase}.",
    " Give me things that {phrase} and I am happy.",
)


def draw_ratings(
    catalogue: Catalogue, shoppers: Shoppers, purchases: Purchases, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """float64 (N,): 1 to 5 whole stars; more for liked attributes and good items, fewer for disliked attributes."""
    attributes = shoppers.attributes.at(purchases.users, purchases.lives)
    points = taste_points(attributes, catalogue.dimensions[purchases.items], catalogue.sides[purchases.items]).sum(
        axis=1
    )
    quality = rng.random(len(catalogue.categories))[purchases.items] - 0.5
    noise = rng.random(len(points)) + rng.random(len(points)) - 1
    stars: npt.NDArray[np.float64] = np.clip(np.rint(3.1 + 0.7 * points + quality + 1.5 * noise), 1, 5)
    return stars


def write_reviews(
    vocabulary: Vocabulary,
    catalogue: Catalogue,
    shoppers: Shoppers,
    purchases: Purchases,
    ratings: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """object (N,): one to three sentences, and object (N,): the attribute that the first of them names, in a word of
    the item's title.

    The others, each in half of the reviews, praise or blame the brand, and tell one thing that the user likes.
    """
    attributes = shoppers.attributes.at(purchases.users, purchases.lives)
    brand = _brand_sentences(vocabulary, catalogue.brands[purchases.items], ratings, rng)
    first, words = _attribute_sentences(vocabulary, catalogue, attributes, purchases.items, ratings, rng)
    reviews: npt.NDArray[np.object_] = (
        first
        + np.where(rng.random(len(ratings)) < 0.5, brand, "")
        + np.where(rng.random(len(ratings)) < 0.5, _taste_sentences(attributes, rng), "")
    )
    return reviews, words


def _attribute_sentences(
    vocabulary: Vocabulary,
    catalogue: Catalogue,
    attributes: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    ratings: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """About the attribute that explains the stars best: a liked one for many, a disliked one for few; and its word."""
    dimensions, sides, words = catalogue.dimensions[items], catalogue.sides[items], catalogue.words[items]
    opinions = taste_points(attributes, dimensions, sides)
    happy = np.where(ratings >= 4, 1, -1)[:, None]
    mark = np.argmax(happy * opinions + rng.random(opinions.shape), axis=1)[:, None]
    dimension, side, word, opinion = (
        np.take_along_axis(a, mark, axis=1)[:, 0] for a in (dimensions, sides, words, opinions)
    )
    adjectives = [w for poles in vocabulary.adjectives for pole in poles for w in pole]
    table = np.array(
        [
            [
                [
                    [sentence.format(word=adjective.lower(), goods=goods) for sentence in sentences]
                    for _, goods in vocabulary.categories
                ]
                for adjective in adjectives
            ]
            for sentences in _ATTRIBUTE_SENTENCES
        ],
        dtype=object,
    )
    adjective = 4 * dimension + (side + 1) + word
    choice = rng.integers(table.shape[-1], size=len(items))
    words = np.array([word.lower() for word in adjectives], dtype=object)
    return table[opinion + 1, adjective, catalogue.categories[items], choice], words[adjective]


def _brand_sentences(
    vocabulary: Vocabulary,
    brands: npt.NDArray[np.int64],
    ratings: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> npt.NDArray[np.object_]:
    table = np.array(
        [
            [[sentence.format(brand=brand) for sentence in sentences] for brand in vocabulary.brands()]
            for sentences in _BRAND_SENTENCES
        ],
        dtype=object,
    )
    mood = (ratings >= 3).astype(np.int64) + (ratings >= 4)
    sentences: npt.NDArray[np.object_] = table[mood, brands, rng.integers(table.shape[-1], size=len(brands))]
    return sentences


def _taste_sentences(attributes: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.object_]:
    """One taste of each user in plain words, or '' for a user who is indifferent to everything."""
    table = np.array(
        [[[s.format(phrase=phrase) for s in _TASTE_SENTENCES] for phrase in poles] for poles in PHRASES],
        dtype=object,
    )
    dimension = np.argmax(np.abs(attributes) + rng.random(attributes.shape), axis=1)
    value = attributes[np.arange(len(attributes)), dimension]
    choice = rng.integers(table.shape[-1], size=len(attributes))
    sentences: npt.NDArray[np.object_] = np.where(
        value == 0, "", table[dimension, (value > 0).astype(np.int64), choice]
    )
    return sentences
