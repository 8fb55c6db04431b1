"""Answers of the family `preference`: prose on what somebody likes."""

from collections.abc import Iterator

from llmrec_bench import Prompt
from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue
from llmrec_bench_plugins.llms.simulation.draft import Draft
from llmrec_bench_plugins.llms.simulation.draws import Draws
from llmrec_bench_plugins.llms.simulation.english import clip, listed, paragraph
from llmrec_bench_plugins.llms.simulation.shown import history_of
from llmrec_bench_plugins.llms.simulation.tastes import Tastes, tastes_of

LOW, HIGH = 45, 75
"""Words of an answer."""

_SPARE = (
    "Your history is consistent enough to expect more of the same.",
    "You seem to choose with care rather than on impulse.",
    "There is still room for a surprise now and then.",
    "Recent choices probably say more about you than early ones.",
    "The list hangs together well and has few odd ones out.",
    "A longer history would make this picture more certain.",
)


def write_preference(prompt: Prompt, draws: Draws, catalogue: Catalogue) -> Draft:
    """45 to 75 words on the preferences in the prompt's history."""
    tastes = tastes_of(history_of(prompt, catalogue), catalogue)
    return Draft(paragraph(preference_sentences(tastes, draws), draws.shuffled(_SPARE), LOW, HIGH))


def preference_sentences(tastes: Tastes, draws: Draws) -> Iterator[str]:
    """Up to six sentences on what the history shows, what matters most first."""
    if kinds := listed(tastes.categories[:3]):
        yield draws.choose(
            (
                f"You return most often to {kinds}.",
                f"Your choices lean clearly towards {kinds}.",
                f"The heart of what you choose is {kinds}.",
                f"Above all you are drawn to {kinds}.",
            )
        )
    if phrases := listed(tastes.phrases[:3]):
        yield draws.choose(
            (
                f"You look for things described by these words: {phrases}.",
                f"The same promises win you over again and again: {phrases}.",
                f"Common to many of them: {phrases}.",
            )
        )
    if words := listed(tastes.words[:4]):
        yield draws.choose(
            (
                f"You like what is {words}.",
                f"A taste for {words} runs through the list.",
                f"Several of them are {words}.",
            )
        )
    if brands := listed(tastes.brands[:2]):
        yield draws.choose(
            (
                f"You trust {brands}.",
                f"The makers that suit you best: {brands}.",
                f"Names that appeal to you: {brands}.",
            )
        )
    if titles := listed([clip(title, 6) for title in tastes.titles[:3]]):
        yield draws.choose(
            (
                f"Recent examples are {titles}.",
                f"Your latest choices, {titles}, show it well.",
                f"Lately you went for {titles}.",
            )
        )
    if tastes.recent_category:
        yield draws.choose(
            (
                f"Of late you also turn to {tastes.recent_category}.",
                f"{tastes.recent_category} is a newer interest of yours.",
            )
        )
