"""The made-up pairs of tests/golden/stats, with what other tools say of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from llmrec_bench.stats import Values

FOLDER = Path(__file__).parents[2] / "golden" / "stats"
PAIRS: Mapping[str, Any] = json.loads((FOLDER / "pairs.json").read_text(encoding="utf-8"))["pairs"]
NEAR = {"rel": 1e-9, "abs": 1e-12, "nan_ok": True}

T_TEST = "scipy.ttest_rel alternative=two-sided"
WILCOXON = "scipy.wilcoxon zero_method=wilcox correction=False alternative=two-sided method=auto"
SIGN_FLIPS = "exact sign-flip permutation of the mean difference (scipy.permutation_test, all 2^n)"


def read_pair(name: str) -> tuple[Values, Values]:
    rows = pd.read_csv(FOLDER / "pairs.csv").query("pair == @name")
    return rows["a"].to_numpy(), rows["b"].to_numpy()
