"""Answers of the family `item-facts`: a few sentences about one item."""

import re
from collections.abc import Iterator

from llmrec_bench import Prompt
from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue, Item
from llmrec_bench_plugins.llms.simulation.draft import Draft
from llmrec_bench_plugins.llms.simulation.draws import Draws
from llmrec_bench_plugins.llms.simulation.english import clip, listed, paragraph
from llmrec_bench_plugins.llms.simulation.shown import subject_of, text_of

LOW, HIGH = 25, 45
"""Words of an answer."""

_YEAR = re.compile(r"\((\d{4})\)$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")
_SPARE = (
    "What is known about it says little more than that.",
    "The rest is for buyers and reviewers to judge.",
    "People who know similar ones will find their way quickly.",
    "It should be compared with its closest neighbours before choosing.",
    "Nothing else about it can be said with certainty.",
)


def write_facts(prompt: Prompt, draws: Draws, catalogue: Catalogue) -> Draft:
    """25 to 45 words about the item that the prompt is about; of a stranger, about its title."""
    code = subject_of(prompt, catalogue)
    item = Item(text_of(prompt).partition(":")[0]) if code is None else catalogue.items[code]
    return Draft(paragraph(_sentences(item, catalogue, draws), draws.shuffled(_SPARE), LOW, HIGH))


def attributes(item: Item, catalogue: Catalogue) -> list[str]:
    """Words of the title that other items share, those of most items first."""
    shared = [word for word in item.title_words if catalogue.shared("title", word)]
    return sorted(shared, key=lambda word: catalogue.rarity("title", word))


def _sentences(item: Item, catalogue: Catalogue, draws: Draws) -> Iterator[str]:
    title = clip(item.title, 10) or "This item"
    kinds = listed(item.categories[-3:])
    if kinds and item.brand and item.brand not in title:
        yield draws.choose(
            (
                f"{title} belongs to {kinds} and comes from {item.brand}.",
                f"{item.brand} makes {title}, which is filed under {kinds}.",
                f"Under {kinds} one finds {title} by {item.brand}.",
                f"From {item.brand} comes {title}, a piece of {kinds}.",
            )
        )
    elif kinds:
        yield draws.choose(
            (
                f"{title} belongs to {kinds}.",
                f"{kinds} describes {title} best.",
                f"{title} is a clear case of {kinds}.",
                f"In {kinds}, {title} is worth knowing.",
                f"One word for {title}: {kinds}.",
            )
        )
    elif item.brand:
        yield draws.choose((f"{title} comes from {item.brand}.", f"{item.brand} makes {title}."))
    elif item.title:
        yield draws.choose((f"Its name is {title}.", f"It goes by the name {title}.", f"{title} is what it is called."))
    if item.description:
        yield _first_sentence(item.description)
    if words := attributes(item, catalogue)[:3]:
        yield draws.choose(
            (
                f"It is best described as {listed(words)}.",
                f"What stands out is its {listed(words)} side.",
                f"Think of {listed(words)}.",
            )
        )
    if year := _YEAR.search(item.title):
        yield draws.choose((f"It dates from {year[1]}.", f"It came out in {year[1]}.", f"The year is {year[1]}."))
    if kinds:
        yield draws.choose(
            (
                f"Those who enjoy {kinds} tend to like it.",
                f"It suits people who look for {kinds}.",
                f"Fans of {kinds} are its natural audience.",
            )
        )


def _first_sentence(text: str) -> str:
    return clip(_SENTENCE_END.split(text, maxsplit=1)[0], 20).rstrip(".") + "."
