"""Tests and intervals from random draws over users: sign flips, and the bootstrap.

The draws of a seed are the same on every machine. They are made in blocks, so that memory does not grow with their
number, and so that neither the order of the users nor which method stands first matters to the result.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from llmrec_bench.stats.differences import ROUNDING, Values

BLOCK = 2**21
"""Users times draws held at once, unless one draw has more users."""


def randomisation_test(differences: Values, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p of float64 (U,) differences, none of them NaN: how often the mean is at least as far from 0 when
    every user's sign is thrown anew, as it might be if the two methods did not differ (Fisher 1935; Smucker, Allan and
    Carterette 2007).

    Exact, over all signs of the n users who differ, where 2^n <= draws. Otherwise from that many random ones, and then
    (count + 1) / (draws + 1), which is never 0 (Phipson and Smyth 2010). 1 where no user differs, NaN with fewer than
    two users.
    """
    if len(differences) < 2:
        return float("nan")
    # The sign of 0 changes nothing. Sizes in order, so that only they and the sum decide which signs are thrown.
    sizes = np.sort(np.abs(differences[differences != 0]))
    bar = abs(float(differences.sum())) - ROUNDING * float(sizes.sum())
    if len(sizes) < draws.bit_length():
        signs = np.arange(2 ** len(sizes))[:, np.newaxis] >> np.arange(len(sizes)) & 1
        return float((_distances(sizes, signs) >= bar).mean())
    rng = np.random.default_rng(seed)
    count = 0
    for rows in _blocks(draws, len(sizes)):
        thrown = np.unpackbits(rng.integers(256, size=(rows, -(-len(sizes) // 8)), dtype=np.uint8), axis=1)
        count += int((_distances(sizes, thrown[:, : len(sizes)]) >= bar).sum())
    return (count + 1) / (draws + 1)


def bootstrap_interval(
    differences: Values, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Both ends of the percentile interval of the mean of float64 (U,) differences, none of them NaN: users are drawn
    with replacement (Efron and Tibshirani 1993, chapter 13).

    NaN with fewer than two users. With few users it is too narrow (Hesterberg 2015); over hundreds it has about the
    ends of the t interval.
    """
    return percentile_interval(bootstrap_means(differences, draws, seed), level)


def bootstrap_test(differences: Values, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p that goes with `bootstrap_interval` of the same draws, as `percentile_p` has it.

    1 where no user differs, NaN with fewer than two users.
    """
    return percentile_p(bootstrap_means(differences, draws, seed))


def bootstrap_means(differences: Values, draws: int = 10_000, seed: int = 0) -> Values:
    """float64 (R,): means of U users drawn with replacement from float64 (U,) differences; empty with fewer than two.

    Every draw is used twice, once with the users in falling order of their differences (Hall 1989): the ends are
    steadier, and those of second minus first are exactly those of first minus second, turned round. So R is `draws`, or
    one more where that is odd.
    """
    users = len(differences)
    if users < 2:
        return np.empty(0)
    rising = np.sort(differences)
    rng = np.random.default_rng(seed)
    means = []
    for rows in _blocks(-(-draws // 2), users):
        drawn = rng.integers(users, size=(rows, users))
        means += [resampled_means(rising, drawn), resampled_means(rising[::-1], drawn)]
    return np.concatenate(means)


def resampled_means(differences: Values, drawn: npt.NDArray[np.integer]) -> Values:
    """float64 (R,): the mean of each row of int (R, n) places in float64 (U,) differences; 0 but for rounding is 0."""
    means = differences[drawn].mean(axis=1)
    means[np.abs(means) <= ROUNDING * np.abs(differences).max()] = 0.0
    return means


def percentile_interval(means: Values, level: float = 0.95) -> tuple[float, float]:
    """What leaves out (1 - level) / 2 of float64 (R,) resampled means at either end, between two of them by linear
    interpolation; NaN without any."""
    if not len(means):
        return float("nan"), float("nan")
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def percentile_p(means: Values) -> float:
    """Two-sided p of float64 (R,) resampled means: 1 - level of the widest `percentile_interval` that leaves out 0.

    So p is below 0.05 exactly where the 95 % interval leaves out 0. R draws cannot tell p from 0 below 2 / (R + 1),
    which is the smallest given; NaN without any.
    """
    if not len(means):
        return float("nan")
    ordered = np.sort(means)
    outside = 2 * min(_place_of_zero(ordered), _place_of_zero(-ordered[::-1]))
    return min(1.0, max(outside, 2 / (len(means) + 1)))


def _place_of_zero(ordered: Values) -> float:
    """The largest share whose quantile is not above 0: the inverse of `np.quantile`; 0 where there is none."""
    below = int(np.searchsorted(ordered, 0.0, side="right"))
    if below in (0, len(ordered)):
        return float(below > 0)
    last, following = ordered[below - 1], ordered[below]
    return float((below - 1 - last / (following - last)) / (len(ordered) - 1))


def _distances(sizes: Values, signs: npt.NDArray[np.integer]) -> Values:
    """float64 (R,): how far from 0 the sums are where int (R, n) says which sizes count as negative."""
    return np.abs(sizes.sum() - 2 * (signs @ sizes))


def _blocks(rows: int, width: int) -> Iterator[int]:
    """`rows` in parts that hold about `BLOCK` values each."""
    most = max(1, BLOCK // width)
    for start in range(0, rows, most):
        yield min(most, rows - start)
