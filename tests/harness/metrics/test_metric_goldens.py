"""Our values beside those that Elliot, RecBole, ranx and rectools printed for the same inputs, to 1e-9.

The committed cases are made up. The MovieLens ones may not be redistributed: they are read from the folder in
LLMREC_BENCH_REFERENCE where it is there, with training and test rows rebuilt from the recbole package.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmrec_bench.metrics.accuracy import Recall

from .golden_cases import FOLDER, Case, read_case, read_table
from .golden_rules import CONVERSIONS, Reading, excuse, users_of
from .metric_inputs import RANKING_METRICS

CHECKOUT = Path(__file__).parents[3]
REFERENCE = Path(os.environ.get("LLMREC_BENCH_REFERENCE", CHECKOUT.parent / "shared" / "reference")) / "metrics"
MADE_UP = sorted(path.name for path in (FOLDER / "cases").iterdir() if path.name != "ties_coarse_scores")
MOVIELENS = [
    "ml100k_loo_itemknn", "ml100k_loo_popularity", "ml100k_loo_random", "ml100k_ratio_itemknn",
    "ml100k_sampled101_itemknn", "ml100k_sampled101_popularity",
]  # fmt: skip

# (rows compared, rows with a reason) in the overall values and in the values of single users: pinned, so that no
# row can leave the comparison unnoticed.
ROWS = {
    "edge_cold_items": ((169, 45), (252, 18)),
    "edge_cold_users": ((169, 45), (210, 15)),
    "edge_duplicate_recs": ((24, 190), (90, 198)),
    "edge_duplicate_recs_deduped": ((145, 69), (270, 18)),
    "edge_duplicate_train": ((175, 39), (270, 18)),
    "edge_empty_list": ((139, 75), (234, 18)),
    "edge_missing_users": ((145, 69), (180, 12)),
    "edge_no_relevant": ((175, 45), (189, 12)),
    "edge_short_lists": ((145, 69), (270, 18)),
    "graded_ratings": ((225, 68), (672, 48)),
    "synthetic_zipf": ((225, 60), (2000, 0)),
    "tiny_hand": ((117, 26), (120, 8)),
    "ml100k_loo_itemknn": ((233, 52), (5658, 0)),
    "ml100k_loo_popularity": ((233, 52), (5658, 0)),
    "ml100k_loo_random": ((227, 58), (4715, 0)),
    "ml100k_ratio_itemknn": ((175, 45), (5558, 0)),
    "ml100k_sampled101_itemknn": ((233, 52), (1890, 0)),
    "ml100k_sampled101_popularity": ((233, 52), (1890, 0)),
}


@pytest.fixture(scope="module", params=MADE_UP + MOVIELENS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    if request.param in MADE_UP:
        return read_case(FOLDER / "cases" / request.param)
    folder = REFERENCE / "cases" / request.param
    if not folder.exists():
        pytest.skip(f"no reference values of MovieLens-100K under {REFERENCE}; set LLMREC_BENCH_REFERENCE")
    return read_case(folder, rebuild_movielens("ratio" if "ratio" in request.param else "loo", tmp_path_factory))


def rebuild_movielens(split: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training and test rows from the recbole package, as the reference says they were made."""
    spec = find_spec("recbole")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the recbole package, which carries MovieLens-100K, is not installed")
    file = Path(spec.submodule_search_locations[0]) / "dataset_example" / "ml-100k" / "ml-100k.inter"
    log = pd.read_csv(file, sep="\t", names=["user", "item", "rating", "time"], skiprows=1)
    log = log.sort_values(["user", "time", "item"], ignore_index=True)
    if split == "loo":
        held_out = ~log.duplicated("user", keep="last")
        log["rating"] = 1.0
    else:
        held_out = np.random.default_rng(41).random(len(log)) < 0.2
    folder = tmp_path_factory.mktemp(split)
    log.loc[~held_out, ["user", "item", "rating"]].to_parquet(folder / "train.parquet", index=False)
    log.loc[held_out, ["user", "item", "rating"]].to_parquet(folder / "test.parquet", index=False)
    return folder


def close(ours: float, theirs: float) -> bool:
    return abs(ours - theirs) <= 1e-9 * max(1.0, abs(theirs))


def overall(values: object) -> float:
    return float(np.nanmean(values)) if isinstance(values, np.ndarray) else float(values)  # type: ignore[arg-type]


def test_every_printed_value_is_ours_or_has_its_reason(case: Case) -> None:
    compared, excused, wrong = 0, 0, []
    for tool, rows in case.expected.groupby("tool", sort=False):
        reading = Reading(case, users_of(case, str(tool)))
        for row in rows.itertuples():
            if excuse(reading, row.tool, row.metric, row.params, row.k, row.status):
                excused += 1
                continue
            compared += 1
            ours = overall(CONVERSIONS[row.tool, row.metric, row.params](reading, row.k))
            if not close(ours, float(row.value)):
                wrong.append((row.tool, row.metric, row.params, row.k, row.value, ours))
    assert wrong == []
    assert (compared, excused) == ROWS[case.name][0]
    assert compared + excused == len(case.expected)


def test_every_printed_value_of_a_user_is_ours_or_has_its_reason(case: Case) -> None:
    reading = Reading(case, users_of(case, "elliot"))
    compared, excused, wrong = 0, 0, []
    for (metric, k), rows in case.per_user.groupby(["metric", "k"], sort=False):
        if excuse(reading, "elliot", metric, "", k, "ok"):
            excused += len(rows)
            continue
        values = np.asarray(CONVERSIONS["elliot", metric, ""](reading, k))
        ours = values[np.searchsorted(reading.users, rows["user"])]
        theirs = rows["value"].to_numpy(dtype=np.float64)
        wrong += [(metric, k, pair) for pair in zip(ours, theirs, strict=True) if not close(*pair)]
        compared += len(rows)
        assert np.isfinite(values).sum() == len(rows), f"{metric}@{k} counts other users"
    assert wrong == []
    assert (compared, excused) == ROWS[case.name][1]
    assert compared + excused == len(case.per_user)


def test_every_case_has_its_number_of_rows() -> None:
    assert set(ROWS) == set(MADE_UP + MOVIELENS)


def test_a_repeated_item_counts_once_at_its_first_place() -> None:
    given = read_case(FOLDER / "cases" / "edge_duplicate_recs")
    cleaned = read_case(FOLDER / "cases" / "edge_duplicate_recs_deduped")
    for metric in RANKING_METRICS:
        for k in (1, 3, 5):
            values = [metric().overall(c.rankings(c.everyone), k) for c in (given, cleaned)]
            assert values[0] == values[1], f"{metric.name}@{k}"


def test_a_user_without_a_list_counts_as_zero() -> None:
    """Elliot leaves users 2 and 5 out of 6 and prints 1.0; ranx and rectools print ours."""
    case = read_case(FOLDER / "cases" / "edge_missing_users")
    assert Recall().overall(case.rankings(case.everyone), 5) == pytest.approx(4 / 6)


@pytest.mark.parametrize("name", ["edge_cold_items", "edge_empty_list", "ml100k_loo_random"])
def test_a_metric_has_a_value_where_a_tool_raised(name: str) -> None:
    folder = FOLDER if name in MADE_UP else REFERENCE
    if not (folder / "cases" / name).exists():
        pytest.skip(f"no reference values of MovieLens-100K under {REFERENCE}; set LLMREC_BENCH_REFERENCE")
    case = read_case(folder / "cases" / name)
    failed = case.expected[case.expected["status"].str.startswith("error")]
    assert len(failed)
    reading = Reading(case, users_of(case, "elliot"))
    for row in failed.itertuples():
        assert np.isfinite(overall(CONVERSIONS["elliot", row.metric, ""](reading, row.k)))


@pytest.mark.parametrize("split", ["loo", "ratio"])
def test_movielens_rows_are_rebuilt_from_the_package(split: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    stored = REFERENCE / "data" / f"ml100k_{split}"
    if not stored.exists():
        pytest.skip(f"no reference values of MovieLens-100K under {REFERENCE}; set LLMREC_BENCH_REFERENCE")
    rebuilt = rebuild_movielens(split, tmp_path_factory)
    for name in ("train", "test"):
        keys = ["user", "item", "rating"]
        ours, theirs = (read_table(f, name)[keys].astype("float64").sort_values(keys) for f in (rebuilt, stored))
        assert np.array_equal(ours.to_numpy(), theirs.to_numpy())


def test_the_popularity_lists_are_rebuilt_from_the_package(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Most training users first, then the smaller id, without the user's own items: the case needs no stored lists."""
    folder = REFERENCE / "cases" / "ml100k_loo_popularity"
    if not folder.exists():
        pytest.skip(f"no reference values of MovieLens-100K under {REFERENCE}; set LLMREC_BENCH_REFERENCE")
    case = read_case(folder, rebuild_movielens("loo", tmp_path_factory))
    order = np.argsort(-case.counts(case.pairs), kind="stable")
    seen = np.zeros((len(case.everyone), case.catalog_size), dtype=bool)
    seen[np.searchsorted(case.everyone, case.pairs["user"]), case.pairs["item"] - 1] = True
    unseen = np.argsort(seen[:, order], axis=1, kind="stable")[:, :20]
    assert np.array_equal(order[unseen], case.lists(case.everyone))
