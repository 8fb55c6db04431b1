"""Every trained backbone as a method: it learns order, keeps its word on seeds, and refuses what it cannot do."""

import re
from typing import get_args

import numpy as np
import pydantic
import pytest
import torch

from llmrec_bench import BenchError
from llmrec_bench_plugins.backbones import METHODS
from llmrec_bench_plugins.backbones.sasrec import SASRec

SMALL = {"width": 16, "history_length": 6, "batch_size": 32, "learning_rate": 0.01}


every_backbone = pytest.mark.parametrize("backbone", METHODS, ids=lambda backbone: backbone.name)
every_loss = pytest.mark.parametrize(
    ("backbone", "loss"),
    [(backbone, loss) for backbone in METHODS for loss in get_args(backbone.Config.model_fields["loss"].annotation)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)


def fitted(backbone, train, run, **config):
    method = backbone(backbone.Config(**SMALL | config))
    method.fit(train, run)
    return method


@pytest.fixture
def cycle(make_training):
    """Every sequence walks 0, 1, ..., 9, 0, ... from its own start; the target is the next step."""
    rows = [[(start + step) % 10 for step in range(length)] for start in range(10) for length in (3, 5, 9)]
    return make_training(rows, n_items=10, targets=[(row[-1] + 1) % 10 for row in rows])


@every_loss
def test_it_learns_to_walk_a_cycle(backbone, cycle, make_queries, make_run, loss):
    method = fitted(backbone, cycle, make_run(cycle), loss=loss, dropout=0.1, epochs=60, patience=None)
    scores = method.score(make_queries([[3, 4, 5], [8, 9], [0]]))
    for row, seen in enumerate([[3, 4, 5], [8, 9], [0]]):
        scores[row, seen] = -np.inf  # negatives are never a user's own items, so bce does not push these down
    assert scores.argmax(axis=1).tolist() == [6, 0, 1]


@every_backbone
def test_order_matters_to_it(backbone, cycle, make_queries, make_run):
    method = fitted(backbone, cycle, make_run(cycle), epochs=3)
    forward, backward = method.score(make_queries([[3, 4, 5], [5, 4, 3]]))
    assert not np.allclose(forward, backward)


@every_backbone
def test_only_the_latest_items_count(backbone, cycle, make_queries, make_run):
    method = fitted(backbone, cycle, make_run(cycle), epochs=2)
    scores = method.score(make_queries([[9, 9, 9, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]]))
    assert np.allclose(scores[0], scores[1], atol=1e-6)


@every_backbone
def test_an_empty_history_has_no_opinion(backbone, cycle, make_queries, make_run):
    scores = fitted(backbone, cycle, make_run(cycle), epochs=1).score(make_queries([[], [1]]))
    assert np.isnan(scores[0]).all()
    assert np.isfinite(scores[1]).all()


@every_backbone
def test_seeds_differ_and_the_global_state_is_left_alone(backbone, cycle, make_queries, make_run):
    torch.manual_seed(99)
    before = torch.get_rng_state()
    first = fitted(backbone, cycle, make_run(cycle, seed=0), epochs=2).score(make_queries([[1]]))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    assert (
        fitted(backbone, cycle, make_run(cycle, seed=0), epochs=2).score(make_queries([[1]])).tobytes()
        == first.tobytes()
    )
    assert not np.allclose(fitted(backbone, cycle, make_run(cycle, seed=1), epochs=2).score(make_queries([[1]])), first)


@every_backbone
def test_it_logs_every_epoch_and_the_one_it_kept(backbone, cycle, make_run):
    lines = []
    fitted(backbone, cycle, make_run(cycle, log=lines.append), epochs=2)
    assert lines[0].startswith("epoch 1: loss ")
    assert lines[-1] in ("kept epoch 1 of 2", "kept epoch 2 of 2")


@every_backbone
def test_no_validation_queries_is_refused_unless_patience_is_null(backbone, make_training, make_run):
    train = make_training([[0, 1, 2]], n_items=3)
    with pytest.raises(
        BenchError, match=rf"^{re.escape(backbone.name)}: early stopping needs validation queries.*`patience: null`"
    ):
        fitted(backbone, train, make_run(train))
    fitted(backbone, train, make_run(train), patience=None, epochs=1)


@every_backbone
def test_no_pair_of_items_is_refused(backbone, make_training, make_run):
    train = make_training([[0], [1], []], n_items=2, targets=[1])
    with pytest.raises(BenchError, match=rf"^{re.escape(backbone.name)}: no user has two training items"):
        fitted(backbone, train, make_run(train))


@every_backbone
def test_a_runaway_loss_is_named(backbone, cycle, make_run):
    with pytest.raises(
        BenchError, match=rf"^{re.escape(backbone.name)}: the loss became .* in epoch .*, step .*learning_rate"
    ):
        fitted(backbone, cycle, make_run(cycle), learning_rate=1e38, epochs=5)


@every_backbone
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_an_absent_device_is_refused(backbone, cycle, make_run):
    with pytest.raises(BenchError, match=rf"^{re.escape(backbone.name)}: device 'cuda' asked for"):
        fitted(backbone, cycle, make_run(cycle, device="cuda"))


@every_loss
def test_two_items_and_a_batch_larger_than_the_data_are_enough(backbone, make_training, make_queries, make_run, loss):
    train = make_training([[0, 1], [1, 0, 1]], n_items=2, targets=[0, 1])
    method = fitted(backbone, train, make_run(train), loss=loss, epochs=2, batch_size=10**9, history_length=2)
    assert np.isfinite(method.score(make_queries([[0], [1, 0, 1]]))).all()


@every_backbone
@pytest.mark.parametrize("length", [0, 1])
def test_a_history_too_short_to_learn_from_is_refused(backbone, length):
    with pytest.raises(pydantic.ValidationError, match="greater than or equal to 2"):
        backbone.Config(history_length=length)


@pytest.mark.parametrize(
    "config",
    [{"width": 10, "heads": 3}, {"dropout": 1.0}, {"loss": "mse"}, {"patience": 0}, {"lr": 1}, {"negatives": 0}],
    ids=lambda config: ",".join(config),
)
def test_impossible_options_are_refused(config):
    with pytest.raises(pydantic.ValidationError):
        SASRec.Config(**config)


@every_backbone
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_it_learns_the_cycle_on_a_gpu(backbone, cycle, make_queries, make_run):
    before = torch.cuda.get_rng_state()
    method = fitted(backbone, cycle, make_run(cycle, device="cuda"), dropout=0.1, epochs=60, patience=None)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert method.score(make_queries([[3, 4, 5], [8, 9], [0]])).argmax(axis=1).tolist() == [6, 0, 1]
