"""Which items a prompt shows, from its tokens or else from the titles in its text."""

from collections.abc import Callable
from itertools import pairwise

from llmrec_bench import Prompt
from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue


def text_of(prompt: Prompt) -> str:
    """What the user's messages say."""
    return "\n".join(message.content for message in prompt.messages if message.role == "user")


def history_of(prompt: Prompt, catalogue: Catalogue) -> list[int]:
    """Codes of the history, oldest first: `prompt.items` before the candidates, or else `0). title, 1). title, ...`.

    Items that the catalogue lacks are left out.
    """
    before = len(prompt.items) - len(_candidate_texts(prompt))
    found = (
        [catalogue.code(token) for token in prompt.items[: max(0, before)]]
        if prompt.items
        else [catalogue.at_start(text) for text in _numbered(text_of(prompt), "{}). ".format, start=0)]
    )
    return [code for code in found if code is not None]


def candidates_of(prompt: Prompt, catalogue: Catalogue) -> list[int | None]:
    """Codes of the candidates `[1] title; [2] title; ...` in their order, None for one that the catalogue lacks."""
    texts = _candidate_texts(prompt)
    if not prompt.items or not texts:
        return [catalogue.at_start(text) for text in texts]
    return [catalogue.code(token) for token in prompt.items[-len(texts) :]]


def subject_of(prompt: Prompt, catalogue: Catalogue) -> int | None:
    """The code of the only item a prompt is about: the first of `prompt.items`, or else the title it begins with."""
    return catalogue.code(prompt.items[0]) if prompt.items else catalogue.at_start(text_of(prompt))


def _candidate_texts(prompt: Prompt) -> list[str]:
    return _numbered(text_of(prompt), "[{}] ".format, start=1)


def _numbered(text: str, label: Callable[[int], str], start: int) -> list[str]:
    """What begins behind each label, in order of the numbers, and runs on to the beginning of the next."""
    places: list[int] = []
    place = -1
    # A title may hold something like a label; only the next number counts.
    while (place := text.find(label(start + len(places)), place + 1)) >= 0:
        places.append(place + len(label(start + len(places))))
    return [text[begin:end] for begin, end in pairwise([*places, len(text)])]
