"""Speed of SLIM's student: writing rationales, and learning to write them, beside the seconds that the paper prints.

    python benchmarks/student_speed.py [--shape llama-2-7b] [--device cuda] [--rationales 512] [--pairs 1000]

The model has the shape of LLaMA-2-7B and random weights, in bfloat16 on a GPU: what it says is noise, and how long it
takes is not. Prompts are 200 random tokens, answers 300 tokens (no token ends them). The paper has 6.11 s a rationale
on one A100. `--shape small` is that of the student in suites/paper.yaml, for a look at the script on a CPU; it judges
nothing. Exit status 1 where a target is missed.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from llmrec_bench_plugins.blocks.distillation import Distillation, Pair, add_lora, distil
from llmrec_bench_plugins.blocks.text_generation import Decoding, continuations

PAPER_SECONDS = 6.11
SECONDS_TARGET, DISTILLATION_MINUTES_TARGET = 0.06, 10.0
PROMPT_TOKENS, ANSWER_TOKENS = 200, 300
SHAPES: dict[str, dict[str, int]] = {
    "llama-2-7b": {},  # the defaults of transformers are this model's
    "small": {
        "vocab_size": 4096,
        "hidden_size": 128,
        "intermediate_size": 352,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 1024,
    },
}


def random_model(shape: str, device: str) -> Any:
    """Random weights, drawn where they are used: seven billion of them take minutes on a CPU."""
    torch.set_default_dtype(torch.bfloat16 if device != "cpu" else torch.float32)
    with torch.device(device):
        model = LlamaForCausalLM(LlamaConfig(**SHAPES[shape], eos_token_id=None))
    torch.set_default_dtype(torch.float32)
    return model.eval()


def finished(device: str) -> float:
    """The clock, once all that was asked of the device is done."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=list(SHAPES), default="llama-2-7b")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rationales", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=1000)
    options = parser.parse_args()
    if options.shape == "llama-2-7b" and options.device == "cpu":
        sys.exit("not measured: LLaMA-2-7B's shape wants a GPU; --shape small is for a CPU")
    device = torch.cuda.get_device_name() if options.device != "cpu" else "CPU"
    model = random_model(options.shape, options.device)
    size = sum(weight.numel() for weight in model.parameters())
    print(f"{options.shape}, {size / 1e9:.2f} billion parameters, {device}, torch {torch.__version__}\n")

    rng = np.random.default_rng(0)
    words = model.config.vocab_size
    prompts = rng.integers(words, size=(options.rationales, PROMPT_TOKENS)).tolist()
    decoding = Decoding(ANSWER_TOKENS, ())
    list(continuations(model, prompts[:2], [0, 0], decoding, 2))  # compiles and allocates
    begin = finished(options.device)
    written = list(continuations(model, prompts, [0] * len(prompts), decoding, options.batch_size))
    seconds = (finished(options.device) - begin) / len(prompts)
    assert all(found is not None and found.steps == ANSWER_TOKENS for _, found in written)
    print(
        f"rationales   {len(prompts)} of {ANSWER_TOKENS} tokens, {seconds:.4f} s each: "
        f"1/{PAPER_SECONDS / seconds:.0f} of the paper's {PAPER_SECONDS} s"
    )

    adapted = add_lora(model, 8, 32, 0.05, ["q_proj", "v_proj"], 0)
    rows = rng.integers(words, size=(options.pairs + 20, PROMPT_TOKENS + ANSWER_TOKENS)).tolist()
    pairs = [Pair(row, PROMPT_TOKENS) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        begin = finished(options.device)
        outcome = distil(adapted, pairs[20:], pairs[:20], Distillation(), 0, Path(folder), lambda line: None)
        minutes = (finished(options.device) - begin) / 60
    rate = outcome.tokens / (60 * minutes)
    print(f"distillation {options.pairs} pairs, 3 epochs, {minutes:.2f} min, {rate:,.0f} tokens a second")
    if options.shape == "llama-2-7b":
        held = seconds <= SECONDS_TARGET and minutes <= DISTILLATION_MINUTES_TARGET
        targets = f"{SECONDS_TARGET} s a rationale, {DISTILLATION_MINUTES_TARGET:g} min"
        print(f"targets: {targets}: {'met' if held else 'MISSED'}")
        sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
