"""CPU seconds of metrics beside the evaluators of RecBole, ranx and Elliot, on the same made-up lists.

    python benchmarks/metrics_speed.py --recbole PYTHON --ranx PYTHON --elliot PYTHON

Each evaluator runs in a process of its own, with the interpreter given, through its file in `metric_evaluators/`.
One that is not given, or whose interpreter lacks it, is printed as not measured. Times are CPU seconds of the whole
process, all threads; `inputs` turns arrays into what the evaluator reads, `metrics` computes the values. Values have
to agree to 1e-9. Exit status 1 where ours misses the budget, is slower than a peer, or disagrees with one; a peer's
`metrics` alone is compared with our `inputs` and `metrics` together.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

EVALUATORS = Path(__file__).parent / "metric_evaluators"
SETS = {"accuracy": ["HR", "NDCG", "MRR"], "novelty": ["HR", "NDCG", "EFD", "EPC"]}
BUDGET_SECONDS = 0.25


def make_inputs(users: int, items: int, length: int, relevant: int, seed: int) -> dict[str, Any]:
    """Lists without repeats, `relevant` items a user of which some are in the list, and skewed training counts."""
    rng = np.random.default_rng(seed)
    stride = np.arange(length) * (items // length)  # distinct items without drawing each list apart
    lists = (rng.integers(0, items, (users, 1)) + rng.permuted(np.tile(stride, (users, 1)), axis=1)) % items
    wanted = (rng.integers(0, items, (users, 1)) + np.arange(relevant) * 7) % items
    hit = np.flatnonzero(rng.random(users) < 0.4)
    wanted[hit, 0] = lists[hit, (rng.random(len(hit)) ** 2 * length).astype(int)]
    wanted = np.sort(wanted, axis=1)
    wanted[:, 1:][wanted[:, 1:] == wanted[:, :-1]] = -1  # a repeat stands for a user with fewer relevant items
    keep = wanted >= 0
    start = (items * rng.random((users, 1)) ** 3).astype(np.int64)
    return {
        "lists": lists.astype(np.int32),
        "relevant_users": np.nonzero(keep)[0],
        "relevant_items": wanted[keep].astype(np.int32),
        "train_users": np.repeat(np.arange(users), 8),
        "train_items": ((start + np.arange(8) * 3) % items).ravel().astype(np.int32),
        "n_items": items,
    }


def run_evaluator(name: str, interpreter: str | None, inputs: Path, repeats: int) -> dict[str, Any] | str:
    """What the evaluator's process printed, or why it was not measured."""
    if interpreter is None:
        return "no interpreter given"
    command = [interpreter, str(EVALUATORS / f"with_{name}.py"), str(inputs), str(repeats), json.dumps(SETS)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=alone, check=False)
    except OSError as error:
        return str(error)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed without a word"])[-1]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    """Measure and print; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for peer in ("recbole", "ranx", "elliot"):
        parser.add_argument(f"--{peer}", metavar="PYTHON", help=f"interpreter of an environment that has {peer}")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--length", type=int, default=20, help="items in a list, and the cut-off")
    parser.add_argument("--relevant", type=int, default=1, help="relevant items of a user")
    parser.add_argument("--repeats", type=int, default=5, help="the median is printed")
    given = parser.parse_args()

    peers = {"llmrec_bench": sys.executable, "recbole": given.recbole, "ranx": given.ranx, "elliot": given.elliot}
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs.npz"
        np.savez(inputs, **make_inputs(given.users, given.items, given.length, given.relevant, seed=1))
        results = {name: run_evaluator(name, python, inputs, given.repeats) for name, python in peers.items()}
    print(
        f"{given.users} users, lists of {given.length} of {given.items} items, {given.relevant} relevant a user, "
        f"median of {given.repeats}, {os.cpu_count()} cores, Python {sys.version.split()[0]}, numpy {np.__version__}"
    )
    return max(print_set(title, names, results) for title, names in SETS.items())


def print_set(title: str, names: list[str], results: dict[str, dict[str, Any] | str]) -> int:
    """A table of one set of metrics; 1 where a promise is broken."""
    ours = results["llmrec_bench"]
    if isinstance(ours, str):
        raise SystemExit(f"llmrec_bench could not be measured: {ours}")
    reference = ours["sets"][title]["values"]
    seconds = sum(statistics.median(ours["sets"][title][part]) for part in ("inputs", "metrics"))
    print(f"\n{' + '.join(names)}  (CPU seconds; ratios to ours with inputs, {seconds:.3f} s)")
    print(f"{'evaluator':<22}{'inputs':>9}{'metrics':>9}{'both':>9}{'metrics/ours':>14}{'both/ours':>11}  values")
    broken = seconds >= BUDGET_SECONDS
    for name, result in results.items():
        if isinstance(result, str):
            print(f"{name:<22}not measured: {result}")
            continue
        if title not in result["sets"]:
            print(f"{name + ' ' + result['version']:<22}not measured: it lacks a metric of this set")
            continue
        measured = result["sets"][title]
        parts = [statistics.median(measured[part]) for part in ("inputs", "metrics")]
        agree = all(abs(measured["values"][metric] - reference[metric]) < 1e-9 for metric in names)
        broken |= not agree or (name != "llmrec_bench" and parts[1] <= seconds)
        print(
            f"{name + ' ' + result['version']:<22}{parts[0]:>9.3f}{parts[1]:>9.3f}{sum(parts):>9.3f}"
            f"{parts[1] / seconds:>14.1f}{sum(parts) / seconds:>11.1f}  {'agree' if agree else 'DIFFER'}"
        )
    print(f"budget of {BUDGET_SECONDS} s: {'met' if seconds < BUDGET_SECONDS else 'MISSED'}")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
