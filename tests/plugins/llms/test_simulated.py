"""The simulated model keeps to every form, to the item texts, to its seed, and to the faults asked of it."""

import hashlib
import json
import os
import re
import subprocess
import sys
from functools import cache

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from llmrec_bench import BenchError, Completion, Message, Prompt, ask
from llmrec_bench_plugins.datasets.synthetic_shop import SyntheticShop
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.llms.simulation.catalogue import Catalogue, Item
from llmrec_bench_plugins.llms.simulation.categories import split_categories
from llmrec_bench_plugins.llms.simulation.draws import Draws
from llmrec_bench_plugins.llms.simulation.english import clip, first_pieces, listed, paragraph
from llmrec_bench_plugins.llms.simulation.likeness import Likeness
from llmrec_bench_plugins.llms.simulation.shown import candidates_of, history_of

FAMILIES = ("rationale", "review-rationale", "ranking", "preference", "item-facts")
RATIONALE = re.compile(r"Step 1: (.+)\nStep 2:\n((?:[1-5]\. .+\n){5})Step 3:\n((?:[1-5]\. .+(?:\n|$)){5})")
REVIEW = re.compile(r"[^\n]+\n1\. The user prefers [^\n]+\.\n2\. The item's attributes are [^\n]+\.")
N_CANDIDATES = 20

FILMS = pd.DataFrame(
    [
        ("1", "Star Wars (1977)", "Action|Sci-Fi|War"),
        ("2", "Star Trek: First Contact (1996)", "Action|Sci-Fi"),
        ("3", "Star Trek: The Wrath of Khan (1982)", "Action|Sci-Fi"),
        ("4", "Alien (1979)", "Horror|Sci-Fi"),
        ("5", "Emma (1996)", "Drama|Romance"),
        ("6", "Sense and Sensibility (1995)", "Drama|Romance"),
        ("7", "Piano, The (1993)", "Drama|Romance"),
        ("8", "Star (1968)", "Musical"),
    ],
    columns=["token", "title", "category"],
)


@cache
def shop(domain="games"):
    """(item texts as a language model gets them, events by user and day) of a small shop."""
    log = SyntheticShop(domain=domain, users=150, items=300, seed=3).read()
    return log.items.reset_index(names="token"), log.events


def model(items=None, **options):
    return Simulated(Simulated.Config(**options), shop()[0] if items is None else items)


def answers(prompts, items=None, **options) -> list[Completion]:
    found = dict(model(items, **options).answer(prompts))
    return [found[index] for index in range(len(prompts))]


def shown(items, history, candidates=()):
    titles = dict(zip(items["token"], items["title"], strict=True))
    past = ", ".join(f"{place}). {titles[token]}" for place, token in enumerate(history))
    text = f"I've purchased the following products in the past in order: {past}."
    if candidates:
        choice = "; ".join(f"[{place}] {titles[token]}" for place, token in enumerate(candidates, start=1))
        text += f" Now there are {len(candidates)} candidates: {choice}. Rank them, answer with the numbers only."
    return text


@cache
def prompts_of(family, domain="games", count=30, sample=0):
    """One prompt for each of the first users, about the first half of the user's events."""
    items, events = shop(domain)
    rng = np.random.default_rng(5)
    prompts = []
    for _, own in list(events.groupby("user"))[:count]:
        history = tuple(own["item"][: len(own) // 2])
        if family == "ranking":
            candidates = tuple(rng.choice(items["token"], N_CANDIDATES, replace=False))
            prompts.append(ask(shown(items, history, candidates), family, history + candidates, sample))
        elif family == "review-rationale":
            text = f'A user bought an item and said "{own["review"].iloc[0]}". Use two sentences to explain the user\'s'
            prompts.append(
                ask(f"{text} preference and the item's attributes, respectively.", family, history[:1], sample)
            )
        elif family == "item-facts":
            title = items.set_index("token").loc[history[0], "title"]
            prompts.append(ask(f"{title}: genre, quality, price.", family, history[:1], sample))
        else:
            prompts.append(ask(shown(items, history), family, history, sample))
    return prompts


def step_3(text):
    found = RATIONALE.fullmatch(text)
    assert found, text
    return [line.split(". ", 1)[1] for line in found[3].splitlines()]


# -- forms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["games", "food", "home"])
def test_a_rationale_has_three_steps_and_recommends_what_is_new(domain):
    items, _ = shop(domain)
    prompts = prompts_of("rationale", domain)
    titles = dict(zip(items["token"], items["title"], strict=True))
    for prompt, answer in zip(prompts, answers(prompts, items), strict=True):
        steps = RATIONALE.fullmatch(answer.text)
        assert steps, answer.text
        assert 25 <= len(steps[1].split()) <= 50
        kinds = [line[3:] for line in steps[2].splitlines()]
        assert len(set(kinds)) == 5
        picks = step_3(answer.text)
        assert len(set(picks)) == 5
        assert set(picks) <= set(titles.values())
        assert not set(picks) & {titles[token] for token in prompt.items}
        assert answer.finish_reason == "stop"


@pytest.mark.parametrize(("family", "low", "high"), [("preference", 45, 75), ("item-facts", 25, 45)])
@pytest.mark.parametrize("domain", ["games", "food", "home"])
def test_prose_keeps_to_its_length(family, low, high, domain):
    for answer in answers(prompts_of(family, domain), shop(domain)[0]):
        assert low <= len(answer.text.split()) <= high, answer.text
        assert "\n" not in answer.text


@pytest.mark.parametrize("domain", ["games", "food", "home"])
def test_a_review_becomes_two_numbered_sentences(domain):
    for answer in answers(prompts_of("review-rationale", domain), shop(domain)[0]):
        assert REVIEW.fullmatch(answer.text), answer.text


def test_a_ranking_is_a_permutation():
    for answer in answers(prompts_of("ranking")):
        assert re.fullmatch(r"\d+(, \d+)*", answer.text)
        assert sorted(map(int, answer.text.split(", "))) == list(range(1, N_CANDIDATES + 1))


@pytest.mark.parametrize(
    "items",
    [
        pd.DataFrame({"token": list("abcdefgh"), "title": [""] * 8}),
        pd.DataFrame({"token": list("abcdefgh"), "title": ["word " * 60 + letter for letter in "abcdefgh"]}),
        pd.DataFrame({"token": ["a"], "title": ["Only"], "category": [None], "brand": [float("nan")]}),
        pd.DataFrame(
            {
                "token": list("abcdefgh"),
                "title": [f"Thing {letter}" for letter in "abcdefgh"],
                "brand": ["very long name of a maker " * 12] * 8,
                "description": ["no end " * 300] * 8,
            }
        ),
    ],
    ids=["no titles", "long titles", "one item", "long texts"],
)
def test_lengths_hold_for_meagre_and_for_endless_texts(items):
    prompts = [ask("a", family, ("a",)) for family in ("rationale", "preference", "item-facts")]
    rationale, preference, facts = (answer.text for answer in answers(prompts, items))
    head, kinds, picks = re.fullmatch(r"Step 1: (.+)\nStep 2:\n((?:.+\n){5})Step 3:\n((?:.+\n?)*)", rationale).groups()
    assert 25 <= len(head.split()) <= 50
    assert len(set(kinds.splitlines())) == 5
    assert len(picks.splitlines()) == (0 if len(items) == 1 or not items["title"][0] else 5)
    assert 45 <= len(preference.split()) <= 75
    assert 25 <= len(facts.split()) <= 45


def test_an_empty_history_is_answered():
    rationale, preference, ranking = answers(
        [
            ask("I've purchased nothing yet.", "rationale"),
            ask("Given no history.", "preference"),
            ask("[1] Emma (1996); [2] Alien (1979); [3] Unheard Of (2001). Rank.", "ranking"),
        ],
        FILMS,
    )
    assert len(step_3(rationale.text)) == 5
    assert 45 <= len(preference.text.split()) <= 75
    assert sorted(ranking.text.split(", ")) == ["1", "2", "3"]


# -- sense ------------------------------------------------------------------------------------------------------


def test_likeness_by_hand():
    items = pd.DataFrame({"token": list("abcd"), "title": [""] * 4, "brand": ["X", "X", "Y", "Y"]})
    likeness = Likeness(Catalogue(items))
    # Every item has one mark, so all rows have length 1000; the latest of two weighs 10, the one before 9.
    assert (likeness.to_history([0]) >> 32).tolist() == [1_000_000, 1_000_000, 0, 0]
    assert (likeness.to_history([0, 2]) >> 32).tolist() == [473_684, 473_684, 526_315, 526_315]
    assert (likeness.to_history([]) >> 32).tolist() == [0] * 4
    assert len(set(likeness.to_history([]).tolist())) == 4


def test_it_recommends_more_of_the_same_kind():
    (answer,) = answers([ask("history", "rationale", ("1", "2"))], FILMS)
    assert {"Star Trek: The Wrath of Khan (1982)", "Alien (1979)"} <= set(step_3(answer.text)[:3])
    assert "Sci-Fi" in answer.text.split("Step 3")[0]


def test_facts_name_what_the_texts_say():
    (answer,) = answers([ask("Alien (1979): genre, director", "item-facts")], FILMS)
    assert "Alien (1979)" in answer.text
    assert "Horror and Sci-Fi" in answer.text
    (stranger,) = answers([ask("Unheard Of: genre, director", "item-facts")], FILMS)
    assert "Unheard Of" in stranger.text


def test_a_rationale_of_a_review_tells_likes_from_dislikes():
    items, _ = shop()
    item = items.set_index("token").loc["I0001"]
    review = "Too {} for me, though the idea works. Give me things that take up no room and I am happy."
    lower = items["title"].str.lower()
    adjective = next(word for word in item["title"].lower().split() if lower.str.contains(word).sum() > 9)
    text = (
        f"A user bought an item and said '{review.format(adjective)}'. Use two sentences to explain the user's taste."
    )
    (answer,) = answers([ask(text, "review-rationale", ("I0001",))])
    _, preference, attributes = answer.text.splitlines()
    assert re.search(rf"prefers things that take up no room \w+( than)? {adjective}\.", preference), preference
    for mark in (adjective, item["category"], item["brand"]):
        assert mark in attributes, attributes


def test_a_ranking_finds_the_next_purchase_better_than_chance():
    items, events = shop()
    rng = np.random.default_rng(1)
    prompts, places = [], []
    for _, own in events.groupby("user"):
        *history, target = own["item"]
        others = rng.choice(np.setdiff1d(items["token"], own["item"]), N_CANDIDATES - 1, replace=False)
        places.append(int(rng.integers(N_CANDIDATES)))
        candidates = tuple(np.insert(others, places[-1], target))
        prompts.append(ask(shown(items, history, candidates), "ranking", (*history, *candidates)))
    firsts = [int(answer.text.split(", ")[0]) - 1 for answer in answers(prompts)]
    hits = np.mean(np.array(firsts) == np.array(places))
    # By chance 1 in 20, with a standard error of 1.8 points over 150 users.
    assert hits > 0.05 + 5 * 0.018


def test_preferences_name_the_favourite_category():
    items, _ = shop()
    categories = items.set_index("token")["category"]
    prompts = prompts_of("preference")
    named = [
        categories[list(prompt.items)].mode()[0] in answer.text
        for prompt, answer in zip(prompts, answers(prompts), strict=True)
    ]
    assert np.mean(named) > 0.8


# -- items in a prompt ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["rationale", "ranking", "preference"])
def test_titles_are_found_where_a_prompt_has_no_tokens(family):
    catalogue = Catalogue(shop()[0])
    for prompt in prompts_of(family):
        bare = Prompt(prompt.messages, family)
        assert history_of(bare, catalogue) == history_of(prompt, catalogue) != []
        assert candidates_of(bare, catalogue) == candidates_of(prompt, catalogue)


def test_the_longest_title_wins_and_ends_at_a_word():
    catalogue = Catalogue(FILMS.assign(title=["Star", "Star Wars", "Star Wars 2", *"abcde"]))
    assert catalogue.at_start("Star Wars 2, 1). Emma") == 2
    assert catalogue.at_start("Star Warship") == 0
    assert catalogue.at_start("Starship") is None


def test_only_user_messages_are_read():
    system = Message("system", "[1] Emma (1996); [2] Alien (1979)")
    prompt = Prompt((system, Message("user", "0). Emma (1996). [1] Star (1968).")), "ranking")
    assert candidates_of(prompt, Catalogue(FILMS)) == [7]
    assert history_of(prompt, Catalogue(FILMS)) == [4]


# -- the same and not the same ----------------------------------------------------------------------------------

_DIGEST = """
import hashlib, json, sys
import pandas as pd
from llmrec_bench import Prompt, Message
from llmrec_bench_plugins.llms.simulated import Simulated
rows, prompts = json.load(sys.stdin)
prompts = [Prompt((Message("user", text),), family, tuple(items)) for text, family, items in prompts]
texts = [answer.text for _, answer in Simulated(Simulated.Config(), pd.DataFrame(rows)).answer(prompts)]
print(hashlib.sha256(json.dumps(texts).encode()).hexdigest())
"""


def test_the_same_bytes_in_every_process():
    prompts = [prompt for family in FAMILIES for prompt in prompts_of(family, count=8)]
    rows = shop()[0].to_dict(orient="list")
    sent = json.dumps([rows, [(p.messages[0].content, p.family, p.items) for p in prompts]])
    here = hashlib.sha256(json.dumps([answer.text for answer in answers(prompts)]).encode()).hexdigest()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST], input=sent, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == here


def test_draws_by_hand():
    digest = hashlib.sha256(hashlib.sha256(b'["key", 1]').digest() + bytes(8)).digest()
    assert Draws("key", 1).below(10) == int.from_bytes(digest[:4]) * 10 // 2**32
    draws = Draws("many")
    counts = np.bincount([draws.below(4) for _ in range(4000)], minlength=4)
    assert counts.sum() == 4000
    assert abs(counts - 1000).max() < 5 * np.sqrt(750)
    assert sorted(Draws("order").shuffled(range(9))) == list(range(9))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("other", [{"sample": 1}, {"seed": 1}, {"model": "writer-2"}])
def test_another_sample_seed_or_writer_words_it_otherwise(family, other):
    first = answers(prompts_of(family))
    options = {name: value for name, value in other.items() if name != "sample"}
    second = answers(prompts_of(family, sample=other.get("sample", 0)), **options)
    changed = [a.text != b.text for a, b in zip(first, second, strict=True)]
    assert np.mean(changed) > 0.6


def test_at_temperature_0_all_samples_are_alike():
    first, second = (answers(prompts_of("preference", sample=sample), temperature=0) for sample in (0, 1))
    assert [answer.text for answer in first] == [answer.text for answer in second]


def test_an_answer_does_not_depend_on_its_company():
    prompts = prompts_of("rationale", count=6)
    alone = [answers([prompt])[0].text for prompt in prompts]
    assert alone == [answer.text for answer in answers(prompts)]


# -- nothing but item texts -------------------------------------------------------------------------------------


def test_it_reads_item_texts_and_nothing_else():
    items, events = shop()
    counted = items.assign(count=items["token"].map(events["item"].value_counts()).fillna(0))
    prompts = [prompt for family in FAMILIES for prompt in prompts_of(family, count=6)]
    expected = [answer.text for answer in answers(prompts)]
    assert [answer.text for answer in answers(prompts, counted)] == expected
    assert model(counted).identity() == model().identity()


def test_the_order_of_items_tells_it_nothing():
    items, _ = shop()
    titles_only = items[["token", "title"]].assign(title=[f"Nameless {code}" for code in range(len(items))])
    prompts = [prompt for family in ("rationale", "ranking") for prompt in prompts_of(family, count=6)]
    for texts in (items, titles_only):
        turned = texts.iloc[::-1].reset_index(drop=True)
        assert [a.text for a in answers(prompts, turned)] == [a.text for a in answers(prompts, texts)]


def test_the_identity_knows_options_and_texts():
    identity = model().identity()
    assert identity["version"] == Simulated.version
    assert json.loads(json.dumps(identity)) == identity
    retitled = shop()[0].assign(title=lambda items: items["title"].str.upper())
    for other in (model(retitled), model(seed=1), model(model="writer-2"), model(faults={"refusal": 0.1})):
        assert other.identity() != identity


def test_it_says_what_it_is():
    assert (Simulated.simulated, Simulated.billed, Simulated.deployment) == (True, False, "simulated")
    assert model().parameters is None


# -- faults -----------------------------------------------------------------------------------------------------


def is_malformed(family, text):
    if family == "rationale":
        return not RATIONALE.fullmatch(text)
    if family == "review-rationale":
        return not REVIEW.fullmatch(text)
    if family == "ranking":
        return not re.search(r"\d", text)
    return text.startswith("{")


@pytest.mark.parametrize("family", FAMILIES)
def test_malformed(family):
    prompts = prompts_of(family)
    assert not any(is_malformed(family, answer.text) for answer in answers(prompts))
    assert all(is_malformed(family, answer.text) for answer in answers(prompts, faults={"malformed": 1}))


@pytest.mark.parametrize("family", FAMILIES)
def test_refusal(family):
    for answer in answers(prompts_of(family), faults={"refusal": 1}):
        assert answer.finish_reason == "refused"
        assert not answer.failed
        assert re.search(r"can't|cannot|not able|decline", answer.text)


@pytest.mark.parametrize("family", FAMILIES)
def test_truncated(family):
    prompts = prompts_of(family)
    for whole, cut in zip(answers(prompts), answers(prompts, faults={"truncated": 1}), strict=True):
        assert cut.finish_reason == "length"
        assert whole.text.startswith(cut.text)
        assert 0.25 < cut.usage.completion_tokens / whole.usage.completion_tokens < 0.8


def test_off_list():
    titles = set(shop()[0]["title"])
    for answer in answers(prompts_of("rationale"), faults={"off_list": 1}):
        assert [title in titles for title in step_3(answer.text)] == [False, True, False, True, False]
    for answer in answers(prompts_of("ranking"), faults={"off_list": 1}):
        numbers = [int(number) for number in answer.text.split(", ")]
        assert sum(number > N_CANDIDATES for number in numbers) == N_CANDIDATES // 2
        assert len(numbers) == N_CANDIDATES


def test_duplicate():
    for answer in answers(prompts_of("rationale"), faults={"duplicate": 1}):
        a, b, c, d, e = step_3(answer.text)
        assert a == b != c == d != e
    for answer in answers(prompts_of("ranking"), faults={"duplicate": 1}):
        numbers = answer.text.split(", ")
        assert len(numbers) == N_CANDIDATES
        assert len(set(numbers)) == N_CANDIDATES // 2


@pytest.mark.parametrize("fault", ["off_list", "duplicate"])
@pytest.mark.parametrize("family", ["preference", "item-facts", "review-rationale"])
def test_answers_without_a_list_are_not_hit(family, fault):
    prompts = prompts_of(family)
    spoilt = answers(prompts, faults={fault: 1})
    assert [answer.text for answer in spoilt] == [answer.text for answer in answers(prompts)]


@pytest.mark.parametrize("fault", ["malformed", "off_list", "duplicate", "truncated", "refusal"])
def test_a_share_hits_as_many_and_leaves_the_others_alone(fault):
    prompts = [prompt for sample in range(10) for prompt in prompts_of("ranking", count=40, sample=sample)]
    sound = answers(prompts)
    hit, more = (
        [a.text != b.text for a, b in zip(sound, answers(prompts, faults={fault: share}), strict=True)]
        for share in (0.3, 0.6)
    )
    assert abs(np.mean(hit) - 0.3) < 4 * np.sqrt(0.3 * 0.7 / len(prompts))
    assert abs(np.mean(more) - 0.6) < 4 * np.sqrt(0.6 * 0.4 / len(prompts))
    assert all(later for earlier, later in zip(hit, more, strict=True) if earlier)


def test_another_seed_hits_other_prompts():
    prompts = prompts_of("item-facts", count=100)
    one, two = ([a.finish_reason for a in answers(prompts, faults={"refusal": 0.3}, seed=seed)] for seed in (0, 1))
    assert one != two


def test_shares_add_up_to_all():
    faults = {"malformed": 0.1, "off_list": 0.2, "refusal": 0.7}
    prompts = prompts_of("ranking", count=100)
    sound = [answer.text for answer in answers(prompts)]
    spoilt = answers(prompts, faults=faults)
    assert all(answer.text != text for answer, text in zip(spoilt, sound, strict=True))
    assert {answer.finish_reason for answer in spoilt} == {"stop", "refused"}


@pytest.mark.parametrize(
    "faults", [{"refusal": 1.1}, {"refusal": -0.1}, {"refusal": 0.6, "malformed": 0.5}, {"typo": 1}]
)
def test_impossible_shares_are_refused(faults):
    with pytest.raises(ValidationError):
        Simulated.Config(faults=faults)


# -- limits, usage, mistakes ------------------------------------------------------------------------------------


def test_max_tokens_cuts():
    prompts = prompts_of("preference")
    for whole, cut in zip(answers(prompts), answers(prompts, max_tokens=12), strict=True):
        assert whole.text.startswith(cut.text)
        assert cut.usage.completion_tokens == 12
        assert cut.finish_reason == "length"
    long_enough = answers(prompts, max_tokens=1000)
    assert [answer.text for answer in long_enough] == [answer.text for answer in answers(prompts)]


def test_usage_counts_words_and_punctuation():
    message = Message("system", "Be brief!")
    prompt = Prompt((message, Message("user", "[1] Emma (1996); [2] Alien (1979). Rank.")), "ranking")
    (answer,) = answers([prompt], FILMS)
    assert answer.usage.prompt_tokens == 3 + 7 + 1 + 7 + 1 + 2  # Be brief ! + [1] Emma (1996) + ; + ... + . + Rank .
    assert answer.usage.completion_tokens == 3  # "2, 1" or "1, 2"
    assert answer.usage.cached_tokens is None
    assert answer.seconds > 0


def test_an_unknown_family_is_named_with_those_known():
    with pytest.raises(BenchError, match=r"'poem'.*item-facts, preference, ranking, rationale, review-rationale"):
        answers([ask("Alien (1979): genre", "item-facts"), ask("Write one.", "poem")], FILMS)


def test_a_ranking_needs_candidates():
    with pytest.raises(BenchError, match=r"no candidates.*\[1\] title"):
        answers([ask("Rank.", "ranking")], FILMS)


# -- words ------------------------------------------------------------------------------------------------------


def test_categories_are_parted_as_the_column_shows():
    assert split_categories(["Action|Sci-Fi|Action", ""]) == [("Action", "Sci-Fi"), ()]
    assert split_categories(["Games > PC, Mac", "Games"]) == [("Games", "PC, Mac"), ("Games",)]
    assert split_categories(["Drama, War", "War"]) == [("Drama", "War"), ("War",)]
    assert split_categories(["Olive Oil", "Tea"]) == [("Olive Oil",), ("Tea",)]
    films = ["Comedy Drama", "Drama War", "Comedy War", "Drama"]
    assert split_categories(films) == [("Comedy", "Drama"), ("Drama", "War"), ("Comedy", "War"), ("Drama",)]


def test_a_list_of_categories_reads_like_a_parted_text():
    listed_ = FILMS.assign(category=FILMS["category"].str.split("|"))
    assert Catalogue(listed_).items == Catalogue(FILMS).items
    assert Catalogue(listed_).fingerprint == Catalogue(FILMS).fingerprint


def test_markup_is_no_description():
    described = FILMS.assign(description="<b>A <i class='x'>film</i></b> of its time.")
    (answer,) = answers([ask("Emma", "item-facts", ("5",))], described)
    assert "film" in answer.text
    assert "<" not in answer.text


def test_the_parts_of_an_item():
    item = Item(
        "Oak Desk II by Hearth, Bold Finish", ("Desks",), "Hearth", "Hearth desk that cost little, and wake you up."
    )
    assert item.title_words == ["oak", "bold", "finish"]
    assert item.phrases == ["Hearth desk", "cost little", "wake you up"]


def test_sentences():
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert clip("one two, three", 2) == "one two"
    assert first_pieces("one, two.", 3) == "one, two"
    assert first_pieces("one", 3) == "one"
    assert paragraph(["a b.", "c d e."], ["f.", "g."], low=3, high=4) == "a b. f."
