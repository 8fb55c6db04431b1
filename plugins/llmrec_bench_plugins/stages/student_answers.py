"""What a student writes about histories, and how it came out."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmrec_bench import BenchError
from llmrec_bench_plugins.stages.causal_models import one_line
from llmrec_bench_plugins.stages.rationale_steps import parse_steps

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.text_generation import CausalModel

LONGEST = 300
"""Tokens of an answer, at most (SLIM)."""


@dataclass(frozen=True)
class Answer:
    """A student's answer to one prompt."""

    text: str
    """'' where it wrote nothing, or had no room to."""
    tokens: int
    """That it wrote, the end token included."""
    cut: bool
    """True where it had not stopped at the limit."""
    fits: bool = True
    """False where prompt and answer do not fit the model's positions, or the memory even alone."""


def write_answers(
    model: "CausalModel", prompts: Sequence[str], longest: int, temperature: float, seed: int, batch_size: int
) -> list[Answer]:
    """One for each prompt, in their order; the likeliest tokens at temperature 0, else drawn by seed and prompt.

    Raises `BenchError` where the student's chat template refuses a prompt: it would refuse all of them.
    """
    from jinja2 import TemplateError

    from llmrec_bench_plugins.blocks.text_generation import Decoding, continuations

    room = math.inf if model.positions is None else model.positions - longest
    try:
        rows = [model.tokens([{"role": "user", "content": prompt}]) for prompt in prompts]
    except TemplateError as error:
        raise BenchError(f"the student's chat template refuses the prompt ({one_line(error)}); take another") from None
    fitting = [number for number, row in enumerate(rows) if 0 < len(row) <= room]
    answers = [Answer("", 0, False, fits=False)] * len(rows)
    seeds = [_seed(seed, prompts[number]) for number in fitting]
    decoding = Decoding(longest, model.end_tokens, temperature)
    for place, found in continuations(model.model, [rows[number] for number in fitting], seeds, decoding, batch_size):
        if found is not None:
            answers[fitting[place]] = Answer(model.text(found.tokens).strip(), found.steps, not found.ended)
    return answers


def tell(answers: Sequence[Answer], longest: int) -> str:
    """How they came out, in one line."""
    return (
        f"{len(answers):,} answers of a student: {sum(whole(answers)):,} have all three steps, "
        f"{sum(not answer.text for answer in answers):,} are empty, "
        f"{sum(answer.cut for answer in answers):,} were cut at {longest} tokens, "
        f"{sum(not answer.fits for answer in answers):,} had no room in the model or the memory"
    )


def whole(answers: Sequence[Answer]) -> list[bool]:
    """Which of them have all three steps."""
    return [parse_steps(answer.text).whole for answer in answers]


def _seed(seed: int, prompt: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {prompt}".encode()).digest())
