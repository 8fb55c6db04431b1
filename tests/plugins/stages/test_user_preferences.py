"""Preference reasoning: what a language model is asked about users, as to which factors, and from which items."""

from itertools import pairwise

import pydantic
import pytest

from llmrec_bench import BenchError, TrainingData
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.stages.item_facts import ItemFacts
from llmrec_bench_plugins.stages.rationales import read_rationales
from llmrec_bench_plugins.stages.scenario_factors import SHIPPED, factors, factors_file
from llmrec_bench_plugins.stages.text_encoders import TfIdf
from llmrec_bench_plugins.stages.user_histories import UserText, user_histories
from llmrec_bench_plugins.stages.user_preferences import UserPreferences
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings

WRITER = Simulated.Config()


def preferences(**options):
    return UserPreferences(writer=WRITER, **options)


@pytest.fixture
def own_factors(tmp_path):
    """A file of factors that says `what` of both."""

    def write(what, name="wines.txt", lines="preference: {what}\nfacts: {what}, region\n"):
        file = tmp_path / name
        file.write_text("---\nsource: a cellar\n---\n" + lines.format(what=what))
        return str(file)

    return write


def test_a_prompt_worked_by_hand(workshop):
    prompt = preferences(history_length=2).prompts(workshop.train)[0]  # user 0 had the items 0, 1, 0 and 3
    assert prompt.messages[-1].content == (
        "Given my movie history in order: 0). Brazil (1985), 1). Alien (1979). Analyse my preferences, considering "
        "genre, directors and actors, time period, country and language, plot and theme, mood and style, and "
        "popularity or critical standing. Give clear explanations based on details from the history.\n\n"
        "Answer in 45 to 75 words of prose."
    )
    assert (prompt.family, prompt.items) == ("preference", ("i1", "i0"))


def test_a_prompt_about_an_item_worked_by_hand(workshop):
    assert ItemFacts(writer=WRITER).prompts(workshop.train)[0].messages[-1].content == (
        "Alien (1979): genre, director or lead actors where you know them, plot and theme, mood, era or country, who "
        "tends to enjoy it. If you do not know a film, say what its title and year let you infer and say that you are "
        "not sure.\n\nAnswer in 25 to 45 words."
    )


def test_products_have_another_wording_and_factors_of_their_own(workshop):
    games = preferences(domain="products", products="games", factors="games", history_length=1)
    told = games.prompts(workshop.train)[0].messages[-1].content
    assert told.startswith("Given the games that I purchased, in order: 0). Alien (1979). Analyse my preferences, ")
    assert "considering genre, platform, series and developer" in told
    shop = preferences(domain="products").prompts(workshop.train)[0].messages[-1].content
    assert "considering kind of product, function, quality, price" in shop
    facts = ItemFacts(writer=WRITER, domain="products", factors="games").prompts(workshop.train)[0]
    assert facts.messages[-1].content.startswith("Alien (1979): genre or kind of accessory, platform")


@pytest.mark.parametrize("cutoff", ["earliest", "per_split", "single_train"])
def test_a_text_for_each_history_from_items_before_what_it_serves(workshop, cutoff):
    stage, train = preferences(cutoff=cutoff, history_length=3), workshop.train
    folder = workshop.artifact(stage)
    rows = read_rationales(folder)
    histories = list(user_histories(train, cutoff, 3))
    tokens = train.items["token"].tolist()
    assert [tuple(p.items) for p in stage.prompts(train)] == [tuple(tokens[i] for i in h.items) for h in histories]
    assert [tuple(items) for items in rows["items"]] == [tuple(tokens[i] for i in h.items) for h in histories]
    assert stage.read(train, workshop.run(stage)) == [
        UserText(h.user, h.serves, text) for h, text in zip(histories, rows["text"], strict=True)
    ]
    assert all(30 < len(text.split()) < 100 for text in rows["text"])
    assert stage.texts_about_users(folder).keys() == {h.user for h in histories if "test" in h.serves}
    shown: dict[str, set[str]] = {}
    for history in histories:
        shown.setdefault(str(history.user), set()).update(tokens[i] for i in history.items)
    assert workshop.seen == shown
    if cutoff == "earliest":  # neither the last training item nor the validation target, where they were not had before
        later = {
            str(u): {tokens[train.sequences[u][-1]]} - {tokens[i] for i in train.sequences[u][:-1]} for u in range(8)
        }
        assert not any(shown[user] & items for user, items in later.items())


def test_they_are_encoded_as_any_text_about_users(workshop):
    stage = UserTextEmbeddings(texts=preferences(), encoder=TfIdf())
    workshop.artifact(stage)
    assert not stage.every_position
    assert UserTextEmbeddings(texts=preferences(cutoff="single_train")).every_position


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_names_its_source_and_has_both_lines(name):
    file = factors_file(name, "movies")
    assert "KAR" in file.source
    assert all("," in factors(file, line) for line in ("preference", "facts"))


def test_without_a_name_the_domain_chooses():
    assert factors_file(None, "movies") == factors_file("films", "products")
    assert factors_file(None, "products") == factors_file("shop", "movies")


@pytest.mark.parametrize("kind", [UserPreferences, ItemFacts], ids=lambda kind: kind.__name__)
def test_factors_of_one_s_own_go_into_prompts_and_key(workshop, own_factors, kind):
    stages = [kind(writer=WRITER, factors=own_factors(what)) for what in ("grape", "sweetness")]
    keys, prompts = [], []
    for stage, what in zip(stages, ("grape", "sweetness"), strict=True):
        own_factors(what)
        keys.append(stage.key("data"))
        prompts.append(stage.prompts(workshop.train)[0].messages[-1].content)
    assert "grape" in prompts[0]
    assert "sweetness" in prompts[1]
    elsewhere = kind(writer=WRITER, factors=own_factors("sweetness", "elsewhere.txt"))
    assert elsewhere.key("data") == keys[1]  # what they say, not where they lie
    named = [kind(writer=WRITER, factors=name).key("data") for name in (None, "films", "games")]
    assert named[0] == named[1]
    assert len({*named, *keys}) == 4


@pytest.mark.parametrize("kind", [UserPreferences, ItemFacts], ids=lambda kind: kind.__name__)
def test_mistakes_are_one_line(workshop, own_factors, kind):
    with pytest.raises(pydantic.ValidationError, match="'filns' is neither a file nor one of films, games, shop"):
        kind(writer=WRITER, factors="filns")
    lacking = kind(writer=WRITER, factors=own_factors("x", lines="preferences: {what}\nfact: {what}\n"))
    with pytest.raises(BenchError, match=r"wines.txt: factors need a line `(preference|facts): \.\.\.`") as said:
        lacking.prompts(workshop.train)
    assert "\n" not in str(said.value)


def test_nobody_to_ask_about_is_one_line(workshop):
    plain = workshop.train
    items = plain.items.assign(title="")
    workshop.train = TrainingData(plain.sequences, items, plain.validation, plain.validation_targets, "untitled")
    with pytest.raises(BenchError, match=r"^stage 'user-preferences': no user has a history of titled items"):
        workshop.artifact(preferences())


def test_the_key_is_over_all_options():
    stages = [
        preferences(),
        preferences(domain="products"),
        preferences(factors="games"),
        preferences(cutoff="per_split"),
        preferences(history_length=9),
        preferences(title_words=4),
        UserPreferences(writer=Simulated.Config(model="writer-2")),
    ]
    keys = sorted(stage.key("data") for stage in stages)
    assert all(one != other for one, other in pairwise(keys))
    assert all(field.description for field in UserPreferences.model_fields.values())
