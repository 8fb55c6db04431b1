"""The enhancer on backbones: what knowledge of users and items adds, which variant reads what, and controls that say
nothing."""

from typing import ClassVar

import numpy as np
import pydantic
import pytest
import torch

from llmrec_bench import TrainingData
from llmrec_bench.stage import stages_in
from llmrec_bench_plugins.backbones.sequential import SequentialMethod
from llmrec_bench_plugins.backbones.text_fused import GRU4RecPlus, SASRecPlus, SRGNNPlus
from llmrec_bench_plugins.blocks import next_item_training
from llmrec_bench_plugins.blocks.hybrid_experts import KnownUsers
from llmrec_bench_plugins.blocks.next_item_losses import catalogue_cross_entropy
from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable, SequenceEncoder
from llmrec_bench_plugins.blocks.text_fusion import standardised
from llmrec_bench_plugins.enhancer.knowledge import (
    EnhancedGRU4Rec,
    EnhancedSASRec,
    EnhancedSRGNN,
    KnowledgeOptions,
    WithKnowledge,
)
from llmrec_bench_plugins.llms.simulated import Simulated
from llmrec_bench_plugins.stages.history_titles import HistoryTitles
from llmrec_bench_plugins.stages.item_facts import ItemFacts
from llmrec_bench_plugins.stages.text_embeddings import TextEmbeddings, read_embeddings
from llmrec_bench_plugins.stages.text_encoders import MiniLM, Pretrained, TfIdf
from llmrec_bench_plugins.stages.user_preferences import UserPreferences
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings, read_user_embeddings


class MeanEncoder(SequenceEncoder):
    """The mean of the item vectors."""

    def forward(self, rows):
        return self.items(rows).sum(dim=1) / (rows > 0).sum(dim=1, keepdim=True)


class Mean(SequentialMethod):
    """A backbone of somebody else's."""

    name = "mean"
    version = "1"

    def build(self, n_items):
        return MeanEncoder(ItemTable(n_items, self.config.width))


class EnhancedMean(WithKnowledge, Mean):
    """With knowledge."""

    name = "llm-enhancer-mean"
    settings: ClassVar = {}

    class Config(SequentialMethod.Config, KnowledgeOptions):
        """Nothing more."""


PLUS = {EnhancedGRU4Rec: GRU4RecPlus, EnhancedSASRec: SASRecPlus, EnhancedSRGNN: SRGNNPlus}
SMALL = {"width": 16, "history_length": 2, "batch_size": 64, "learning_rate": 0.01, "epochs": 15, "patience": None}
ADAPTOR = {"shared_experts": 0, "user_experts": 2, "item_experts": 2, "expert_hidden": 16, "expert_width": 8}
GROUPS, USERS = 4, 160
TARGETS = np.arange(GROUPS) + GROUPS + 2
"""After an item for each group that gives it away, and two that all users have."""
ITEMS = TextEmbeddings(encoder=TfIdf())
WRITER = Simulated.Config()

every_enhancer = pytest.mark.parametrize(
    "method", [EnhancedGRU4Rec, EnhancedSASRec, EnhancedSRGNN, EnhancedMean], ids=lambda method: method.name
)


def users(cutoff="earliest", encoder=None):
    return UserTextEmbeddings(texts=HistoryTitles(cutoff=cutoff), encoder=encoder or TfIdf())


def fitted(method, train, run, **config):
    made = method(method.Config(**SMALL | ADAPTOR | {"user_text": users(), "item_text": ITEMS} | config))
    made.fit(train, run)
    return made


@pytest.fixture
def hints(make_training):
    """Users of four groups. The first item of each tells the group, and so which item comes last, but stands out of
    sight of encoders that see two items; the two between are the same for all."""
    rows = [[user % GROUPS, GROUPS, GROUPS + 1, TARGETS[user % GROUPS]] for user in range(USERS)]
    plain = make_training(rows, n_items=2 * GROUPS + 2)
    titles = [*(f"hint{group}" for group in range(GROUPS)), "common", "usual", *(f"end{g}" for g in range(GROUPS))]
    return TrainingData(
        plain.sequences, plain.items.assign(title=titles), plain.validation, plain.validation_targets, "hints"
    )


def found(method, make_queries):
    """Share of users whose group's last item comes first of these, asked with what all users have."""
    scores = method.score(make_queries([[GROUPS, GROUPS + 1]] * USERS))
    return float(np.mean(scores[:, TARGETS].argmax(axis=1) == np.arange(USERS) % GROUPS))


@every_enhancer
def test_knowledge_of_a_user_tells_what_the_sequence_does_not(method, hints, make_run, make_queries):
    assert found(fitted(method, hints, make_run(hints)), make_queries) == 1
    assert found(fitted(method, hints, make_run(hints), item_text=None), make_queries) == 1
    assert found(fitted(method, hints, make_run(hints), user_text=None), make_queries) == 1 / GROUPS
    for control in ("shuffled", "random"):
        assert found(fitted(method, hints, make_run(hints), control=control), make_queries) < 0.5


@every_enhancer
def test_with_the_first_half_only_what_follows_it_is_learnt_and_the_text_serves_all_of_that(
    method, make_training, make_run, monkeypatch
):
    """Of five items the text was shown three and the last two are learnt, of four two and two; of one, nothing."""
    learnt, served = [], []

    def loss(states, catalogue, targets):
        learnt.extend(targets.tolist())
        return catalogue_cross_entropy(states, catalogue, targets)

    def told(side, vectors, users):
        served.append(users[users >= 0])
        return known(side, vectors, users)

    known = KnownUsers.forward
    monkeypatch.setattr(next_item_training, "catalogue_cross_entropy", loss)
    monkeypatch.setattr(KnownUsers, "forward", told)
    train = make_training([[0, 1, 2, 3, 4], [5, 6, 7, 8], [9]], n_items=10)
    fitted(method, train, make_run(train), user_text=users("first_half"), epochs=1)
    assert sorted(learnt) == [3, 4, 7, 8]
    assert set(torch.cat(served).tolist()) == {0, 1}
    learnt.clear()
    fitted(method, train, make_run(train), epochs=1)
    assert sorted(learnt) == [1, 2, 3, 4, 6, 7, 8]


@every_enhancer
def test_knowledge_of_an_item_serves_one_that_nobody_had(method, make_training, make_run, make_queries):
    """After a red thing comes a blue one; the last blue thing is in no history, and known by its text alone."""
    colours = ["red", "red", "blue", "blue", "green", "green", "blue"]
    rows = [[start, 2 + (start + user) % 2] for user in range(30) for start in (0, 1)] + [[4, 5], [5, 4]] * 20
    plain = make_training(rows, n_items=7)
    items = plain.items.assign(title=colours)
    train = TrainingData(plain.sequences, items, plain.validation, plain.validation_targets, "colours")

    made = fitted(method, train, make_run(train), user_text=None, epochs=40)
    scores = made.score(make_queries([[0]]))[0]
    assert (scores[6] > scores[[4, 5]]).all()


@every_enhancer
@pytest.mark.parametrize("control", ["none", "shuffled", "random"])
def test_the_seed_decides_everything(method, control, hints, make_run, make_queries):
    asked = make_queries([[GROUPS, GROUPS + 1]] * 8)

    def scores(seed):
        return fitted(method, hints, make_run(hints, seed=seed), control=control, epochs=2).score(asked)

    first = scores(1)
    assert scores(1).tobytes() == first.tobytes()
    assert scores(2).tobytes() != first.tobytes()


@pytest.mark.parametrize("control", ["shuffled", "random"])
def test_a_control_takes_the_texts_of_both_sides(control, hints, make_run):
    run = make_run(hints)
    folders = {}
    watched = type(run)(**vars(run) | {"artifact": lambda stage: folders.setdefault(stage.name, run.artifact(stage))})
    method = fitted(EnhancedGRU4Rec, hints, watched, control=control, epochs=1)
    own_users, rows = read_user_embeddings(folders["user-text-embeddings"], "none", np.random.default_rng(0))
    own = (
        standardised(torch.from_numpy(own_users))[rows[0]],
        standardised(torch.from_numpy(read_embeddings(folders["text-embeddings"]))),
    )
    side = method._encoder.user_side
    given = side.texts[side.rows[:USERS]], method._encoder.items.parametrizations.weight[0].texts
    for mine, theirs in zip(given, own, strict=True):
        assert mine.shape == theirs.shape
        assert (mine != theirs).any(dim=1).float().mean() > 0.5
        if control == "shuffled":  # the same texts, dealt out anew
            assert torch.allclose(mine.sort(dim=0).values, theirs.sort(dim=0).values, atol=1e-5)


@pytest.fixture
def shoppers(make_training):
    """Three users with a validation target, of three items, two and one; and one of two items without."""
    return make_training([[0, 1, 2], [3, 4], [5], [6, 7]], n_items=9, targets=[3, 5, 6])


@every_enhancer
def test_queries_take_the_text_of_their_moment(method, shoppers, make_run, make_queries):
    made = fitted(method, shoppers, make_run(shoppers), user_text=users("per_split"), epochs=1)
    # Four users: their texts for training come first, then those for the validation from 4 on, for the test from 8 on.
    assert made.known_users(make_queries([[0, 1, 2], [3, 4], [5]])).tolist() == [4, 5, 6]
    assert made.known_users(make_queries([[5, 6], [0, 1, 2, 3]], users=[2, 0])).tolist() == [10, 8]
    alone = fitted(method, shoppers, make_run(shoppers), user_text=None, epochs=1)
    assert alone.known_users(make_queries([[5, 6]])) is None


@every_enhancer
@pytest.mark.parametrize(
    ("cutoff", "wanted"),
    [
        # Rows of 3, 2, 1 and 2 items have 2, 1, 0 and 1 transitions.
        ("earliest", [0, 1, 3]),
        ("per_split", [0, 1, 3]),
        ("single_train", [0, 0, 1, 3]),
    ],
)
def test_training_uses_a_text_where_it_may(method, cutoff, wanted, shoppers, make_run, monkeypatch):
    seen, forward = [], KnownUsers.forward

    def watch(self, vectors, users):
        seen.extend(users.flatten().tolist())
        return forward(self, vectors, users)

    monkeypatch.setattr(KnownUsers, "forward", watch)
    fitted(method, shoppers, make_run(shoppers), user_text=users(cutoff), epochs=1, batch_size=1)
    assert sorted(user for user in seen if user >= 0) == wanted


@every_enhancer
def test_users_and_items_without_a_text_are_scored_without_knowledge(method, make_training, make_run, make_queries):
    plain = make_training([[0, 1, 2], [2, 1, 0], [3], []], n_items=5, targets=[3, 4])
    items = plain.items.assign(title=["red", "blue", "grey", "", ""])
    train = TrainingData(plain.sequences, items, plain.validation, plain.validation_targets, "untitled")
    made = fitted(method, train, make_run(train), epochs=2)
    encoder = made._encoder
    fusion, own = encoder.items.parametrizations.weight[0].fusion, encoder.items.parametrizations.weight.original
    without = fusion.join(own[4:], torch.zeros(2, 8))
    assert torch.allclose(encoder.items.catalogue()[3:], without, atol=1e-6)
    vectors, nobody = torch.randn(2, 16), torch.tensor([-1, -1])
    assert torch.equal(encoder.personal(vectors, torch.tensor([2, 3])), encoder.personal(vectors, nobody))
    scores = made.score(make_queries([[3], [0, 4]], users=[3, 2]))
    assert np.isfinite(scores).all()


@every_enhancer
def test_experts_are_shared_or_not(method, hints, make_run, make_encoder):
    encoder = Pretrained(model=str(make_encoder([f"hint{g}" for g in range(GROUPS)])), pooling="mean")
    told = {"user_text": users(encoder=encoder), "item_text": TextEmbeddings(encoder=encoder), "epochs": 1}

    def size(shared, of_users, of_items, **options):
        experts = {"shared_experts": shared, "user_experts": of_users, "item_experts": of_items}
        return fitted(method, hints, make_run(hints), **experts, **told, **options).parameters

    expert, gate, joint = 32 * 16 + 16 + 16 * 8 + 8, 32 + 1, (16 + 8) * 16 + 16
    assert size(2, 1, 1) - size(0, 1, 1) == 2 * expert + 2 * 2 * gate
    assert size(1, 2, 1) - size(1, 1, 1) == expert + gate
    assert size(1, 0, 2) - size(1, 0, 1) == expert + gate
    assert size(1, 1, 1, share_fusion=False) - size(1, 1, 1) == joint


def facts():
    return TextEmbeddings(texts=ItemFacts(writer=WRITER), encoder=MiniLM())


def preferences():
    return UserTextEmbeddings(texts=UserPreferences(writer=WRITER), encoder=MiniLM())


@every_enhancer
def test_a_variant_asks_about_what_it_reads_only(method):
    def stages(user_text, item_text):
        return [stage.name for stage in stages_in(method.Config(user_text=user_text, item_text=item_text))]

    about_users, about_items = ["user-preferences", "user-text-embeddings"], ["item-facts", "text-embeddings"]
    assert stages(preferences(), facts()) == about_users + about_items
    assert stages(None, facts()) == about_items
    assert stages(preferences(), None) == about_users


@every_enhancer
def test_impossible_options_are_told(method):
    with pytest.raises(pydantic.ValidationError, match="both null; without either it is the plain backbone"):
        method.Config(user_text=None, item_text=None)
    with pytest.raises(pydantic.ValidationError, match="shared_experts and item_experts are both 0; one expert is"):
        method.Config(user_text=None, item_text=facts(), shared_experts=0, item_experts=0)
    with pytest.raises(pydantic.ValidationError, match="shared_experts and user_experts are both 0; one expert is"):
        method.Config(user_text=preferences(), item_text=facts(), shared_experts=0)
    with pytest.raises(pydantic.ValidationError, match=r"one encoder for users \(tfidf\) and items \(minilm\)"):
        method.Config(user_text=users(), item_text=facts())
    with pytest.raises(pydantic.ValidationError, match="not tfidf, which gives each its own space; set them to 0"):
        method.Config(user_text=users(), item_text=ITEMS)
    assert method.Config(user_text=users(), item_text=ITEMS, shared_experts=0, user_experts=1).shared_experts == 0
    assert method.Config(user_text=None, item_text=ITEMS).item_text == ITEMS


@pytest.mark.parametrize("method", PLUS, ids=lambda method: method.name)
def test_its_other_options_and_defaults_are_those_with_item_texts(method):
    given = method.Config(user_text=preferences(), item_text=facts()).model_dump()
    known = PLUS[method].Config().model_dump()
    assert given.keys() - known.keys() == KnowledgeOptions.model_fields.keys() - {"item_text"}
    assert known.keys() - given.keys() == {"text_width"}
    assert {o for o in given.keys() & known.keys() if given[o] != known[o]} == {"item_text"}
