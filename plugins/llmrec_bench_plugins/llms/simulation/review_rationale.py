"""Answers of the family `review-rationale`: what a review tells of its writer, and what the item is like.

The form is the one that RDRec's code asks for (arXiv 2405.10587): a line before them, then `1. The user prefers ... .`
and `2. The item's attributes are ... .`.
"""

import re
from collections.abc import Iterator

from llmrec_bench import Prompt
from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue, Item
from llmrec_bench_plugins.llms.simulation.draft import Draft
from llmrec_bench_plugins.llms.simulation.draws import Draws
from llmrec_bench_plugins.llms.simulation.english import clip, content_words, listed
from llmrec_bench_plugins.llms.simulation.item_facts import attributes
from llmrec_bench_plugins.llms.simulation.shown import text_of

_QUOTED = re.compile(r"""(?<!\w)(?P<mark>["'])(?P<review>.+?)(?P=mark)\.(?!\w)""", re.DOTALL)
_CLAUSE_END = re.compile(r"[.!?]+(?:\s|$)|,?\s(?:though|although|but)\s", re.IGNORECASE)
_COMPLAINT = re.compile(
    r"\b(?:too|not|never|no|cannot|off|bad|poor(?:ly)?|worse|worst|waste|hate|dislike|unfortunately|broke\w*|return\w*"
    r"|disappoint\w*|(?:can|could) (?:do|be) better)\b|n't\b",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"\b(?:(?:I|we)\b.*?\b(?:like|love|prefer|enjoy|adore|want|need|look for|looking for|go for)|give me)\s+"
    r"(?P<wish>.+?)(?:,? and (?:I|we|it)\b.*)?$",
    re.IGNORECASE,
)
_PARTS = 3
_WISH_WORDS = 10
_RUN_WORDS = 5


def write_review_rationale(prompt: Prompt, draws: Draws, catalogue: Catalogue) -> Draft:
    """Two numbered sentences after an opening line, in words of the review and of the item's texts."""
    text = text_of(prompt)
    quoted = _QUOTED.search(text)
    review = quoted["review"] if quoted else text
    code = catalogue.code(prompt.items[0]) if prompt.items else None
    item = Item("") if code is None else catalogue.items[code]
    opening = draws.choose(("Sure, here are the two sentences:", "Here are two short sentences:", "Of course:"))
    preference, features = _preference(review, item, catalogue, draws), _attributes(review, item, catalogue, draws)
    return Draft(f"{opening}\n1. {preference}\n2. {features}")


def _preference(review: str, item: Item, catalogue: Catalogue, draws: Draws) -> str:
    wishes: list[str] = []
    likes: list[str] = []
    dislikes: list[str] = []
    for clause in filter(None, _CLAUSE_END.split(review)):
        wish = _WISH.search(clause)
        # A wish may be for "no sugar"; only what stands before it can turn it round.
        if _COMPLAINT.search(clause[: wish.start("wish")] if wish else clause):
            dislikes += _known_phrases(clause, catalogue)
        elif wish and content_words(wish["wish"]):
            wishes.append(clip(wish["wish"], _WISH_WORDS))
        else:
            likes += _known_phrases(clause, catalogue)
    liked = listed(list(dict.fromkeys(wishes + likes))[:_PARTS])
    disliked = listed(list(dict.fromkeys(dislikes))[: _PARTS - 1])
    if liked and disliked:
        return f"The user prefers {liked} {draws.choose(('over', 'rather than', 'more than'))} {disliked}."
    if disliked:
        return (
            f"The user prefers {draws.choose(('something other than', 'things unlike', 'alternatives to'))} {disliked}."
        )
    usual = liked or listed(item.categories[-2:]) or listed(content_words(review)[:_PARTS]) or "familiar things"
    return f"The user prefers {usual}{draws.choose(('', ' most of all', ' in general', ' above others'))}."


def _attributes(review: str, item: Item, catalogue: Catalogue, draws: Draws) -> str:
    said = content_words(review)
    words = attributes(item, catalogue)
    chosen = [word for word in words if word in said] + draws.shuffled([word for word in words if word not in said])
    parts = [*chosen[:_PARTS], *item.categories[-2:], *([item.brand] if item.brand else [])]
    return f"The item's attributes are {listed(parts or said[:_PARTS] or ['unknown'])}."


def _known_phrases(clause: str, catalogue: Catalogue) -> Iterator[str]:
    """Runs of words that titles, categories or brands of the catalogue share, as the clause writes them."""
    run: list[str] = []
    for word in [*re.findall(r"[\w'’-]+|[^\w\s]", clause), ""]:
        if catalogue.names(word):
            run.append(word)
        elif run:
            yield clip(" ".join(run), _RUN_WORDS)
            run = []
