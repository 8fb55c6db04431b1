"""The items of a shop: product lines with a category, a brand, attributes, a price, a popularity and sequels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmrec_bench_plugins.datasets.shop.vocabulary import DIMENSIONS, PHRASES, Vocabulary

MARKS = 3
"""How many dimensions every item takes sides on; its title has one adjective for each."""

_LINE_LENGTHS = (1, 2, 3, 4)
_ZIPF_SCALE = 1_000_000
_PRICE_PERCENT = np.array([60, 100, 180])


@dataclass(frozen=True)
class Catalogue:
    """I items; code i is row i of every field. Codes are shuffled: they tell nothing about an item."""

    categories: npt.NDArray[np.int64]
    """int64 (I,): number of the item's category."""
    brands: npt.NDArray[np.int64]
    """int64 (I,): number of the item's brand."""
    dimensions: npt.NDArray[np.int64]
    """int64 (I, 3): the different dimensions that the item takes sides on, in the order of its title."""
    sides: npt.NDArray[np.int64]
    """int64 (I, 3): the pole it takes on each of them, -1 or +1."""
    words: npt.NDArray[np.int64]
    """int64 (I, 3): which of the pole's two adjectives names it."""
    popularity: npt.NDArray[np.int64]
    """int64 (I,): Zipf weight, at least 1: how likely a buyer without tastes is to choose the item."""
    successors: npt.NDArray[np.int64]
    """int64 (I,): the next item of the same line (a sequel, a refill, a spare part), or -1."""
    cold: npt.NDArray[np.bool_]
    """bool (I,): whether the item is launched only near the end of the log."""
    texts: pd.DataFrame
    """I rows: `title`, `category`, `brand`, `price`, `description`, indexed by item token."""

    def attributes(self) -> npt.NDArray[np.int64]:
        """int64 (I, 6): -1 or +1 where the item takes sides on a dimension, else 0."""
        table = np.zeros((len(self.categories), len(DIMENSIONS)), dtype=np.int64)
        np.put_along_axis(table, self.dimensions, self.sides, axis=1)
        return table


def make_catalogue(
    vocabulary: Vocabulary, items: int, skew: float, cold_share: float, rng: np.random.Generator
) -> Catalogue:
    """Draw `items` items. Popularity falls as rank ** -skew; a share `cold_share` of them is cold."""
    lines, positions = _line_places(items)
    n_lines = int(lines[-1]) + 1
    n_brands = len(vocabulary.brands())
    # As many lines in each category, so that even the smallest shop has all of them.
    categories = rng.permutation(np.arange(n_lines) % len(vocabulary.categories))[lines]
    brands = rng.integers(n_brands, size=n_lines)[lines]
    dimensions, sides = _draw_marks(brands, rng)
    names = rng.permutation(len(vocabulary.first_names) * len(vocabulary.second_names))[:n_lines][lines]
    # Rounded to whole numbers, so that every later draw compares integers.
    zipf = np.maximum(np.rint(_ZIPF_SCALE / np.arange(1, items + 1) ** skew), 1).astype(np.int64)
    cold = np.zeros(items, dtype=bool)
    cold[rng.permutation(items)[: round(cold_share * items)]] = True
    words = rng.integers(2, size=(items, MARKS))
    price = _draw_prices(vocabulary, categories, (dimensions == 0, sides), rng)
    popularity = rng.permutation(zipf)

    place = rng.permutation(items)  # place[k]: the item of line order k moves to this code
    order = np.argsort(place)
    has_next = np.append(lines[1:] == lines[:-1], False)
    successors = np.where(has_next, np.roll(place, -1), -1)
    return Catalogue(
        categories=categories[order],
        brands=brands[order],
        dimensions=dimensions[order],
        sides=sides[order],
        words=words[order],
        popularity=popularity[order],
        successors=successors[order],
        cold=cold[order],
        texts=_write_texts(
            vocabulary,
            names[order],
            positions[order],
            categories[order],
            brands[order],
            (dimensions[order], sides[order], words[order]),
            price[order],
        ),
    )


def _line_places(items: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """int64 (I,) twice: the line of every item and its position there; lines have 1, 2, 3, 4, 1, 2, ... items."""
    lengths = np.resize(_LINE_LENGTHS, items)
    lines = np.repeat(np.arange(items), lengths)[:items]
    return lines, np.arange(items) - np.searchsorted(lines, lines)


def _draw_marks(
    brands: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """int64 (I, 3) twice: dimensions and sides. One mark is the brand's signature, the others are free."""
    n = len(DIMENSIONS)
    signature = brands % n
    others = (signature[:, None] + 1 + rng.permuted(np.tile(np.arange(n - 1), (len(brands), 1)), axis=1)) % n
    dimensions = np.column_stack([signature, others[:, : MARKS - 1]])
    sides = 2 * rng.integers(2, size=dimensions.shape) - 1
    sides[:, 0] = np.where(brands // n % 2 == 0, -1, 1)
    shuffle = rng.permuted(np.tile(np.arange(MARKS), (len(brands), 1)), axis=1)
    return np.take_along_axis(dimensions, shuffle, axis=1), np.take_along_axis(sides, shuffle, axis=1)


def _draw_prices(
    vocabulary: Vocabulary,
    categories: npt.NDArray[np.int64],
    price_marks: tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """float64 (I,): the category's usual price, less or more by the price dimension, ending in .99."""
    low, high = vocabulary.base_prices
    bases = rng.integers(low, high + 1, size=len(vocabulary.categories))[categories]
    on_price, sides = price_marks
    percent = _PRICE_PERCENT[(on_price * sides).sum(axis=1) + 1] * rng.integers(85, 116, size=len(categories))
    prices: npt.NDArray[np.float64] = bases * percent // 10_000 + 0.99
    return prices


def _write_texts(
    vocabulary: Vocabulary,
    names: npt.NDArray[np.int64],
    positions: npt.NDArray[np.int64],
    categories: npt.NDArray[np.int64],
    brands: npt.NDArray[np.int64],
    marks: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]],
    price: npt.NDArray[np.float64],
) -> pd.DataFrame:
    """One row of texts per item, indexed by token (`I0001`, ...)."""
    brand_names = vocabulary.brands()
    dimensions, sides, words = marks
    poles = (sides + 1) // 2
    titles, descriptions = [], []
    for name, position, category, brand, dims, ends, picks in zip(
        *(a.tolist() for a in (names, positions, categories, brands, dimensions, poles, words)), strict=True
    ):
        first_name, second_name = divmod(name, len(vocabulary.second_names))
        goods = vocabulary.categories[category][1]
        adjectives = [vocabulary.adjectives[d][e][w] for d, e, w in zip(dims, ends, picks, strict=True)]
        phrases = [PHRASES[d][e] for d, e in zip(dims, ends, strict=True)]
        titles.append(
            vocabulary.title.format(
                name=f"{vocabulary.first_names[first_name]} {vocabulary.second_names[second_name]}",
                sequel=vocabulary.sequels[position],
                brand=brand_names[brand],
                goods=goods.title(),
                first=adjectives[0],
                second=adjectives[1],
                third=adjectives[2],
            )
        )
        descriptions.append(
            f"{brand_names[brand]} {goods} for people who want things that {phrases[0]}, {phrases[1]} and {phrases[2]}."
        )
    return pd.DataFrame(
        {
            "title": titles,
            "category": [vocabulary.categories[c][0] for c in categories.tolist()],
            "brand": [brand_names[b] for b in brands.tolist()],
            "price": price,
            "description": descriptions,
        },
        index=pd.Index([f"I{code + 1:04d}" for code in range(len(titles))], name="item"),
    )
