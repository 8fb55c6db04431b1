"""Users and items matched by their texts alone: the paper's equation, what it learns, and who gets no scores."""

import numpy as np
import pydantic
import pytest
import torch

from llmrec_bench import BenchError, TrainingData
from llmrec_bench_plugins.blocks.text_fusion import standardised
from llmrec_bench_plugins.blocks.text_matching import TextMatching
from llmrec_bench_plugins.slim.text_matching import SLIMMatching
from llmrec_bench_plugins.stages.history_titles import HistoryTitles
from llmrec_bench_plugins.stages.text_embeddings import TextEmbeddings
from llmrec_bench_plugins.stages.text_encoders import MiniLM, Pretrained, TfIdf
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings

GROUPS, SIZE, USERS, NEW = 5, 8, 300, 100
SMALL = {"width": 16, "batch_size": 32, "learning_rate": 0.01, "epochs": 20, "patience": None}


@pytest.fixture(scope="session")
def encoder(make_encoder):
    words = [f"g{group}" for group in range(GROUPS)] + [f"w{code}" for code in range(GROUPS * SIZE)]
    return Pretrained(model=str(make_encoder(words)), pooling="mean")


@pytest.fixture
def tastes(make_training):
    """New users with one item in training, whom nothing is learned of, then users with four; each stays in a group,
    which the titles tell."""
    rng = np.random.default_rng(0)
    rows = [(user % GROUPS * SIZE + rng.permutation(SIZE)[:1]).tolist() for user in range(NEW)]
    rows += [(user % GROUPS * SIZE + rng.permutation(SIZE)[:4]).tolist() for user in range(USERS)]
    plain = make_training(rows, n_items=GROUPS * SIZE, targets=[row[0] // SIZE * SIZE + 1 for row in rows])
    titles = [f"g{code // SIZE} w{code}" for code in range(GROUPS * SIZE)]
    items = plain.items.assign(title=titles)
    return TrainingData(plain.sequences, items, plain.validation, plain.validation_targets, "tastes")


def fitted(train, run, encoder, cutoff="per_split", **config):
    texts = UserTextEmbeddings(texts=HistoryTitles(cutoff=cutoff), encoder=encoder)
    given = SMALL | {"user_text": texts, "item_text": TextEmbeddings(encoder=encoder)} | config
    method = SLIMMatching(SLIMMatching.Config(**given))
    method.fit(train, run)
    return method


def asked(train, make_queries):
    """The validation queries of the new users."""
    return make_queries([train.sequences[user].tolist() for user in range(NEW)])


def found(method, train, make_queries):
    """How often an item of a new user's own group scores above one of another group; half the time by chance."""
    scores = method.score(asked(train, make_queries)).reshape(NEW, GROUPS, SIZE)
    group = np.arange(NEW) % GROUPS
    own, others = scores[np.arange(NEW), group], scores[np.arange(GROUPS) != group[:, None]].reshape(NEW, -1)
    return float(np.mean(own[:, :, None] > others[:, None]))


def test_the_numbers_of_a_match_worked_by_hand():
    model = TextMatching(text_features=2, width=2)
    with torch.no_grad():
        model.map.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        model.map.bias.copy_(torch.tensor([0.0, 1.0]))
    # The user is mapped to (3, 9), the items to (1, 3), (0, -1) and (0, 1).
    users, items = torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 1.0], [0.0, -1.0], [0.0, 0.0]])
    assert model(users, items).tolist() == [[30, -9, 9]]


def test_scores_are_the_equation_s(tastes, make_run, make_queries, encoder):
    method = fitted(tastes, make_run(tastes), encoder, epochs=2)
    titles = tastes.items["title"].tolist()
    of_items = standardised(torch.from_numpy(encoder.encode(titles, "cpu")[0])).numpy()
    weight, bias = (value.detach().numpy() for value in (method._model.map.weight, method._model.map.bias))
    folder = make_run(tastes).artifact(method.config.user_text)
    vectors = standardised(torch.from_numpy(np.load(folder / "embeddings.npy"))).numpy()
    rows = np.load(folder / "rows.npy")
    z = of_items @ weight.T + bias
    for moment, queries in (
        (1, make_queries([[0], [8]], users=[0, 1])),  # as long as the training rows
        (2, make_queries([[0, 1], [8, 9]], users=[0, 1])),
    ):
        s = vectors[rows[moment, :2]] @ weight.T + bias
        assert np.allclose(method.score(queries), s @ z.T, atol=1e-4)
    assert method.parameters == weight.size + bias.size == 32 * 16 + 16
    assert method._items.numpy().tobytes() == of_items.tobytes()  # frozen
    assert method._users.numpy().tobytes() == vectors.tobytes()


@pytest.mark.parametrize(("loss", "least"), [("ce", 0.95), ("bce", 0.7)])
def test_it_learns_what_texts_say_and_nothing_where_they_say_nothing(
    loss, least, tastes, make_run, make_queries, encoder
):
    assert found(fitted(tastes, make_run(tastes), encoder, loss=loss), tastes, make_queries) > least
    for control in ("shuffled", "random"):
        useless = fitted(tastes, make_run(tastes), encoder, loss=loss, control=control)
        assert found(useless, tastes, make_queries) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(("cutoff", "pairs"), [("earliest", 300), ("per_split", 300), ("single_train", 1300)])
def test_it_trains_on_what_texts_serve(cutoff, pairs, tastes, make_run, encoder, monkeypatch):
    from llmrec_bench_plugins.blocks import text_matching

    given, train = [], text_matching.train_text_matching
    monkeypatch.setattr(text_matching, "train_text_matching", lambda *all_of: (given.append(all_of), train(*all_of))[1])
    fitted(tastes, make_run(tastes), encoder, cutoff, epochs=1)
    [(_, _, _, users, items, *_)] = given
    assert len(users) == len(items) == pairs
    last = [(user, int(tastes.sequences[user][-1])) for user in range(NEW, NEW + USERS)]
    whole = [(user, int(item)) for user in range(NEW + USERS) for item in tastes.sequences[user]]
    assert list(zip(users.tolist(), items.tolist(), strict=True)) == (whole if cutoff == "single_train" else last)


def test_candidates_score_as_in_the_whole_catalogue(tastes, make_run, make_queries, encoder):
    method = fitted(tastes, make_run(tastes), encoder, epochs=1)
    histories, candidates = [[0], [8], [16]], [[3, 0, 39], [5, 5, -1], [39, 1, 20]]
    full = method.score(make_queries(histories))
    scores = method.score(make_queries(histories, candidates))
    assert scores[0].tolist() == full[0, [3, 0, 39]].tolist()
    assert scores[1, :2].tolist() == full[1, [5, 5]].tolist()
    assert scores[2].tolist() == full[2, [39, 1, 20]].tolist()


def test_users_without_a_text_get_no_scores(make_training, make_run, make_queries, encoder):
    train = make_training([[0, 1, 2], [3], []], n_items=5, targets=[3, 4, 0])
    earliest = fitted(train, make_run(train), encoder, "earliest")
    scores = earliest.score(make_queries([[0, 1, 2], [3], [0]]))
    assert np.isnan(scores).all(axis=1).tolist() == [False, True, True]
    assert np.isnan(earliest.score(make_queries([[3]], [[1, 0]], users=[1]))).all()
    apart = fitted(train, make_run(train), encoder, "per_split")
    validation, test = make_queries([[0, 1, 2], [3], []]), make_queries([[0, 1, 2, 3], [3, 4], [0]])
    assert np.isnan(apart.score(validation)).all(axis=1).tolist() == [False, False, True]
    assert not np.isnan(apart.score(test)).any()


def test_users_of_one_and_the_same_text_have_a_text(make_training, make_run, make_queries, encoder):
    train = make_training([[0, 1], [0, 2]], n_items=3)
    scores = fitted(train, make_run(train), encoder, "earliest").score(make_queries([[0, 1], [0, 2]]))
    assert np.isfinite(scores).all()
    assert scores[0].tolist() == scores[1].tolist()


@pytest.mark.parametrize("control", ["none", "shuffled", "random"])
def test_the_seed_decides_everything(control, tastes, make_run, make_queries, encoder):
    queries = asked(tastes, make_queries)

    def scores(seed):
        run = make_run(tastes, seed=seed)
        return fitted(tastes, run, encoder, loss="bce", control=control, epochs=2).score(queries)

    first = scores(1)
    assert scores(1).tobytes() == first.tobytes()
    assert scores(2).tobytes() != first.tobytes()


def test_it_stops_and_keeps_the_best(tastes, make_run, make_queries, encoder):
    lines = []
    values = iter([0.1, 0.4, 0.3, 0.2, 0.1])
    run = make_run(tastes, log=lines.append)
    watched = type(run)(**vars(run) | {"validate": lambda score, metric: next(values)})
    kept = fitted(tastes, watched, encoder, patience=2)
    assert lines[-1] == "kept epoch 2 of 4"
    assert [line.split(",")[1] for line in lines[:-1]] == [f" validation 0.{n}000" for n in (1, 4, 3, 2)]
    queries = asked(tastes, make_queries)
    two = fitted(tastes, make_run(tastes), encoder, epochs=2)
    assert kept.score(queries).tobytes() == two.score(queries).tobytes()


def test_a_loss_that_runs_away_is_one_line(tastes, make_run, encoder):
    with pytest.raises(BenchError, match=r"^slim-matching: the loss became .*; try a smaller `learning_rate`$"):
        fitted(tastes, make_run(tastes), encoder, learning_rate=1e30)


def test_nothing_to_learn_from_is_one_line(make_training, make_run, encoder):
    train = make_training([[0], [1]], n_items=3, targets=[1, 2])
    with pytest.raises(BenchError, match=r"^slim-matching: no user has a text and a training item to learn from$"):
        fitted(train, make_run(train), encoder)


def test_users_and_items_need_one_encoder():
    def config(users, items):
        SLIMMatching.Config(
            user_text=UserTextEmbeddings(texts=HistoryTitles(), encoder=users), item_text=TextEmbeddings(encoder=items)
        )

    config(MiniLM(), MiniLM())
    for users, items in ((MiniLM(), Pretrained()), (TfIdf(), TfIdf()), (Pretrained(), Pretrained(pooling="mean"))):
        with pytest.raises(pydantic.ValidationError, match=f"users \\({users.kind}\\) and items \\({items.kind}\\)"):
            config(users, items)
