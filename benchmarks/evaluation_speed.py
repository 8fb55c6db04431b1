"""Full-catalogue evaluation of p5-beauty against its bare matrix product and top-k, side by side.

    python benchmarks/evaluation_speed.py

The scorer is a random factor model (d = 64). The bare run multiplies blocks of the same size and takes
`np.argpartition` of each row: no history is masked, no target found, no tie broken, no list sorted. Prints the ratio
of the two times; the limit is 2.
"""

import gzip
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from llmrec_bench.data.sequences import Sequences
from llmrec_bench.data.splits import LeaveOneOut, split
from llmrec_bench.data.training import Queries
from llmrec_bench.evaluate import BLOCK_BYTES, rank
from llmrec_bench.metrics.rankings import Popularity
from llmrec_bench.protocol import Protocol

LIMIT = 2.0
REPEATS = 5
WIDTH = 64
K = 20


def read_sequences(path: Path) -> Sequences:
    """The P5 format: `user item item ...` on each line, items from 1."""
    with gzip.open(path, "rt") as file:
        rows = [np.array(line.split()[1:], dtype=np.int32) - 1 for line in file]
    offsets = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    return Sequences(offsets=offsets, items=np.concatenate(rows))


def main() -> int:
    """Print the measurement; 0 if the limit holds or the data are absent, else 1."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("LLMREC_BENCH_DATA", default)) / "p5-beauty" / "sequential.txt.gz"
    if not path.exists():
        print("not measured: p5-beauty is not under LLMREC_BENCH_DATA")
        return 0
    sequences = read_sequences(path)
    n_items = int(sequences.items.max()) + 1
    parts = split(sequences, LeaveOneOut())
    rng = np.random.default_rng(0)
    user_factors = rng.standard_normal((len(sequences), WIDTH), dtype=np.float32)
    item_factors = rng.standard_normal((n_items, WIDTH), dtype=np.float32)
    protocol = Protocol(cutoffs=(10, K))
    popularity = Popularity(counts=np.bincount(parts.train.items, minlength=n_items), n_users=len(sequences))
    scored_seconds = [0.0]

    def score(queries: Queries) -> npt.NDArray[np.float32]:
        started = time.perf_counter()
        scores: npt.NDArray[np.float32] = user_factors[queries.users] @ item_factors.T
        scored_seconds[0] += time.perf_counter() - started
        return scores

    def evaluation() -> None:
        rank(score, parts.test, parts.test_targets, protocol, popularity, 0, "factors")

    def bare() -> None:
        size = BLOCK_BYTES // (4 * n_items)
        for start in range(0, len(parts.test), size):
            scores = user_factors[parts.test.users[start : start + size]] @ item_factors.T
            np.argpartition(scores, n_items - K, axis=1)[:, n_items - K :]

    pairs = [(seconds(bare), seconds(evaluation)) for _ in range(REPEATS + 1)][1:]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    bare_seconds, our_seconds = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"p5-beauty, {len(parts.test):,} queries x {n_items:,} items, d = {WIDTH}, top {K}, {REPEATS} repeats")
    print(f"matrix product and argpartition  {bare_seconds:6.2f} s")
    print(f"evaluation                       {our_seconds:6.2f} s")
    print(f"  of which the same product      {scored_seconds[0] / (REPEATS + 1):6.2f} s")
    verdict = "holds" if ratio <= LIMIT else "FAILS"
    print(f"ratio                            {ratio:6.2f}   (limit {LIMIT:g}: {verdict})")
    return 0 if ratio <= LIMIT else 1


def seconds(run: Callable[[], None]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
