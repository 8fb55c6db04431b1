"""What holds for every provider of language models."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from llmrec_bench.llm.language_model import Completion, LanguageModel
from llmrec_bench.llm.meter import Meter
from llmrec_bench.llm.metered import Asking
from llmrec_bench.llm.prices import load_prices
from llmrec_bench.llm.prompt import Prompt, ask
from llmrec_bench.plugins import Catalog
from llmrec_bench.testing.check import Check, named
from llmrec_bench.testing.config_checks import CONFIG_CHECKS
from llmrec_bench.testing.import_checks import IMPORT_CHECKS
from llmrec_bench.testing.tiny_data import tiny_split


class LanguageModelSubject:
    """A provider under check; what it answers is recorded in a folder of its own."""

    def __init__(self, kind: type[LanguageModel], config: LanguageModel.Config, catalog: Catalog, folder: Path) -> None:
        self.kind = kind
        self.config = config
        self.context = catalog.context
        self.folder = folder
        self.items = tiny_split().training.items

    @cached_property
    def prompts(self) -> tuple[Prompt, ...]:
        """Three short questions about items of the tiny data."""
        return tuple(
            ask(f'What kind of product is "{title}"? Answer in one sentence.', "item-facts", (token,))
            for token, title in zip(self.items["token"][:3], self.items["title"][:3], strict=True)
        )

    @cached_property
    def answers(self) -> Sequence[tuple[int, Completion]]:
        """What the provider itself yields for them; asked once, for answers may be billed."""
        model = self.kind(self.config, self.items)
        try:
            return list(model.answer(self.prompts))
        finally:
            model.close()


def every_prompt_answered(subject: LanguageModelSubject) -> str | None:
    """Each prompt is answered once, with a text, and a request that fails says why."""
    answers = subject.answers
    asked, told = list(range(len(subject.prompts))), sorted(index for index, _ in answers)
    if told != asked:
        return f"asked for answers {asked}, got {told}"
    for index, completion in answers:
        if not isinstance(completion, Completion) or not isinstance(completion.text, str):
            return f"answer {index} is a {type(completion).__name__}; should be a Completion with a text"
        if completion.failed:
            return f"answer {index} failed: {completion.error or 'without a reason'}"
        if not completion.finish_reason:
            return f"answer {index} has no finish_reason"
    return None


def usage_reported(subject: LanguageModelSubject) -> str | None:
    """Each answer tells its tokens and seconds, without which there is no price."""
    for index, completion in subject.answers:
        usage = completion.usage
        for name in ("prompt_tokens", "completion_tokens"):
            count = getattr(usage, name)
            if type(count) is not int or count < 0:
                return f"answer {index} has {count!r} for {name}; should be a whole number"
        if usage.prompt_tokens == 0:
            return f"answer {index} to a prompt of {subject.prompts[index].characters} characters tells 0 prompt_tokens"
        if completion.seconds is None or completion.seconds < 0:
            return f"answer {index} has {completion.seconds!r} for seconds"
    return None


def cassette_round_trip(subject: LanguageModelSubject) -> str | None:
    """What was recorded is played back as it was, and nothing is asked again."""
    kinds = {subject.config.provider: subject.kind}
    asking = Asking(kinds, subject.folder / "cassette", load_prices())
    recorded = _completed(asking, subject)
    played = _completed(replace(asking, mode="replay"), subject)  # raises for what is not recorded
    for index, (first, second) in enumerate(zip(recorded, played, strict=True)):
        if first != second:
            return f"answer {index} comes back from the cassette as another one"
    return None


def _completed(asking: Asking, subject: LanguageModelSubject) -> list[Completion]:
    model = asking.open(subject.config, subject.items, Meter())
    try:
        return model.complete(subject.prompts)
    finally:
        model.close()


def provider_named(subject: LanguageModelSubject) -> str | None:
    """The option `provider` is the name of the provider, by which a suite and a cassette find it."""
    given = subject.config.provider
    return None if given == subject.kind.name else f"has provider '{given}', and its name is '{subject.kind.name}'"


LANGUAGE_MODEL_CHECKS: tuple[Check[LanguageModelSubject], ...] = (
    *CONFIG_CHECKS,
    *named(provider_named, every_prompt_answered, usage_reported, cassette_round_trip),
    *IMPORT_CHECKS,
)
"""In the order a report has them."""
