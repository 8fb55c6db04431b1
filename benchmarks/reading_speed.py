"""What it takes to read a large suite's results: tables with tests and slices, and the report, beside their limits.

    python benchmarks/reading_speed.py [--users 50000] [--methods 100] [--seeds 5]

The suite has methods x seeds trials. Nothing is trained: the data and the records are made up, in the form that trials
leave them, and each command then reads them in a process of its own. Ratios are of the processor's time, as the machine
may be shared: below 1 is within the limit.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from llmrec_bench.plan import Trial, make_plan
from llmrec_bench.plugins import load_catalog
from llmrec_bench.store import DatasetPart, MethodPart, ProtocolPart, Record, Resources, Store
from llmrec_bench.suite import load_suite

METRICS = ["HR", "NDCG", "EFD"]
ITEMS, EVENTS, K = 5000, 6, 10
TABLE_SECONDS, REPORT_SECONDS, MEMORY_BYTES, PAGE_BYTES = 10.0, 60.0, 4e9, 15e6


def write_suite(folder: Path, users: int, methods: int, seeds: int) -> Path:
    """A made-up log of six events a user, and a suite of one grid over it."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(users), EVENTS)
    item = rng.zipf(1.3, len(user)) % ITEMS
    pd.DataFrame({"user": user, "item": item, "time": np.tile(np.arange(EVENTS), users)}).to_parquet(
        folder / "log.parquet"
    )
    suite = folder / "large.yaml"
    suite.write_text(
        f"datasets: {{made-up: {{source: interaction-table, options: {{path: log.parquet}}}}}}\n"
        f"protocol: {{cutoffs: [{K}]}}\n"
        f"methods: {{knn: {{method: item-knn, grid: {{neighbours: {list(range(1, methods + 1))}}}}}}}\n"
        f"seeds: {list(range(seeds))}\nmetrics: {METRICS}\n"
    )
    return suite


def write_results(suite: Path, results: Path) -> Store:
    """Records, values per user and lists of every trial, the lists of all alike; the report counts items in them."""
    plan = make_plan(load_suite(suite, load_catalog()))
    store = Store(results, plan.suite.name)
    data = plan.prepared["made-up"]
    users = data.dataset.users[data.split.test.users].astype("str")
    items = data.dataset.items["token"].to_numpy()
    listed = items[np.random.default_rng(0).zipf(1.3, len(users) * K) % len(items)]
    ranks = np.tile(np.arange(1, K + 1), len(users))
    lists = pd.DataFrame({"user": np.repeat(users, K), "rank": ranks, "item": listed})
    for number, trial in enumerate(plan.trials):
        rng = np.random.default_rng(number)
        hits = rng.random(len(users)) < 0.2 + number / 1e4
        values = {f"{metric}@{K}": np.where(hits, rng.random(len(users)), 0.0) for metric in METRICS}
        store.write(_record(trial, values), pd.DataFrame({"user": users, "offered": ITEMS, **values}), lists)
    return store


def _record(trial: Trial, values: dict[str, np.ndarray]) -> Record:
    means = {column: float(of_users.mean()) for column, of_users in values.items()}
    return Record(
        id=trial.id, suite="large", status="finished", seed=trial.seed, metrics=means, chance=dict.fromkeys(means, 0.0),
        dataset=DatasetPart(
            label="made-up", source="interaction-table", options={}, preparation={}, fingerprint=trial.fingerprint,
            simulated=False, funnel=[], users=None, items=None, interactions=None, queries=None,
        ),
        method=MethodPart(
            label=trial.method.label, name="item-knn", version="1", plugin="builtin", source="",
            config=trial.method.config.model_dump(mode="json"),
        ),
        protocol=ProtocolPart(hash=trial.protocol_hash, description="", settings={}, candidates_hash="full"),
        resources=Resources(
            load_seconds=1, fit_seconds=1, score_seconds=1, rank_seconds=1, measure_seconds=1, peak_memory_bytes=None
        ),
        provenance={}, log=[f"line {i}" for i in range(20)],
    )  # fmt: skip


def measure(*arguments: str) -> tuple[float, float, float]:
    """Wall-clock seconds, processor seconds and peak bytes of one command, which computes on one thread."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "llmrec_bench.cli", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"bench {' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("--users", 50_000), ("--methods", 100), ("--seeds", 5)):
        parser.add_argument(option, type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite = write_suite(folder, asked.users, asked.methods, asked.seeds)
        store = write_results(suite, folder / "results")
        where = [str(suite), "--results", str(store.root)]
        baseline = ["--baseline", "knn[neighbours=1]"]
        page = folder / "report.html"
        print(f"{asked.methods * asked.seeds} trials, {asked.users:,} users, {len(METRICS)} metrics; made-up values")
        for what, limit, arguments in (
            ("table", TABLE_SECONDS, ["table", *where]),
            ("table, tested", TABLE_SECONDS, ["table", *where, *baseline]),
            ("table, tested, sliced", TABLE_SECONDS, ["table", *where, *baseline, "--slice", "popularity"]),
            ("report", REPORT_SECONDS, ["report", *where, "--out", str(page)]),
        ):
            seconds, busy, peak = measure(*arguments)
            print(
                f"{what:<22} {seconds:6.1f} s, busy {busy:5.1f} s   limit {limit:3.0f} s   ratio {busy / limit:.2f}    "
                f"{peak / 1e9:.2f} GB   limit {MEMORY_BYTES / 1e9:.0f} GB   ratio {peak / MEMORY_BYTES:.2f}"
            )
        print(f"page {page.stat().st_size / 1e6:.1f} MB   limit {PAGE_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
