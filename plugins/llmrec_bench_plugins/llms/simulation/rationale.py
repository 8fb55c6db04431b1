"""Answers of the family `rationale`: preferences, kinds that match them, and items of these kinds, in three steps."""

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

import numpy as np

from llmrec_bench import Prompt
from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue
from llmrec_bench_plugins.llms.simulation.draft import Draft
from llmrec_bench_plugins.llms.simulation.draws import Draws
from llmrec_bench_plugins.llms.simulation.english import capital, paragraph
from llmrec_bench_plugins.llms.simulation.likeness import Likeness
from llmrec_bench_plugins.llms.simulation.preference import preference_sentences
from llmrec_bench_plugins.llms.simulation.shown import history_of
from llmrec_bench_plugins.llms.simulation.tastes import Tastes, tastes_of

LOW, HIGH = 25, 50
"""Words of step 1."""
LISTED = 5
"""Kinds in step 2 and titles in step 3."""

_SHORTLIST = 12
_NOISE_PERCENT = 40
_SPARE = (
    "There is a steady taste in these choices.",
    "You seem to know what you like and keep to it.",
    "The latest items say most about where your interest is going.",
    "More of the same kind should suit you well.",
)
_KINDS_ANYWAY = (
    "Close relatives of your latest choices",
    "Well-made items of the same kind",
    "New arrivals in your usual corner",
    "Follow-ups of what you already know",
    "Something different for a change",
)


def write_rationale(prompt: Prompt, draws: Draws, catalogue: Catalogue, likeness: Likeness) -> Draft:
    """Step 1 in 25 to 50 words, five kinds, and five titles of the catalogue that are not in the history.

    Fewer titles where the catalogue has no more.
    """
    history = history_of(prompt, catalogue)
    tastes = tastes_of(history, catalogue)
    summary = paragraph(preference_sentences(tastes, draws), draws.shuffled(_SPARE), LOW, HIGH)
    kinds = list(islice(_kinds(tastes, draws), LISTED))
    titles = _titles(history, catalogue, likeness, draws)
    lines = "\n".join(f"{place}. {kind}" for place, kind in enumerate(kinds, start=1))
    return Draft(
        f"Step 1: {summary}\nStep 2:\n{lines}\nStep 3:\n",
        tuple(titles),
        tuple(_invent(title, catalogue, draws) for title in titles),
        numbered=True,
    )


def _kinds(tastes: Tastes, draws: Draws) -> Iterator[str]:
    """Different kinds of item: categories, brands and styles of the tastes, then kinds that always fit."""
    categories, brands, words = tastes.categories[:3], tastes.brands[:2], tastes.words[:3]
    joined = [f"{capital(word)} {category}" for word, category in zip(words, categories, strict=False)]
    joined += [f"{brand} {category}" for brand, category in zip(brands, categories, strict=False)]
    joined += [f"{first} with {second}" for first, second in pairwise(categories)]
    alone = [*categories, *brands, *map(capital, words)]
    first = categories[:1] or brands[:1]
    yield from dict.fromkeys([*first, *draws.shuffled([*joined, *alone]), *draws.shuffled(_KINDS_ANYWAY)])


def _titles(history: Sequence[int], catalogue: Catalogue, likeness: Likeness, draws: Draws) -> list[str]:
    alike = likeness.to_history(history)
    seen = {catalogue.items[code].title for code in history}
    shortlist: dict[str, int] = {}
    for code in np.argsort(-alike, kind="stable").tolist():
        if len(shortlist) == _SHORTLIST:
            break
        title = catalogue.items[code].title
        if title.strip() and title not in seen:
            noise = 100 + draws.below(_NOISE_PERCENT)
            shortlist.setdefault(title, int(alike[code]) * noise)
    return sorted(shortlist, key=lambda title: -shortlist[title])[:LISTED]


def _invent(title: str, catalogue: Catalogue, draws: Draws) -> str:
    """A title that no item has: the first half of one with the second half of another."""
    other = draws.choose(catalogue.items).title.split()
    words = title.split()
    invented = " ".join(words[: (len(words) + 1) // 2] + other[len(other) // 2 :])
    while catalogue.has_title(invented):
        invented += f" {words[0]}"
    return invented
