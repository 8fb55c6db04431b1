"""The backbones with item texts: what texts add, and that the plain ones are inside them."""

import json

import numpy as np
import pytest

from llmrec_bench import TrainingData
from llmrec_bench_plugins.backbones.gru4rec import GRU4Rec
from llmrec_bench_plugins.backbones.sasrec import SASRec
from llmrec_bench_plugins.backbones.srgnn import SRGNN
from llmrec_bench_plugins.backbones.text_fused import GRU4RecPlus, SASRecPlus, SRGNNPlus
from llmrec_bench_plugins.stages.text_embeddings import ItemColumns, TextEmbeddings
from llmrec_bench_plugins.stages.text_encoders import Pretrained, TfIdf

PAIRS = [(GRU4RecPlus, GRU4Rec), (SASRecPlus, SASRec), (SRGNNPlus, SRGNN)]
SMALL = {"width": 16, "history_length": 6, "batch_size": 32, "learning_rate": 0.01, "epochs": 12, "patience": None}
GROUPS, SIZE = 6, 5
COLD = np.arange(GROUPS) * SIZE + SIZE - 1

every_pair = pytest.mark.parametrize(("plus", "plain"), PAIRS, ids=lambda method: method.name)
every_plus = pytest.mark.parametrize("plus", [plus for plus, _ in PAIRS], ids=lambda method: method.name)


@pytest.fixture
def groups(make_training):
    """Users stay within one of six groups of five items, whose last item nobody meets in training.

    Titles tell an item's group, brands tell nothing.
    """
    rng = np.random.default_rng(0)
    rows = [(user % GROUPS * SIZE + rng.permutation(SIZE - 1)).tolist() for user in range(60)]
    train = make_training(rows, n_items=GROUPS * SIZE, targets=[row[-1] for row in rows])
    items = train.items.assign(
        title=[f"a thing of group{code // SIZE}" for code in range(GROUPS * SIZE)],
        brand="Acme",
    )
    return TrainingData(train.sequences, items, train.validation, train.validation_targets, "groups")


def fitted(method, train, run, **config):
    made = method(method.Config(**SMALL | config))
    made.fit(train, run)
    return made


def found(method, make_queries):
    """Share of groups whose own cold item comes first among the cold ones, asked with two items of the group."""
    scores = method.score(make_queries([[group * SIZE, group * SIZE + 1] for group in range(GROUPS)]))
    return float(np.mean(scores[:, COLD].argmax(axis=1) == np.arange(GROUPS)))


@every_pair
def test_texts_find_the_cold_items_that_ids_cannot(plus, plain, groups, make_run, make_queries):
    assert found(fitted(plus, groups, make_run(groups)), make_queries) == 1
    assert found(fitted(plain, groups, make_run(groups)), make_queries) < 0.6
    useless = TextEmbeddings(texts=ItemColumns(columns=("brand",)))
    assert found(fitted(plus, groups, make_run(groups), item_text=useless), make_queries) < 0.6


@every_plus
def test_the_texts_are_those_the_option_names(plus, groups, make_run):
    asked = []
    run = make_run(groups)
    watched = type(run)(**vars(run) | {"artifact": lambda stage: (asked.append(stage), run.artifact(stage))[1]})
    fitted(plus, groups, watched, epochs=1, item_text=TextEmbeddings(encoder=TfIdf(width=3)), text_width=5)
    assert asked == [TextEmbeddings(encoder=TfIdf(width=3))]


@every_pair
def test_its_other_options_and_defaults_are_the_plain_one_s_but_for_the_learning_rate(plus, plain):
    given, known = plus.Config().model_dump(), plain.Config().model_dump()
    assert given.keys() - known.keys() == {"item_text", "text_width"}
    assert {option for option in known if given[option] != known[option]} <= {"learning_rate"}


@every_plus
def test_the_settings_of_the_paper_are_valid(plus):
    config = plus.Config.model_validate_json(json.dumps(plus.settings["slim"]))
    assert (config.loss, config.item_text.encoder) == ("bce", Pretrained(model="bert-base-uncased", pooling="cls"))
