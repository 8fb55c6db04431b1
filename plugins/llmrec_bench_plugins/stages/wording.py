"""The prompts of this project: what language models are asked about histories, candidates and items."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from llmrec_bench import Prompt, PromptFile, ask

Domain = Literal["movies", "products"]
"""Whose words a prompt uses."""

_FOLDER = Path(__file__).parent / "prompts"


def prompt_file(name: str) -> PromptFile:
    """A text that ships with the project."""
    return PromptFile(_FOLDER / f"{name}.txt")


def wording(family: str, domain: Domain) -> PromptFile:
    """The text behind a family of prompts."""
    return prompt_file(f"{family}-{domain}")


def cut_titles(titles: Iterable[str], words: int | None) -> list[str]:
    """The titles, each down to its first `words` words; None leaves them whole."""
    return list(titles) if words is None else [" ".join(title.split()[:words]) for title in titles]


def numbered_history(titles: Sequence[str]) -> str:
    """`0). title, 1). title, ...`, oldest first, as SLIM prints it."""
    return ", ".join(f"{i}). {title}" for i, title in enumerate(titles))


def item_facts_prompt(domain: Domain, item: str, title: str, factors: str) -> Prompt:
    """What is known of one item (token and title), as to the factors."""
    text = wording("item-facts", domain).fill({"title": title, "factors": factors})
    return ask(text, "item-facts", (item,))


def preference_prompt(
    domain: Domain, items: Sequence[str], titles: Sequence[str], factors: str, products: str = "products"
) -> Prompt:
    """What a user's history (tokens and titles, oldest first) says of the user's preferences, as to the factors;
    `products` is what the items are called where they are no movies."""
    blanks = {"history": numbered_history(titles), "factors": factors, "products": products}
    return ask(wording("preference", domain).fill(blanks), "preference", tuple(items))


def rationale_prompt(domain: Domain, items: Sequence[str], titles: Sequence[str], products: str = "products") -> Prompt:
    """SLIM's three steps over a user's history (tokens and titles, oldest first); `products` is what the items are
    called where they are no movies."""
    text = wording("rationale", domain).fill({"history": numbered_history(titles), "products": products})
    return ask(text, "rationale", tuple(items))


def ranking_prompt(
    domain: Domain,
    items: Sequence[str],
    titles: Sequence[str],
    candidates: Sequence[str],
    candidate_titles: Sequence[str],
) -> Prompt:
    """Which of the candidates comes next after a history; the answer lists their numbers from 1."""
    shown = "; ".join(f"[{i}] {title}" for i, title in enumerate(candidate_titles, start=1))
    blanks = {"history": numbered_history(titles), "count": str(len(candidates)), "candidates": shown}
    return ask(wording("ranking", domain).fill(blanks), "ranking", (*items, *candidates))
