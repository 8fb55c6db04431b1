"""The prompts of this project: what language models are asked about histories, candidates and items."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from llmrec_bench import Message, Prompt, PromptFile, ask

Domain = Literal["movies", "products"]
"""Whose words a prompt uses."""

RankingForm = Literal["sequential", "recency-focused", "in-context"]
"""How a prompt for a ranking shows the history (LLMRank)."""
RankingAnswer = Literal["numbers", "titles"]
"""What an answer to it names the candidates by."""

ReviewForm = Literal["paper", "released"]
"""How a prompt asks what a review says (RDRec)."""

_FOLDER = Path(__file__).parent / "prompts"


def prompt_file(name: str) -> PromptFile:
    """A text that ships with the project."""
    return _read(_FOLDER / f"{name}.txt")


@cache
def _read(path: Path) -> PromptFile:
    """Once, however many prompts are made of it."""
    return PromptFile(path)


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


def review_rationale_wordings(form: ReviewForm) -> list[PromptFile]:
    """The texts behind `review_rationale_prompt`: the question, and where there is one the system message."""
    question = prompt_file(f"review-rationale-{form}")
    return [question] if form == "paper" else [question, prompt_file("review-rationale-released-system")]


def review_rationale_prompt(form: ReviewForm, item: str, review: str) -> Prompt:
    """What a review of an item (token) says of its writer's preference and the item's attributes; only the review is
    shown."""
    question, *system = review_rationale_wordings(form)
    messages = [Message("system", file.text) for file in system]
    return Prompt((*messages, Message("user", question.fill({"review": review}))), "review-rationale", (item,))


def title_recall_wording() -> PromptFile:
    """The text behind `title_recall_prompt`."""
    return prompt_file("title-recall")


def title_recall_prompt(domain: Domain, item: str, beginning: str) -> Prompt:
    """How a title (of the item with this token) goes on after its first words."""
    blanks = {"kind": domain.removesuffix("s"), "beginning": beginning}
    return ask(title_recall_wording().fill(blanks), "title-recall", (item,))


def next_items_prompt(
    domain: Domain, items: Sequence[str], titles: Sequence[str], count: int, products: str = "products"
) -> Prompt:
    """Which items a user came to after these (tokens and titles, oldest first); `products` is what the items are called
    where they are no movies."""
    blanks = {"history": numbered_history(titles), "count": str(count), "products": products}
    return ask(wording("next-items", domain).fill(blanks), "next-items", tuple(items))


@cache
def ranking_wordings(domain: Domain, form: RankingForm, answer: RankingAnswer) -> tuple[PromptFile, ...]:
    """The texts behind a prompt for a ranking: the question, that for a history too short for its form, and how to
    answer."""
    plain, own = wording("ranking", domain), wording(f"ranking-{form}", domain)
    asked = [plain] if form == "sequential" else [own, plain]
    return (*asked, prompt_file(f"ranking-answer-{answer}"))


def ranking_prompt(
    domain: Domain,
    items: Sequence[str],
    titles: Sequence[str],
    candidates: Sequence[str],
    candidate_titles: Sequence[str],
    form: RankingForm = "sequential",
    answer: RankingAnswer = "numbers",
    products: str = "products",
    sample: int = 0,
) -> Prompt:
    """Which of the candidates comes next after a history (tokens and titles, oldest first).

    `in-context` shows the last item as an answer given before; a history of one item has none, and is shown as
    `sequential`. The answer lists the candidates' numbers from 1, or their titles. `products` is what the items are
    called where they are no movies.
    """
    if form == "in-context" and len(items) < 2:
        form = "sequential"
    question, *_, end = ranking_wordings(domain, form, answer)
    earlier = titles[:-1] if form == "in-context" else titles
    blanks = {
        "history": numbered_history(earlier),
        "last": titles[-1] if titles else "",
        "count": str(len(candidates)),
        "candidates": "; ".join(f"[{i}] {title}" for i, title in enumerate(candidate_titles, start=1)),
        "products": products,
        "answer": end.text,
    }
    return ask(question.fill(blanks), "ranking", (*items, *candidates), sample)
