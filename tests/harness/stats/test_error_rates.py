"""How often the tests find what is not there, on simulated per-user values as skewed as NDCG@10's."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binomtest

from llmrec_bench.stats import (
    CORRECTIONS,
    bootstrap_test,
    compare,
    paired_t_test,
    randomisation_test,
    wilcoxon,
)

LEVEL = 0.05
STUDIES = 1000
USERS = 150
UNLIKELY = 0.001
"""Below it, a count of false findings is not what chance makes of 5 %."""

USER_TESTS: dict[str, Callable[[np.ndarray], float]] = {
    "t-test": paired_t_test,
    "wilcoxon": wilcoxon,
    "randomisation": lambda differences: randomisation_test(differences, draws=999),
    "bootstrap": lambda differences: bootstrap_test(differences, draws=1000),
}


def ndcg_values(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """float64 (..., U): mostly 0, else the NDCG of one hit on the first ten places; users of two to eighty per cent,
    the same for all methods and seeds."""
    chance_of_hit = rng.beta(0.8, 2.0, size=shape[-1])
    places = rng.integers(1, 11, size=shape)
    return np.where(rng.random(shape) < chance_of_hit, 1 / np.log2(places + 1), 0.0)


def test_the_simulated_values_are_skewed():
    values = ndcg_values(np.random.default_rng(0), 100_000)
    assert (values == 0).mean() > 0.6
    assert ((values - values.mean()) ** 3).mean() / values.std() ** 3 > 1


@pytest.mark.parametrize("test", USER_TESTS)
def test_a_test_over_users_errs_in_5_per_cent_of_studies(test):
    rng = np.random.default_rng(20)
    false = 0
    for _ in range(STUDIES):
        first, second = ndcg_values(rng, 2, USERS)
        false += USER_TESTS[test](first - second) < LEVEL
    assert binomtest(false, STUDIES, LEVEL).pvalue > UNLIKELY, f"{false} false findings of {STUDIES}"


@pytest.mark.parametrize("test", ["runs-t-test", "runs-t-test-unpaired"])
def test_a_test_over_seeds_errs_in_5_per_cent_of_studies(test):
    rng = np.random.default_rng(21)
    false = 0
    for _ in range(STUDIES):
        first, second = ndcg_values(rng, 2, 5, USERS)
        false += compare(first, second, test).p < LEVEL
    assert binomtest(false, STUDIES, LEVEL).pvalue > UNLIKELY, f"{false} false findings of {STUDIES}"


@pytest.fixture(scope="module")
def families() -> np.ndarray:
    """(studies, 8): p of eight methods against one baseline, of which the last two gain and the others do not."""
    rng = np.random.default_rng(22)
    families = []
    for _ in range(STUDIES):
        baseline, *methods = ndcg_values(rng, 9, USERS)
        gains = [0.0] * 6 + [0.08] * 2
        families.append([paired_t_test(method + gain - baseline) for method, gain in zip(methods, gains, strict=True)])
    return np.array(families)


@pytest.mark.parametrize("correction", ["holm", "bonferroni"])
def test_a_corrected_family_has_a_false_finding_in_at_most_5_per_cent_of_studies(correction, families):
    corrected = np.array([CORRECTIONS[correction](family) for family in families])
    false = int((corrected[:, :6] < LEVEL).any(axis=1).sum())
    assert binomtest(false, STUDIES, LEVEL, alternative="greater").pvalue > UNLIKELY
    assert (corrected[:, 6:] < LEVEL).mean() > 0.1  # what is there is found at times


def test_of_what_benjamini_hochberg_finds_at_most_5_per_cent_is_false(families):
    corrected = np.array([CORRECTIONS["benjamini-hochberg"](family) for family in families])
    found = corrected < LEVEL
    false_share = found[:, :6].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    assert false_share.mean() < LEVEL + 3 * false_share.std() / np.sqrt(STUDIES)
    holms = np.array([CORRECTIONS["holm"](family) for family in families])
    assert found[:, 6:].sum() > (holms[:, 6:] < LEVEL).sum()


def test_an_uncorrected_family_has_more(families):
    false = int((families[:, :6] < LEVEL).any(axis=1).sum())
    assert binomtest(false, STUDIES, 3 * LEVEL, alternative="less").pvalue > UNLIKELY
