"""Where one pass over MovieLens-100K goes, kernel by kernel, in one of our backbones.

    python profile_pass.py REQUEST    # JSON; prints JSON as the last line

torch's profiler gives each kernel its own seconds. A backward kernel belongs where its forward one ran, found by
autograd's sequence numbers. Data handling is the making of batches, rows and negatives in numpy, marked as ranges from
here; what no kernel and no range accounts for is Python and the profiler's own cost, and counts as such.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from movielens import load
from timed_fit import never_validate, timed_fit
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from llmrec_bench_plugins.blocks import gated_graph_encoder, next_item_training
from llmrec_bench_plugins.blocks.dropout import ByteDropout
from llmrec_bench_plugins.blocks.negative_items import UnseenItems
from llmrec_bench_plugins.blocks.self_attention import AttentionBlock

PRODUCTS = {"aten::mm", "aten::addmm", "aten::addmm_", "aten::bmm", "aten::baddbmm", "aten::baddbmm_"}
PARTS = (
    "matrix products",
    "attention",
    "GRU",
    "optimizer",
    "loss",
    "session graphs",
    "dropout",
    "data handling",
    "other",
)
KERNELS = PARTS[:4]
RANGES: list[tuple[Any, str, str]] = [
    (AttentionBlock, "attend", "attention"),
    (gated_graph_encoder, "additive_weights", "attention"),
    (gated_graph_encoder, "session_graphs", "session graphs"),
    (next_item_training, "catalogue_cross_entropy", "loss"),
    (ByteDropout, "forward", "dropout"),
    (next_item_training, "padded_rows", "data handling"),
    (UnseenItems, "draw", "data handling"),
]
BY_NAME = {
    "aten::gru": "GRU",
    "Optimizer.step#Adam.step": "optimizer",
    "Optimizer.zero_grad#Adam.zero_grad": "optimizer",
}


def ranged(run: Callable[..., Any], part: str) -> Callable[..., Any]:
    """The same function, its time marked."""

    def marked(*args: Any, **options: Any) -> Any:
        with record_function(f"part:{part}"):
            return run(*args, **options)

    return marked


def ranged_batches(batches: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The same generator, the time inside it marked."""

    def marked(*args: Any) -> Iterator[Any]:
        made = batches(*args)
        while True:
            with record_function("part:data handling"):
                batch = next(made, None)
            if batch is None:
                return
            yield batch

    return marked


def parts_of(events: list[FunctionEvent]) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each part, and of each kernel that is in none of the parts wanted."""
    owner: dict[int, FunctionEvent] = {}  # of several forward events with one number, the last began the node
    for event in events:
        if event.sequence_nr >= 0 and not is_backward(event):
            known = owner.get(event.sequence_nr)
            if known is None or event.time_range.start >= known.time_range.start:
                owner[event.sequence_nr] = event
    seconds: dict[str, float] = defaultdict(float)
    elsewhere: dict[str, float] = defaultdict(float)
    for event in events:
        part = part_of(event, owner)
        if event.name in PRODUCTS and part != "GRU":
            part = "matrix products"
        seconds[part] += event.self_cpu_time_total / 1e6
        if part not in KERNELS:
            elsewhere[f"{event.name.removeprefix('part:')} ({part})"] += event.self_cpu_time_total / 1e6
    return seconds, elsewhere


def is_backward(event: FunctionEvent | None) -> bool:
    """Whether autograd's backward pass ran it."""
    while event is not None:
        if event.name.startswith("autograd::engine"):
            return True
        event = event.cpu_parent
    return False


def part_of(event: FunctionEvent | None, owner: dict[int, FunctionEvent]) -> str:
    """The outermost range or named kernel around it, or around the forward event whose gradient it computes."""
    part = "other"
    while event is not None:
        if event.name.startswith("part:"):
            part = event.name.removeprefix("part:")
        elif event.name in BY_NAME:
            part = BY_NAME[event.name]
        elif event.name.startswith("autograd::engine") and event.sequence_nr in owner:
            part = part_of(owner[event.sequence_nr], owner)
        event = event.cpu_parent
    return part


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Shares of the second of two passes' wall seconds, and the largest kernels outside the parts wanted."""
    training = load().training()
    options = {**request["options"], "epochs": 1, "patience": None}
    timed_fit(request["model"], options, training, 1, never_validate)
    passes: list[tuple[profile, float]] = []

    def profiled(*args: Any, **options: Any) -> Any:
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            begun = time.perf_counter()
            outcome = train_next_item(*args, **options)
            passes.append((profiler, time.perf_counter() - begun))
        return outcome

    train_next_item = next_item_training.train_next_item
    with ExitStack() as patches:
        for where, name, part in RANGES:
            patches.enter_context(patch.object(where, name, ranged(getattr(where, name), part)))
        batches = next_item_training.batches_of_like_length
        patches.enter_context(patch.object(next_item_training, "batches_of_like_length", ranged_batches(batches)))
        # Around the training alone: finding the plugins and building the encoder are no part of a pass.
        patches.enter_context(patch.object(next_item_training, "train_next_item", profiled))
        timed_fit(request["model"], options, training, 1, never_validate)
    [(profiler, whole)] = passes
    seconds, elsewhere = parts_of(profiler.events())
    shares = {part: seconds[part] / whole for part in PARTS}
    shares["Python"] = 1 - sum(shares.values())
    largest = sorted(elsewhere, key=elsewhere.__getitem__, reverse=True)[:6]
    kernels = sum(shares[part] for part in KERNELS)
    return {"shares": shares, "kernels": kernels, "elsewhere": {name: elsewhere[name] / whole for name in largest}}


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    print(json.dumps(main(request)))
