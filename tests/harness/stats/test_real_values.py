"""Per-user NDCG of three rankings of MovieLens-100K: what scipy and statsmodels made of them.

They may not be redistributed, and are read from the folder in LLMREC_BENCH_REFERENCE, or else from `reference` beside
that in LLMREC_BENCH_DATA.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmrec_bench.stats import (
    CORRECTIONS,
    bootstrap_interval,
    compare,
    mean_interval,
    paired_difference,
    percentile_interval,
    resampled_means,
    wilcoxon,
)

from .golden_pairs import NEAR, T_TEST, WILCOXON

DATA = Path(os.environ.get("LLMREC_BENCH_DATA", Path(__file__).parents[4] / "shared" / "data"))
REFERENCE = Path(os.environ.get("LLMREC_BENCH_REFERENCE", DATA.parent / "reference"))
FOLDER = REFERENCE / "metrics" / "stats" / "per_user"
PAIRS = ["popularity vs itemknn", "popularity vs random", "itemknn vs random"]
OF_DIFFERENCES = "bootstrap of the mean difference, first 150 rows", "bootstrap_indices.parquet"
OF_VALUES = "bootstrap of the mean, first column, all rows", "bootstrap_mean_indices.parquet"

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def values() -> pd.DataFrame:
    if not FOLDER.exists():
        pytest.skip(f"no per-user values of MovieLens-100K at {FOLDER}; set LLMREC_BENCH_REFERENCE")
    return pd.read_csv(FOLDER / "values.csv")


@pytest.fixture(scope="module")
def wanted(values: pd.DataFrame) -> Mapping[str, Any]:
    return json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


def columns(values: pd.DataFrame, pair: str) -> list[np.ndarray]:
    return [values[name].to_numpy() for name in pair.split(" vs ")]


@pytest.mark.parametrize("pair", PAIRS)
def test_pairs_as_scipy_has_them(values, wanted, pair):
    found, told = paired_difference(*columns(values, pair)), wanted["pairs"][pair]
    assert found.p == pytest.approx(told[T_TEST]["pvalue"], **NEAR)
    assert found.mean == pytest.approx(told["mean difference"]["value"], **NEAR)
    assert found.effect_size == pytest.approx(told["cohen dz (mean/sd, ddof=1)"]["value"], **NEAR)
    first, second = columns(values, pair)
    for level in (0.95, 0.99):
        ends = told[f"t confidence interval of the mean difference level={level}"]
        assert mean_interval(first - second, level) == pytest.approx((ends["low"], ends["high"]), **NEAR)
    assert wilcoxon(first - second) == pytest.approx(told[WILCOXON]["pvalue"], rel=1e-9, abs=0)


@pytest.mark.parametrize(("test", "family"), [("t-test", "corrected_ttest"), ("wilcoxon", "corrected_wilcoxon")])
@pytest.mark.parametrize(
    ("correction", "theirs"), [("holm", "holm"), ("bonferroni", "bonferroni"), ("benjamini-hochberg", "fdr_bh")]
)
def test_families_as_statsmodels_corrects_them(values, wanted, test, family, correction, theirs):
    assert wanted["family_order"] == PAIRS
    p = [compare(*(column[np.newaxis] for column in columns(values, pair)), test).p for pair in PAIRS]
    corrected = CORRECTIONS[correction](np.array(p))
    assert corrected == pytest.approx(wanted[family][theirs]["adjusted"], rel=1e-9, abs=0)
    for level in (0.05, 0.01):
        assert (corrected <= level).tolist() == wanted[family][theirs][f"reject at {level}"]


@pytest.mark.parametrize(("name", "file"), [OF_DIFFERENCES, OF_VALUES])
def test_percentile_intervals_of_given_draws(values, wanted, name, file):
    told, sample = wanted[name], bootstrapped(values, name)
    means = resampled_means(sample, pd.read_parquet(FOLDER / file).to_numpy())
    assert (len(sample), len(means)) == (told["n"], told["resamples"])
    assert means.std(ddof=1) == pytest.approx(told["standard_error"], **NEAR)
    for level in (0.9, 0.95, 0.99):
        ends = told[f"percentile {level}"]
        assert percentile_interval(means, level) == pytest.approx((ends["low"], ends["high"]), **NEAR)


@pytest.mark.parametrize("name", [OF_DIFFERENCES[0], OF_VALUES[0]])
def test_percentile_intervals_of_own_draws(values, wanted, name):
    [theirs] = [told for key, told in wanted[name].items() if key.startswith("scipy.bootstrap 0.95")]
    ends = theirs["percentile"]
    found = bootstrap_interval(bootstrapped(values, name), draws=20_000)
    assert found == pytest.approx((ends["low"], ends["high"]), abs=ends["tolerance"])


def bootstrapped(values: pd.DataFrame, name: str) -> np.ndarray:
    if name == OF_VALUES[0]:
        return values["popularity"].to_numpy()
    return (values["popularity"] - values["itemknn"]).to_numpy()[:150]
