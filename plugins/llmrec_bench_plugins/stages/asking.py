"""Asking a language model about many things, some of which get no answer."""

from collections import Counter
from collections.abc import Sequence

from llmrec_bench import BenchError, LanguageModel, Prompt, StageRun


def ask_all(run: StageRun, writer: LanguageModel.Config, prompts: Sequence[Prompt], stage: str, lost: str) -> list[str]:
    """The answer to each prompt, '' where there is none; how many these are and why is logged, `lost` says what they
    cost. Raises `BenchError` where no request succeeds."""
    completions = run.llm(writer).complete(prompts)
    failed = Counter(completion.error for completion in completions if completion.failed)
    if failed.total() == len(completions):
        raise BenchError(f"stage '{stage}': all {len(completions):,} requests failed; the first: {next(iter(failed))}")
    for reason, count in failed.most_common():
        run.log(f"{count:,} of {len(completions):,} requests failed, {lost}: {reason}")
    refused = sum(completion.finish_reason == "refused" for completion in completions)
    if refused:
        run.log(f"{refused:,} of {len(completions):,} requests were refused, {lost}")
    return ["" if c.finish_reason in ("failed", "refused") else c.text.strip() for c in completions]
