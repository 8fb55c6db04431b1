"""What the harness itself costs, each figure as a ratio to its limit: below 1 is within.

python benchmarks/harness_speed.py
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = [sys.executable, "-m", "llmrec_bench.cli"]
LIMITS = {"help_seconds": 0.4, "finished_rerun_seconds": 3.0, "trial_overhead_seconds": 0.05}
SUITE = """
datasets:
  ml-100k: {{source: movielens-100k, filters: [{{filter: k-core}}]}}
methods: {{popularity: , constant: }}
seeds: {seeds}
metrics: [HR, NDCG, MRR, EFD, EPC, Gini]
"""


def seconds(*arguments: str) -> float:
    """Wall-clock seconds of one command."""
    start = time.perf_counter()
    subprocess.run([*BENCH, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def run_seconds(folder: Path, seeds: int) -> tuple[float, list[dict]]:
    """Seconds of a fresh run with one worker, and its records."""
    suite = folder / f"seeds{seeds}.yaml"
    suite.write_text(SUITE.format(seeds=list(range(seeds))))
    spent = seconds("run", str(suite), "--results", str(folder), "--workers", "1")
    return spent, [json.loads(p.read_text()) for p in folder.glob(f"{suite.stem}/trials/*/record.json")]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, some = run_seconds(folder, 2)
        many, records = run_seconds(folder, 52)
        methods = statistics.fmean(r["resources"]["fit_seconds"] + r["resources"]["score_seconds"] for r in records)
        rerun = ["run", str(folder / "seeds52.yaml"), "--results", str(folder)]
        measured = {
            "help_seconds": statistics.median(seconds("--help") for _ in range(5)),
            "finished_rerun_seconds": statistics.median(seconds(*rerun) for _ in range(3)),
            # Start-up is in both runs; what a method itself takes is not the harness's.
            "trial_overhead_seconds": (many - few) / (len(records) - len(some)) - methods,
        }
    for figure, limit in LIMITS.items():
        print(f"{figure:<26} {measured[figure]:8.4f}   limit {limit:<5}   ratio {measured[figure] / limit:.2f}")


if __name__ == "__main__":
    main()
