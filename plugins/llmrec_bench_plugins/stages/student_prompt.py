"""What SLIM's student is asked."""

from collections.abc import Sequence
from pathlib import Path

from llmrec_bench import PromptFile
from llmrec_bench_plugins.stages.wording import numbered_history

STUDENT = PromptFile(Path(__file__).parent / "prompts" / "student.txt")
"""SLIM's Figure 3; one wording for all data sets."""


def student_prompt(titles: Sequence[str]) -> str:
    """The question about a history, titles oldest first."""
    return STUDENT.fill({"history": numbered_history(titles)})
