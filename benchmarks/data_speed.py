"""Load, filter and split 10 million interactions, as ratios to the limits of 60 s and 4 GB: below 1 is within.

python benchmarks/data_speed.py [INTERACTIONS]
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from llmrec_bench.data.dataset import Preparation, load_dataset
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench.plugins import load_catalog

FILTERS = '{"filters": [{"filter": "drop-duplicates"}, {"filter": "k-core"}, {"filter": "latest", "n": 200}]}'


def make_table(path: Path, interactions: int) -> None:
    """Users at random, items by a Zipf law, times in no order."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "user": rng.integers(interactions // 20, size=interactions),
            "item": rng.zipf(1.3, interactions) % (interactions // 50),
            "time": rng.integers(10**9, size=interactions),
            "rating": rng.integers(1, 6, interactions),
        }
    )
    table.to_parquet(path)


def measure(path: Path) -> None:
    """Print seconds and the peak memory of this process."""
    source = load_catalog().datasets["interaction-table"].model_validate({"path": path})
    start = time.perf_counter()
    dataset = load_dataset("table", source, Preparation.model_validate_json(FILTERS))
    loaded = time.perf_counter()
    parts = split(dataset.sequences, LeaveOneOut())
    done = time.perf_counter()
    for step in dataset.funnel:
        print(f"{step.step:<50} {step.users:>9,} users {step.items:>8,} items {step.interactions:>11,} interactions")
    print(f"{len(parts.test):,} test queries")
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"load and filter {loaded - start:6.1f} s, split {done - loaded:.1f} s")
    print(f"in all          {done - start:6.1f} s    limit 60 s   ratio {(done - start) / 60:.2f}")
    print(f"peak memory     {peak_gb:6.2f} GB   limit 4 GB   ratio {peak_gb / 4:.2f}")


def main() -> None:
    if len(sys.argv) == 3:
        measure(Path(sys.argv[2]))
        return
    interactions = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        make_table(path, interactions)
        # A process of its own, so that making the table is not in the peak.
        subprocess.run([sys.executable, __file__, "measure", str(path)], check=True)


if __name__ == "__main__":
    main()
