"""What RecBole's modules are fed, worked by hand, and that scores and losses are the modules' own."""

from importlib import import_module

import numpy as np
import pytest
import torch

pytest.importorskip("recbole")

from recbole.data.interaction import Interaction

from llmrec_bench_plugins.blocks.negative_items import UnseenItems
from llmrec_bench_plugins.blocks.recbole.dataset import RecBoleDataset, RecBoleSettings, category_numbers
from llmrec_bench_plugins.blocks.recbole.examples import Masks, Negatives, NextItems, Pairs, Users, reversed_padding
from llmrec_bench_plugins.blocks.recbole.module import build
from llmrec_bench_plugins.blocks.recbole.scores import Asked, module_scores
from llmrec_bench_plugins.recbole_zoo.models import all_settings

OFFSETS, ITEMS = np.array([0, 4, 4, 6]), np.array([2, 0, 4, 1, 3, 3], dtype=np.int32)
"""User 0 has items 2, 0, 4, 1, user 1 nothing, user 2 item 3 twice; 0 to 5 are items."""
N_ITEMS = 6


def plain(interaction):
    return {name: interaction[name].tolist() for name in interaction.columns}


def test_a_next_item_row_holds_the_latest_items_before_it():
    examples = NextItems(OFFSETS, ITEMS, history_length=2)
    assert plain(examples.batch(np.arange(4))) == {
        "item_id_list": [[3, 0], [3, 1], [1, 5], [4, 0]],
        "item_length": [1, 2, 2, 1],
        "user_id": [1, 1, 1, 3],
        "item_id": [1, 5, 2, 4],
    }
    assert plain(NextItems(OFFSETS, ITEMS, 2, shortest=2).batch(np.array([0])))["item_id"] == [5]


def test_pairs_and_users():
    assert plain(Pairs(OFFSETS, ITEMS).batch(np.array([0, 5]))) == {"user_id": [1, 3], "item_id": [3, 4]}
    assert plain(Users(OFFSETS).batch(np.array([0, 1]))) == {"user_id": [1, 3]}


def test_negatives_stand_beside_the_items_or_below_them_with_labels():
    unseen, batch = UnseenItems(OFFSETS, ITEMS, N_ITEMS), Pairs(OFFSETS, ITEMS).batch(np.array([0, 4]))
    beside = plain(Negatives(unseen, 2, labelled=False).added(batch, np.random.default_rng(0)))
    assert (beside["user_id"], beside["item_id"]) == ([1, 3, 1, 3], [3, 4, 3, 4])
    assert all(item in (4, 6) for item in beside["neg_item_id"][::2])
    assert all(item != 4 for item in beside["neg_item_id"][1::2])
    below = plain(Negatives(unseen, 2, labelled=True).added(batch, np.random.default_rng(0)))
    assert below["label"] == [1, 1, 0, 0, 0, 0]
    assert below["item_id"] == [3, 4, *beside["neg_item_id"]]
    everything = UnseenItems(np.array([0, 2]), np.array([0, 1], dtype=np.int32), 2)
    [batch] = [Pairs(np.array([0, 2]), np.array([0, 1], dtype=np.int32)).batch(np.array([0]))]
    assert plain(Negatives(everything, 1, False).added(batch, np.random.default_rng(0)))["neg_item_id"][0] in (1, 2)


@pytest.mark.parametrize("last_share", [0.0, 1.0])
def test_masks_hide_some_items_or_the_last(last_share):
    unseen = UnseenItems(OFFSETS, ITEMS, N_ITEMS)
    batch = NextItems(OFFSETS, ITEMS, history_length=4).batch(np.arange(4))  # histories of 1, 2, 3 and 1 items
    masked = Masks(0.5, last_share, unseen).added(batch, np.random.default_rng(1))
    before, after = batch["item_id_list"].numpy(), masked["Mask_item_id_list"].numpy()
    items, places = masked["Pos_item_id"].numpy(), masked["MASK_INDEX"].numpy()
    assert items.shape == places.shape == (4, 2)  # at most half of four places
    hidden = after == 7
    assert (after[~hidden] == before[~hidden]).all()
    assert hidden.any()
    assert not (hidden & (before == 0)).any()
    for row in range(4):
        found = np.flatnonzero(hidden[row])[-2:]
        assert items[row, 2 - len(found) :].tolist() == before[row, found].tolist()
        assert places[row, 2 - len(found) :].tolist() == found.tolist()
        assert not items[row, : 2 - len(found)].any()
    if last_share:
        assert [np.flatnonzero(row).tolist() for row in hidden] == [[0], [1], [2], [0]]
    drawn = masked["Neg_item_id"].numpy()
    assert ((drawn > 0) == (items > 0)).all()
    assert set(drawn[:3][drawn[:3] > 0].tolist()) <= {4, 6}


def test_reversed_padding_moves_histories_to_the_right():
    batch = Interaction({"item_id_list": torch.tensor([[5, 6, 0], [7, 8, 9]]), "item_length": torch.tensor([2, 3])})
    assert plain(reversed_padding(batch))["Inverse_item_id_list"] == [[0, 5, 6], [7, 8, 9]]


def test_the_data_set_as_modules_ask_for_it():
    examples, settings = Pairs(OFFSETS, ITEMS), RecBoleSettings(MAX_ITEM_LIST_LENGTH=5)
    categories = category_numbers(["b, a", "a", "", "a > c", "", ["b"]])
    assert categories.tolist() == [[0, 0], [2, 1], [1, 0], [0, 0], [1, 3], [0, 0], [2, 0]]
    assert category_numbers(["", " , ", []]) is None
    rows = examples.batch(np.arange(6))
    data = RecBoleDataset(OFFSETS, ITEMS, N_ITEMS, rows, settings, categories, np.random.default_rng(0))
    assert (data.user_num, data.item_num, data.inter_num) == (4, 7, 6)
    assert (data.num("user_id"), data.num("item_id"), data.num("category")) == (4, 7, 4)
    matrix = data.inter_matrix(form="csr").toarray()
    assert np.argwhere(matrix).tolist() == [[1, 1], [1, 2], [1, 3], [1, 5], [3, 4]]
    assert matrix[3, 4] == 2
    items, values, lengths = data.history_item_matrix()
    assert [sorted(row) for row in items.tolist()] == [[0, 0, 0, 0], [1, 2, 3, 5], [0, 0, 0, 0], [0, 0, 4, 4]]
    assert (values == (items > 0)).all()
    assert lengths.tolist() == [0, 4, 0, 2]
    short, _, lengths = data.history_item_matrix(max_history_len=1)
    assert short.shape == (4, 1)
    assert short[1, 0] in (1, 2, 3, 5)
    assert lengths.tolist() == [0, 1, 0, 1]
    users, _, counts = data.history_user_matrix()
    assert users[4].tolist() == [3, 3]
    assert counts.tolist() == [0, 1, 1, 1, 2, 1, 0]
    assert settings["absent"] is None
    assert "absent" not in settings
    assert settings.MAX_ITEM_LIST_LENGTH == 5


def theirs(name, family, built, **config):
    """RecBole's module from a dict of its YAML options and names of our own choice, with our weights."""

    class Data:
        user_num, item_num = len(OFFSETS), N_ITEMS + 1

        def num(self, field):
            return self.user_num if field == "u" else self.item_num

    names = {
        **{"USER_ID_FIELD": "u", "ITEM_ID_FIELD": "i", "LABEL_FIELD": "y", "NEG_PREFIX": "not_", "LIST_SUFFIX": "s"},
        **{"ITEM_LIST_LENGTH_FIELD": "n", "MAX_ITEM_LIST_LENGTH": 3, "device": "cpu"},
        **{"MASK_ITEM_SEQ": "m", "POS_ITEMS": "p", "NEG_ITEMS": "q", "MASK_INDEX": "x"},
    }
    kind = getattr(import_module(f"recbole.model.{family}_recommender.{name.lower()}"), name)
    module = kind({**all_settings(name), **names, **config}, Data())
    module.load_state_dict(built.module.state_dict())
    return module.eval()


@pytest.mark.parametrize(
    "name", ["GRU4Rec", "SASRec", "NARM", "STAMP", "HGN", "Caser", "FPMC", "BERT4Rec", "LightSANs"]
)
def test_scores_and_losses_of_a_sequential_model_are_its_own(name):
    settings = {**all_settings(name), "MAX_ITEM_LIST_LENGTH": 3}
    torch.manual_seed(0)
    built = build(name, "sequential", settings, OFFSETS, ITEMS, N_ITEMS, None, "cpu", np.random.default_rng(0))
    built.module.eval()
    module = theirs(name, "sequential", built)
    users, lists, lengths = torch.tensor([1, 3]), torch.tensor([[5, 2, 0], [1, 2, 3]]), torch.tensor([2, 3])
    with torch.no_grad():
        expected = module.full_sort_predict({"u": users, "is": lists, "n": lengths})
    asked = Asked(
        np.array([0, 2], dtype=np.int32), np.array([0, 2, 6]), np.array([4, 1, 5, 0, 1, 2], dtype=np.int32), None
    )
    scores = module_scores(built, asked, np.arange(2))
    assert np.allclose(scores, expected.reshape(2, -1)[:, 1:7].numpy(), atol=1e-6)

    rows = built.extend(built.examples.batch(np.arange(len(built.examples))), np.random.default_rng(0))
    renamed = {"user_id": "u", "item_id": "i", "item_id_list": "is", "item_length": "n", "neg_item_id": "not_i"}
    renamed |= {"Mask_item_id_list": "m", "Pos_item_id": "p", "Neg_item_id": "q", "MASK_INDEX": "x"}
    as_theirs = {renamed[column]: rows[column] for column in rows.columns}
    assert built.module.calculate_loss(rows).item() == pytest.approx(module.calculate_loss(as_theirs).item(), abs=1e-6)


@pytest.mark.parametrize("name", ["BPR", "NeuMF"])
def test_scores_and_losses_of_a_general_model_are_its_own(name):
    settings, rng = {**all_settings(name), "MAX_ITEM_LIST_LENGTH": 3}, np.random.default_rng(0)
    torch.manual_seed(0)
    built = build(name, "general", settings, OFFSETS, ITEMS, N_ITEMS, None, "cpu", rng)
    built.module.eval()
    module = theirs(name, "general", built)
    pairs = {"u": torch.tensor([3] * N_ITEMS), "i": torch.arange(1, N_ITEMS + 1)}
    with torch.no_grad():
        expected = module.predict(pairs).numpy()
    asked = Asked(np.array([2], dtype=np.int32), np.array([0, 0]), np.zeros(0, dtype=np.int32), None)
    assert np.allclose(module_scores(built, asked, np.arange(1))[0], expected, atol=1e-6)
    rows = built.extend(built.examples.batch(np.arange(6)), rng)
    renamed = {"user_id": "u", "item_id": "i", "label": "y", "neg_item_id": "not_i"}
    as_theirs = {renamed[column]: rows[column] for column in rows.columns}
    assert built.module.calculate_loss(rows).item() == pytest.approx(module.calculate_loss(as_theirs).item(), abs=1e-6)
