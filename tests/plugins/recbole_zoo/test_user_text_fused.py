"""Texts about users in the vectors that RecBole's models make of histories."""

from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

pytest.importorskip("recbole")

from llmrec_bench import TrainingData
from llmrec_bench_plugins.blocks.recbole.examples import NextItems
from llmrec_bench_plugins.blocks.recbole.module import build
from llmrec_bench_plugins.blocks.recbole.scores import Asked, module_scores
from llmrec_bench_plugins.blocks.recbole.user_side import RowsOfKnownUsers, with_user_side
from llmrec_bench_plugins.blocks.text_fusion import FusedUsers, TextFusion
from llmrec_bench_plugins.recbole_zoo.models import Fusible, OneVector, all_settings
from llmrec_bench_plugins.recbole_zoo.text_fused import RecBolePlus
from llmrec_bench_plugins.recbole_zoo.user_text_fused import SLIMRecBole
from llmrec_bench_plugins.stages.history_titles import HistoryTitles
from llmrec_bench_plugins.stages.text_embeddings import TextEmbeddings
from llmrec_bench_plugins.stages.text_encoders import MiniLM, Pretrained, TfIdf
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings

every_model = pytest.mark.parametrize("model", get_args(OneVector))
OFFSETS, ITEMS, N_ITEMS = np.array([0, 4, 4, 6]), np.array([1, 0, 1, 2, 2, 0], dtype=np.int32), 3
"""User 0 has items 1, 0, 1, 2, user 1 nothing, user 2 items 2, 0."""
LEARNS_USERS = ("Caser",)


def texts(cutoff="earliest", encoder=None):
    return UserTextEmbeddings(texts=HistoryTitles(cutoff=cutoff), encoder=encoder or TfIdf())


def fitted(train, run, **config):
    own = {"user_text": texts(), "share_fusion": False, "item_text": TextEmbeddings()}
    small = {"history_length": 3, "batch_size": 64, "learning_rate": 0.01, "epochs": 1, "patience": None}
    method = SLIMRecBole(SLIMRecBole.Config(**own | small | config))
    method.fit(train, run)
    return method


def small_module(**options):
    """A GRU4Rec of vectors of two values, whose items 0 and 1 have the vectors (1, 0) and (0, 1): so its scores of
    these are the vector of the user."""
    settings = {**all_settings("GRU4Rec"), "MAX_ITEM_LIST_LENGTH": 3, "embedding_size": 2, "hidden_size": 4, **options}
    torch.manual_seed(0)
    built = build("GRU4Rec", "sequential", settings, OFFSETS, ITEMS, N_ITEMS, None, "cpu", np.random.default_rng(0))
    with torch.no_grad():
        built.module.item_embedding.weight[:] = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, -2.0]])
    built.module.eval()
    return built


def asked(known=None):
    """Of users 0 and 2, with histories of two items and one."""
    known = None if known is None else np.array(known)
    return Asked(np.array([0, 2], dtype=np.int32), np.array([0, 2, 3]), ITEMS[:3], None, known)


def hand_fusion():
    fusion = TextFusion(text_features=2, text_width=1, width=2)
    with torch.no_grad():
        fusion.text.weight.copy_(torch.tensor([[2.0, -1.0]]))
        fusion.text.bias.fill_(0.5)
        fusion.joint.weight.copy_(torch.tensor([[10.0, 1.0, 2.0], [-1.0, 3.0, 0.0]]))
        fusion.joint.bias.copy_(torch.tensor([0.25, 0.0]))
    return fusion


TEXT, USER_ROWS = torch.tensor([[3.0, 4.0]]), torch.tensor([0, -1, 0])
"""One text, of users 0 and 2."""


def by_hand(vector, with_text):
    """g_l is 2 * 3 - 4 + 0.5 = 2.5 for the text, and 0.5 for none."""
    said = 2.5 if with_text else 0.5
    return [10 * said + vector[0] + 2 * vector[1] + 0.25, -said + 3 * vector[0]]


def test_vectors_of_users_with_and_without_a_text_worked_by_hand():
    built = small_module()
    own = module_scores(built, asked(), np.arange(2))[:, :2]
    fused = with_user_side(built, FusedUsers(hand_fusion(), TEXT, USER_ROWS, every_position=False))
    scores = module_scores(fused, asked([0, -1]), np.arange(2))
    assert np.allclose(scores[:, :2], [by_hand(own[0], True), by_hand(own[1], False)], atol=1e-5)
    assert np.allclose(scores[:, 2], 0.5 * scores[:, 0] - 2 * scores[:, 1], atol=1e-4)
    assert np.allclose(module_scores(fused, asked([-1, 2]), np.arange(2))[:, :2],
                       [by_hand(own[0], False), by_hand(own[1], True)], atol=1e-5)  # fmt: skip


def test_before_training_a_row_without_a_text_has_the_module_s_own_vector():
    built = small_module()
    own = module_scores(built, asked(), np.arange(2))
    fused = with_user_side(built, FusedUsers(TextFusion(2, 2, 2), TEXT, USER_ROWS, every_position=False))
    scores = module_scores(fused, asked([0, -1]), np.arange(2))
    assert np.array_equal(scores[1], own[1])
    assert not np.allclose(scores[0], own[0])


@pytest.mark.parametrize(
    ("every_position", "known"),
    [(False, [-1, -1, 0, 2]), (True, [0, 0, 0, 2])],
)
def test_a_text_serves_the_last_training_item_or_all(every_position, known):
    rows = NextItems(OFFSETS, ITEMS, history_length=2)
    batch = RowsOfKnownUsers(rows, every_position).batch(np.arange(4))
    assert batch["known_user"].tolist() == known
    assert batch["user_id"].tolist() == [1, 1, 1, 3]
    assert batch["item_id"].tolist() == [1, 2, 3, 1]


def test_the_loss_is_the_module_s_own_on_fused_vectors():
    """Cross-entropy over the catalogue, by hand; and negatives that stand beside items keep what a row may know."""
    built = small_module(dropout_prob=0.0)
    table = built.module.item_embedding.weight[1:].detach().numpy()
    histories = {"users": np.array([0, 0, 0, 2], dtype=np.int32), "candidates": None}
    entries, offsets = [1, 1, 0, 1, 0, 1, 2], np.array([0, 1, 3, 6, 7])
    own = module_scores(built, Asked(offsets=offsets, items=np.array(entries, np.int32), **histories), np.arange(4))
    fused = with_user_side(built, FusedUsers(hand_fusion(), TEXT, USER_ROWS, every_position=False))
    served = [False, False, True, True]
    vectors = np.array([by_hand(vector, text) for vector, text in zip(own[:, :2], served, strict=True)])
    # RecBole's catalogue begins with the item that stands for none, a vector of zeros.
    logits = np.concatenate([np.zeros((4, 1)), vectors @ table.T], axis=1)
    targets = np.array([1, 2, 3, 1])
    expected = np.mean(np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1)) + logits.max(1)
                       - logits[np.arange(4), targets])  # fmt: skip
    rows = fused.extend(fused.examples.batch(np.arange(4)), np.random.default_rng(0))
    assert fused.module.calculate_loss(rows).item() == pytest.approx(expected, abs=1e-4)

    drawn = {"loss_type": "BPR", "train_neg_sample_args": {"distribution": "uniform", "sample_num": 2}}
    pairs = with_user_side(small_module(**drawn), FusedUsers(hand_fusion(), TEXT, USER_ROWS, every_position=False))
    rows = pairs.extend(pairs.examples.batch(np.arange(4)), np.random.default_rng(0))
    assert rows["known_user"].tolist() == [-1, -1, 0, 2] * 2
    assert torch.isfinite(pairs.module.calculate_loss(rows))


GROUPS, USERS = 4, 160
TARGETS = np.arange(GROUPS) + GROUPS + 2


@pytest.fixture
def hints(make_training):
    """Users of four groups. The first item of each tells the group, and so which item comes last, but stands out of
    sight of a model that sees two items; the two between are the same for all."""
    rows = [[user % GROUPS, GROUPS, GROUPS + 1, TARGETS[user % GROUPS]] for user in range(USERS)]
    plain = make_training(rows, n_items=2 * GROUPS + 2)
    titles = [*(f"hint{group}" for group in range(GROUPS)), "common", "usual", *("end" for _ in range(GROUPS))]
    items = plain.items.assign(title=titles)
    return TrainingData(plain.sequences, items, plain.validation, plain.validation_targets, "hints")


@every_model
def test_the_seed_decides_everything_and_a_control_changes_scores(model, hints, make_run, make_queries):
    queries = make_queries([[GROUPS, GROUPS + 1]] * 8)

    def scores(control="none", seed=1):
        return fitted(hints, make_run(hints, seed=seed), model=model, control=control).score(queries)

    first = scores()
    assert np.isfinite(first).all()
    assert scores().tobytes() == first.tobytes()
    for other in (scores(seed=2), scores("shuffled"), scores("random")):
        assert not np.allclose(other, first)
    if model not in LEARNS_USERS:
        assert np.allclose(first[:4], first[4:], atol=1e-5)  # the same history and, four users on, the same text
    assert not np.allclose(first[0], first[1])


@pytest.mark.parametrize("model", ["GRU4Rec", "NARM", "STAMP"])
def test_a_text_tells_what_the_sequence_does_not(model, hints, make_run, make_queries):
    def found(**config):
        method = fitted(hints, make_run(hints), model=model, history_length=2, epochs=15, **config)
        scores = method.score(make_queries([[GROUPS, GROUPS + 1]] * USERS))
        return float(np.mean(scores[:, TARGETS].argmax(axis=1) == np.arange(USERS) % GROUPS))

    assert found() == 1
    assert found(control="shuffled") < 0.5


@pytest.mark.parametrize("share_fusion", [True, False])
def test_items_and_users_may_share_their_maps(share_fusion, hints, make_run, make_encoder):
    encoder = Pretrained(model=str(make_encoder([f"hint{group}" for group in range(GROUPS)])), pooling="mean")
    both = {"model": "STAMP", "options": {"embedding_size": 16}, "text_width": 5, "epochs": 1, "patience": None}
    both |= {"item_text": TextEmbeddings(encoder=encoder)}
    slim = fitted(hints, make_run(hints), user_text=texts(encoder=encoder), share_fusion=share_fusion, **both)
    plus = RecBolePlus(RecBolePlus.Config(**both))
    plus.fit(hints, make_run(hints))
    g_l, g_f = 32 * 5 + 5, (16 + 5) * 16 + 16
    assert slim.parameters - plus.parameters == (0 if share_fusion else g_l + g_f)


def test_queries_take_the_text_of_their_moment(make_training, make_run, make_queries):
    shoppers = make_training([[0, 1, 2], [3, 4], [5], [6, 7]], n_items=9, targets=[3, 5, 6])
    method = fitted(shoppers, make_run(shoppers), model="STAMP", user_text=texts("per_split"))
    side, one, later = method._built.module.user_side, make_queries([[5]], users=[2]), make_queries([[5, 6]], users=[2])
    before = method.score(one), method.score(later)
    # Four users: their texts for training come first, then those for the validation from 4 on, for the test from 8 on.
    side.texts[side.rows[4 + 2]] += 1
    assert not np.allclose(method.score(one), before[0])
    assert method.score(later).tobytes() == before[1].tobytes()
    side.texts[side.rows[8 + 2]] += 1
    assert not np.allclose(method.score(later), before[1])


def test_the_epoch_is_chosen_with_texts_and_its_weights_come_back(circle, make_run, make_queries):
    lines, values = [], []
    run = make_run(circle, log=lines.append)
    watched = type(run)(**vars(run) | {"validate": lambda *asked: values.append(run.validate(*asked)) or values[-1]})
    method = fitted(circle, watched, model="STAMP", epochs=4, patience=4, learning_rate=0.05)
    assert len(values) == 4
    assert lines[-1] == f"kept epoch {1 + int(np.argmax(values))} of 4"
    assert run.validate(method.score, "NDCG@10") == max(values)


def test_options():
    assert set(get_args(Fusible)) - set(get_args(OneVector)) == {"BERT4Rec"}
    given = SLIMRecBole.Config(user_text=texts(encoder=MiniLM()), model="STAMP").model_dump()
    known = RecBolePlus.Config(model="STAMP").model_dump()
    assert given.keys() - known.keys() == {"user_text", "control", "share_fusion"}
    assert {option for option in known if given[option] != known[option]} == {"item_text"}
    with pytest.raises(ValidationError, match="Input should be 'CORE'"):
        SLIMRecBole.Config(user_text=texts(encoder=MiniLM()), model="BERT4Rec")
    with pytest.raises(ValidationError, match=r"share_fusion needs one encoder for users \(tfidf\) and items"):
        SLIMRecBole.Config(user_text=texts())
    with pytest.raises(ValidationError, match="no option 'hidden_sizes'; did you mean 'hidden_size'"):
        SLIMRecBole.Config(user_text=texts(encoder=MiniLM()), model="GRU4Rec", options={"hidden_sizes": 8})
