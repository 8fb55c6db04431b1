"""SLIM on backbones: what a text about the user adds, which text serves what, and controls that add nothing."""

from typing import ClassVar

import numpy as np
import pydantic
import pytest
import torch

from llmrec_bench import TrainingData
from llmrec_bench_plugins.backbones.sequential import SequentialMethod
from llmrec_bench_plugins.backbones.text_fused import GRU4RecPlus, SASRecPlus, SRGNNPlus
from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable, SequenceEncoder
from llmrec_bench_plugins.blocks.text_fusion import FusedUsers, standardised
from llmrec_bench_plugins.slim.fused import SLIMSRGNN, RationaleOptions, SLIMGRU4Rec, SLIMSASRec, WithRationales
from llmrec_bench_plugins.stages.history_titles import HistoryTitles
from llmrec_bench_plugins.stages.text_embeddings import TextEmbeddings
from llmrec_bench_plugins.stages.text_encoders import MiniLM, Pretrained, TfIdf
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


class SLIMMean(WithRationales, Mean):
    """With rationales."""

    name = "slim-mean"
    settings: ClassVar = {}

    class Config(SequentialMethod.Config, RationaleOptions):
        """Nothing more."""


PLUS = {"slim-gru4rec": GRU4RecPlus, "slim-sasrec": SASRecPlus, "slim-srgnn": SRGNNPlus}
SMALL = {"width": 16, "history_length": 2, "batch_size": 64, "learning_rate": 0.01, "epochs": 15, "patience": None}
GROUPS, USERS = 4, 160
TARGETS = np.arange(GROUPS) + GROUPS + 2
"""After an item for each group that gives it away, and two that all users have."""

every_slim = pytest.mark.parametrize(
    "slim", [SLIMGRU4Rec, SLIMSASRec, SLIMSRGNN, SLIMMean], ids=lambda method: method.name
)


def texts(cutoff="earliest", encoder=None, **options):
    return UserTextEmbeddings(texts=HistoryTitles(cutoff=cutoff, **options), encoder=encoder or TfIdf())


def fitted(method, train, run, **config):
    own = {} if method in PLUS.values() else {"user_text": texts(), "share_fusion": False}
    made = method(method.Config(**SMALL | {"item_text": TextEmbeddings()} | own | config))
    made.fit(train, run)
    return made


@pytest.fixture
def hints(make_training):
    """Users of four groups. The first item of each tells the group, and so which item comes last, but stands out of
    sight of encoders that see two items; the two between are the same for all."""
    rows = [[user % GROUPS, GROUPS, GROUPS + 1, TARGETS[user % GROUPS]] for user in range(USERS)]
    plain = make_training(rows, n_items=2 * GROUPS + 2)
    titles = [*(f"hint{group}" for group in range(GROUPS)), "common", "usual", *("end" for _ in range(GROUPS))]
    items = plain.items.assign(title=titles)
    return TrainingData(plain.sequences, items, plain.validation, plain.validation_targets, "hints")


def found(method, make_queries):
    """Share of users whose group's last item comes first of these, asked with what all users have."""
    scores = method.score(make_queries([[GROUPS, GROUPS + 1]] * USERS))
    return float(np.mean(scores[:, TARGETS].argmax(axis=1) == np.arange(USERS) % GROUPS))


@every_slim
def test_a_text_tells_what_the_sequence_does_not(slim, hints, make_run, make_queries):
    assert found(fitted(slim, hints, make_run(hints)), make_queries) == 1
    for control in ("shuffled", "random"):
        assert found(fitted(slim, hints, make_run(hints), control=control), make_queries) < 0.5


@pytest.mark.parametrize("plus", PLUS.values(), ids=lambda method: method.name)
def test_without_the_text_there_is_nothing_to_go_by(plus, hints, make_run, make_queries):
    assert found(fitted(plus, hints, make_run(hints)), make_queries) == 1 / GROUPS


@pytest.mark.parametrize("share_fusion", [True, False])
def test_items_and_users_may_share_their_maps(share_fusion, hints, make_run, make_queries, make_encoder):
    encoder = Pretrained(model=str(make_encoder([f"hint{g}" for g in range(GROUPS)])), pooling="mean")
    options = {"item_text": TextEmbeddings(encoder=encoder), "text_width": 5}
    user_text = texts(encoder=encoder)
    slim = fitted(SLIMGRU4Rec, hints, make_run(hints), user_text=user_text, share_fusion=share_fusion, **options)
    assert found(slim, make_queries) == 1
    plus = fitted(GRU4RecPlus, hints, make_run(hints), **options)
    g_l, g_f = 32 * 5 + 5, (16 + 5) * 16 + 16
    assert slim.parameters - plus.parameters == (0 if share_fusion else g_l + g_f)


@every_slim
@pytest.mark.parametrize("control", ["none", "shuffled", "random"])
def test_the_seed_decides_everything(slim, control, hints, make_run, make_queries):
    asked = make_queries([[GROUPS, GROUPS + 1]] * 8)

    def scores(seed):
        return fitted(slim, hints, make_run(hints, seed=seed), control=control, epochs=2).score(asked)

    first = scores(1)
    assert scores(1).tobytes() == first.tobytes()
    assert scores(2).tobytes() != first.tobytes()


@pytest.fixture
def shoppers(make_training):
    """Three users with a validation target, of three items, two and one; and one of two items without."""
    return make_training([[0, 1, 2], [3, 4], [5], [6, 7]], n_items=9, targets=[3, 5, 6])


@every_slim
def test_queries_take_the_text_of_their_moment(slim, shoppers, make_run, make_queries):
    run = make_run(shoppers)
    folders = {}
    watched = type(run)(**vars(run) | {"artifact": lambda stage: folders.setdefault(stage.name, run.artifact(stage))})
    method = fitted(slim, shoppers, watched, user_text=texts("per_split"), epochs=1)
    # Four users: their texts for training come first, then those for the validation from 4 on, for the test from 8 on.
    validation = make_queries([[0, 1, 2], [3, 4], [5]])
    test = make_queries([[5, 6], [0, 1, 2, 3], [3, 4, 5]], users=[2, 0, 1])
    assert method.known_users(validation).tolist() == [4, 5, 6]
    assert method.known_users(test).tolist() == [10, 8, 9]
    vectors, rows = read_user_embeddings(folders["user-text-embeddings"], "none", np.random.default_rng(0))
    side = method._encoder.user_side
    expected = standardised(torch.from_numpy(vectors))
    for queries, moment in ((validation, 1), (test, 2)):
        taken = side.texts[side.rows[method.known_users(queries)]]
        assert torch.equal(taken, expected[rows[moment, queries.users]])
        assert len(taken.unique(dim=0)) == 3
    assert side.rows[:4].tolist() == [*rows[0, :2], len(vectors) - 1, rows[0, 3]]
    # Another text gives other scores to the same history, and no text gives some, too.
    one = make_queries([[5]], users=[2])
    before = method.score(one)
    side.texts[side.rows[6]] += 1
    assert not np.allclose(method.score(one), before)
    assert np.isfinite(before).all()


@every_slim
@pytest.mark.parametrize(
    ("cutoff", "wanted"),
    [
        # Rows of 3, 2, 1 and 2 items have 2, 1, 0 and 1 transitions.
        ("earliest", [-1, 0, 1, 3]),
        ("per_split", [-1, 0, 1, 3]),
        ("single_train", [0, 0, 1, 3]),
    ],
)
def test_training_uses_a_text_where_it_may(slim, cutoff, wanted, shoppers, make_run, monkeypatch):
    seen, forward = [], FusedUsers.forward

    def watch(self, vectors, users):
        seen.extend(users.flatten().tolist())
        return forward(self, vectors, users)

    monkeypatch.setattr(FusedUsers, "forward", watch)
    fitted(slim, shoppers, make_run(shoppers), user_text=texts(cutoff), epochs=1, batch_size=1)
    # Shorter rows of a batch are padded with -1.
    assert sorted(user for user in seen if user >= 0) == [user for user in wanted if user >= 0]
    assert len(seen) == len(wanted)


@every_slim
def test_texts_are_frozen(slim, hints, make_run):
    method = fitted(slim, hints, make_run(hints), epochs=2)
    side = method._encoder.user_side
    titles = [f"0). hint{group}, 1). common, 2). usual" for group in range(GROUPS)]
    encoded = standardised(torch.from_numpy(TfIdf().encode(titles, "cpu")[0]))
    assert torch.equal(side.texts[side.rows[:GROUPS]], encoded)
    assert not any(weight is side.texts for weight in method._encoder.parameters())
    assert not side.texts.requires_grad
    assert not any("texts" in name or "rows" in name for name in method._encoder.state_dict())


@every_slim
def test_one_map_for_users_and_items_needs_one_encoder(slim):
    with pytest.raises(pydantic.ValidationError, match=r"share_fusion needs one encoder for users \(tfidf\) and items"):
        slim.Config(user_text=texts())
    with pytest.raises(pydantic.ValidationError, match="not tfidf, which gives each its own space; set it to false"):
        slim.Config(user_text=texts(), item_text=TextEmbeddings())
    with pytest.raises(pydantic.ValidationError, match=r"items \(pretrained\)"):
        slim.Config(user_text=texts(encoder=MiniLM()), item_text=TextEmbeddings(encoder=Pretrained()))
    assert slim.Config(user_text=texts(), share_fusion=False).item_text.encoder == MiniLM()
    assert slim.Config(user_text=texts(encoder=MiniLM())).share_fusion


@pytest.mark.parametrize("slim", [SLIMGRU4Rec, SLIMSASRec, SLIMSRGNN], ids=lambda method: method.name)
def test_its_other_options_and_defaults_are_those_with_item_texts(slim):
    given, known = slim.Config(user_text=texts(encoder=MiniLM())).model_dump(), PLUS[slim.name].Config().model_dump()
    assert given.keys() - known.keys() == {"user_text", "control", "share_fusion"}
    assert {option for option in known if given[option] != known[option]} == {"item_text"}
