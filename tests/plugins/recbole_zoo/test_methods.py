"""Every model of RecBole's as a method: which run, what they refuse, and what holds for all that run."""

import pickle
import random

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from llmrec_bench import BenchError
from llmrec_bench_plugins.recbole_zoo import models
from llmrec_bench_plugins.recbole_zoo.method import METHODS, TrainedRecBoleMethod

pytest.importorskip("recbole")

ZOO = {method.model.name: method for method in METHODS}
RUNNING = [method for method in METHODS if not method.model.reason]
TRAINED = [method for method in RUNNING if issubclass(method, TrainedRecBoleMethod)]
SHORT = {"epochs": 1, "history_length": 10, "batch_size": 256}
OWN = {
    "S3Rec": {"pretrain_epochs": 1},
    "SASRecCPR": {"reranker_CAN_NUM": 10},
    "GRU4RecCPR": {"reranker_CAN_NUM": 10},
}
"""Options without which a model is slow, or too large for so few items."""
HISTORIES = [[3, 4, 5], [1], [*range(2, 20)], [], [7, 8]]
USERS = [0, 1, 2, 3, 39]


def fitted(name, train, run, **config):
    kind = ZOO[name]
    short = SHORT if issubclass(kind, TrainedRecBoleMethod) else {}
    method = kind(kind.Config(**{**short, **({"options": OWN[name]} if name in OWN else {}), **config}))
    method.fit(train, run)
    return method


def test_every_model_of_the_installed_recbole_is_listed_once():
    stems = {path.stem for path in (models.package() / "properties" / "model").glob("*.yaml")} | {"Random"}
    assert sorted(stems) == [model.name for model in models.MODELS]
    for model in models.MODELS:
        folder = models.package() / "model" / f"{model.family.replace('-', '_')}_recommender"
        assert (folder / f"{model.name.lower()}.py").exists(), model


@pytest.mark.parametrize("method", [m for m in METHODS if m.model.reason], ids=lambda method: method.name)
def test_a_model_that_does_not_run_says_why_in_its_line_and_to_a_suite(method):
    assert method.__doc__.startswith(f"Does not run: RecBole's {method.model.name} ({method.model.family}) ")
    with pytest.raises(ValidationError, match=f"{method.name} does not run: it {method.model.reason[:20]}"):
        method.Config()


def test_without_recbole_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(models, "package", lambda: None)
    with pytest.raises(ValidationError, match=r"it needs RecBole.*pip install recbole==1\.2\.1"):
        ZOO["BPR"].Config()


def test_options_are_recboles_with_the_given_ones_over_them():
    options = ZOO["GRU4Rec"].Config(options={"hidden_size": 32}).options
    assert options == {
        **{"embedding_size": 64, "hidden_size": 32, "num_layers": 1},
        **{"dropout_prob": 0.3, "loss_type": "CE"},
    }
    assert ZOO["SASRec"].Config().options["layer_norm_eps"] == 1e-12
    assert ZOO["DMF"].Config().options["inter_matrix_type"] == "01"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hiden_size": 32}, "has no option 'hiden_size'; did you mean 'hidden_size'"),
        ({"zzz": 1}, "has no option 'zzz'; known: dropout_prob, embedding_size"),
        ({"hidden_size": "big"}, r"'hidden_size' should be a number such as 128 \(given 'big'\)"),
        ({"loss_type": True}, r"'loss_type' should be a text such as 'CE' \(given True\)"),
    ],
)
def test_an_option_that_recbole_would_not_read_is_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        ZOO["GRU4Rec"].Config(options=options)


def test_what_a_module_refuses_is_one_line(circle, make_run):
    with pytest.raises(BenchError, match=r"^recbole:SASRec: RecBole refuses these data or options: .*hidden size"):
        fitted("SASRec", circle, make_run(circle), options={"n_heads": 3})
    with pytest.raises(BenchError, match=r"^recbole:SASRecCPR: option 'reranker_CAN_NUM' is 100, more"):
        fitted("SASRecCPR", circle, make_run(circle), options={})


def test_s3rec_without_pretraining_is_refused():
    for epochs in (0, -1, 0.5):
        with pytest.raises(ValidationError, match=r"'pretrain_epochs' should be 1 or more .*a SASRec under another"):
            ZOO["S3Rec"].Config(options={"pretrain_epochs": epochs})


def test_an_mlp_is_neumf_without_its_other_half(circle, make_run):
    """Embeddings of 41 users and 31 items of 64, layers 128-128-64-1 with biases."""
    mlp = fitted("NeuMF", circle, make_run(circle), options={"mf_train": False})
    assert mlp.parameters == (41 + 31) * 64 + (128 * 128 + 128) + (128 * 64 + 64) + (64 + 1)
    factors = fitted("NeuMF", circle, make_run(circle), options={"mlp_train": False})
    assert factors.parameters == (41 + 31) * 64 + (64 + 1)
    with pytest.raises(BenchError, match=r"^recbole:NeuMF: options 'mf_train' and 'mlp_train' are both false"):
        fitted("NeuMF", circle, make_run(circle), options={"mf_train": False, "mlp_train": False})


def test_numeric_attributes_come_before_categories(circle, make_queries, make_run):
    circle.items["attributes"] = [f"{code % 3}, {code % 5}" for code in range(30)]
    with_attributes = fitted("FDSA", circle, make_run(circle))
    circle.items.pop("attributes")
    with_categories = fitted("FDSA", circle, make_run(circle))
    assert with_attributes.remarks[0] == "its item features are the items' attributes"
    assert with_categories.remarks[0] == "its item features are the items' categories"
    asked = make_queries(HISTORIES, users=USERS)
    assert not np.array_equal(with_attributes.score(asked), with_categories.score(asked), equal_nan=True)


@pytest.mark.parametrize("name", models.NEED_FEATURES)
def test_a_model_of_item_features_refuses_data_without_any(name, circle, make_run):
    for bare in (circle.items.drop(columns="category"), circle.items.assign(category="")):
        train = type(circle)(circle.sequences, bare, circle.validation, circle.validation_targets, "bare")
        with pytest.raises(BenchError, match=f"^recbole:{name}: it reads items' attributes or categories, and"):
            fitted(name, train, make_run(train))


@pytest.mark.parametrize("method", RUNNING, ids=lambda method: method.name)
def test_it_fits_and_keeps_the_promises_of_a_method(method, circle, make_queries, make_run):
    name, queries = method.model.name, make_queries(HISTORIES, users=USERS)
    torch.manual_seed(99)
    np.random.seed(99)
    random.seed(99)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    fit = fitted(name, circle, make_run(circle, seed=0))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]
    assert not torch.is_anomaly_enabled()
    scores = fit.score(queries)
    assert scores.shape == (5, 30)
    assert scores.dtype == np.float32
    by_order, by_user = method.model.family == "sequential", name in models.PERSONAL
    silent = [False, False, False, by_order, by_user or not by_order]  # no history; a user unseen in training
    assert np.isnan(scores).all(axis=1).tolist() == silent
    assert np.isfinite(scores[~np.array(silent)]).all()
    assert fit.score(queries).tobytes() == scores.tobytes()

    again = fitted(name, circle, make_run(circle, seed=0)).score(queries)
    assert again.tobytes() == scores.tobytes()

    order = np.random.default_rng(2).permutation(len(queries))
    apart = np.concatenate([fit.score(queries.take(rows)) for rows in np.split(order, [1, 3])])
    assert np.allclose(apart, scores[order], rtol=1e-4, atol=1e-5, equal_nan=True)

    candidates = [[5, 3, -1], [29, 0, 1], [3, 4, 5], [1, 2, 3], [0, 1, 2]]
    asked = make_queries(HISTORIES, candidates, users=USERS)
    expected, real = np.take_along_axis(scores, asked.candidates, axis=1), asked.candidates >= 0
    assert fit.score(asked)[real].tobytes() == expected[real].tobytes()


@pytest.mark.parametrize("method", [m for m in RUNNING if m.model.family == "sequential"], ids=lambda m: m.name)
def test_only_personal_models_tell_users_apart(method, circle, make_queries, make_run):
    fit = fitted(method.model.name, circle, make_run(circle))
    one, other = (fit.score(make_queries([[3, 4, 5]], users=[user])) for user in (0, 1))
    assert (one.tobytes() != other.tobytes()) == (method.model.name in models.PERSONAL)


@pytest.mark.parametrize("name", ["GRU4Rec", "STAMP", "NARM"])
def test_a_sequential_model_learns_the_circle(name, circle, make_queries, make_run):
    config = {"epochs": 60, "batch_size": 32, "learning_rate": 0.01, "patience": None}
    fit = fitted(name, circle, make_run(circle), **config)
    assert fit.score(make_queries([[3, 4, 5], [10, 11], [23, 24]])).argmax(axis=1).tolist() == [6, 12, 0]
    assert fit.remarks == []


@pytest.mark.parametrize("name", ["BPR", "LightGCN", "ItemKNN", "MultiVAE"])
def test_a_general_model_prefers_what_a_user_has(name, circle, make_queries, make_run):
    config = {} if name == "ItemKNN" else {"epochs": 60, "batch_size": 32, "learning_rate": 0.01, "patience": None}
    fit = fitted(name, circle, make_run(circle), **config)
    own = [set(circle.sequences[user].tolist()) for user in range(10)]
    scores = fit.score(make_queries([[0]] * 10))
    inside = [np.mean([row[code] for code in items]) for row, items in zip(scores, own, strict=True)]
    assert (np.array(inside) > np.nanmean(scores, axis=1)).all()


def test_pop_and_ease_rank_as_their_formulas(circle, make_queries, make_run):
    counts = np.bincount(circle.sequences.items, minlength=30)
    pop = fitted("Pop", circle, make_run(circle)).score(make_queries([[0]]))[0]
    assert pop.tolist() == (counts / counts.max()).astype(np.float32).tolist()
    X = np.zeros((40, 30))
    X[circle.sequences.rows(), circle.sequences.items] = 1
    P = np.linalg.inv(X.T @ X + 250 * np.eye(30))
    B = P / -np.diag(P)
    np.fill_diagonal(B, 0)
    ease = fitted("EASE", circle, make_run(circle)).score(make_queries([[0]] * 5))
    assert np.allclose(ease, (X @ B)[:5], atol=1e-6)


def test_early_stopping_keeps_the_best_epoch_and_the_remark_tells_where_it_was_cut_short(circle, make_run):
    lines = []
    fit = fitted("BPR", circle, make_run(circle, log=lines.append), epochs=3, patience=10)
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2", "epoch 3", lines[-1]]
    assert lines[-1].startswith("kept epoch ")
    assert fit.remarks == ["not converged: training ended with its 3 epochs, before early stopping would have"]


@pytest.mark.parametrize("name", ["BPR", "SASRec"])
def test_what_a_fit_needs_is_asked_for(name, circle, make_training, make_run):
    unvalidated = make_training([[0, 1, 2]], n_items=3)
    with pytest.raises(BenchError, match=f"^recbole:{name}: early stopping needs validation queries.*`patience: null`"):
        fitted(name, unvalidated, make_run(unvalidated))
    fitted(name, unvalidated, make_run(unvalidated), patience=None)
    empty = make_training([[], []], n_items=2)
    with pytest.raises(BenchError, match=f"^recbole:{name}: there is no training interaction"):
        fitted(name, empty, make_run(empty), patience=None)
    with pytest.raises(BenchError, match=f"^recbole:{name}: the loss became .*learning_rate"):
        fitted(name, circle, make_run(circle), learning_rate=1e30, epochs=5, batch_size=32)


@pytest.mark.parametrize(("name", "rows"), [("GRU4Rec", [[0], [1]]), ("BERT4Rec", [[0, 1], [1]])])
def test_sequences_too_short_to_learn_an_order_from_are_refused(name, rows, make_training, make_run):
    train = make_training(rows, n_items=2, targets=[1])
    with pytest.raises(BenchError, match=f"^recbole:{name}: no user has (two|three) training items"):
        fitted(name, train, make_run(train))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_an_absent_device_is_refused(circle, make_run):
    with pytest.raises(BenchError, match=r"^recbole:Pop: device 'cuda' asked for"):
        fitted("Pop", circle, make_run(circle, device="cuda"))


@pytest.mark.parametrize("method", RUNNING[::9], ids=lambda method: method.name)
def test_a_worker_process_can_be_handed_it(method):
    config = method.Config()
    assert pickle.loads(pickle.dumps((method, config))) == (method, config)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", TRAINED, ids=lambda method: method.name)
def test_it_fits_on_a_gpu(method, circle, make_queries, make_run):
    fit = fitted(method.model.name, circle, make_run(circle, device="cuda"))
    assert np.isfinite(fit.score(make_queries([[3, 4, 5]]))).all()
