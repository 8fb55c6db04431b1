"""POD as a method: it learns, ranks the same however it is asked, and refuses what it cannot do."""

import numpy as np
import pydantic
import pytest
import torch

from llmrec_bench import PAD, BenchError
from llmrec_bench_plugins.rdrec.item_ranking import shown_order
from llmrec_bench_plugins.rdrec.pod import POD
from llmrec_bench_plugins.rdrec.templates import EXPLANATION, SEQUENTIAL, TOP_N

TINY = {"kind": "from-scratch", "width": 16, "layers": 1, "heads": 2, "feed_forward": 16}
SMALL = {"trunk": TINY, "epochs": 2, "batch_size": 16, "negatives": 3, "beams": 10}
WRITES = {"epochs": 25, "learning_rate": 0.01, "patience": None}
"""Long enough that free texts are numbers, mostly."""


def fitted(train, run, **config):
    method = POD(POD.Config(**SMALL | config))
    method.fit(train, run)
    return method


def asked_as(method, **config):
    """The fitted method with other options of ranking."""
    method.config = POD.Config(**method.config.model_dump() | config)
    return method


@pytest.fixture(scope="module")
def rows():
    """Every sequence walks 0, 1, ..., 9, 0, ... from its own start."""
    return [[(start + step) % 10 for step in range(length)] for start in range(10) for length in (3, 5, 9)]


@pytest.fixture
def cycle(make_training, rows):
    return make_training(rows, n_items=10, targets=[(row[-1] + 1) % 10 for row in rows])


def test_it_learns_to_walk_a_cycle(cycle, rows, make_queries, make_run):
    """The next item leads in at least 25 of 30 lists, where chance has 3."""
    trunk = {**TINY, "width": 64, "heads": 4, "feed_forward": 64, "dropout": 0.0}
    options = {"trunk": trunk, "epochs": 60, "patience": None, "ratio": {"top_n": 0}, "write_seen": True}
    method = fitted(cycle, make_run(cycle), **options, history_length=1)
    best = method.score(make_queries(rows)).argmax(axis=1)
    assert np.sum(best == [(row[-1] + 1) % 10 for row in rows]) >= 25


def test_all_rankings_agree_on_the_items_they_score(cycle, make_queries, make_run):
    queries = make_queries([[3, 4, 5], [8, 9], [], [0]])
    method = fitted(cycle, make_run(cycle), **WRITES, write_seen=True)
    trie = method.score(queries)
    exact = asked_as(method, ranking="likelihood").score(queries)
    assert np.isnan(trie[2]).all()
    assert np.isnan(exact[2]).all()
    assert np.isfinite(np.delete(exact, 2, axis=0)).all()
    assert np.allclose(trie, exact, atol=1e-5, equal_nan=True)
    few = asked_as(method, ranking="trie", beams=3).score(queries)
    assert np.isfinite(few).sum(axis=1).tolist() == [3, 3, 0, 3]
    kept = np.isfinite(few)
    assert np.allclose(few[kept], exact[kept], atol=1e-5)
    free = asked_as(method, ranking="free", beams=10).score(queries)
    kept = np.isfinite(free)
    assert kept.any()
    assert np.allclose(free[kept], exact[kept], atol=1e-5)
    [line] = method.remarks
    assert line.startswith("30 texts written for 3 queries: ")


def test_seen_items_are_written_only_where_asked_for(cycle, make_queries, make_run):
    method = fitted(cycle, make_run(cycle))
    scores = method.score(make_queries([[3, 4, 5]]))
    assert np.flatnonzero(np.isnan(scores[0])).tolist() == [3, 4, 5]
    assert np.isfinite(asked_as(method, write_seen=True).score(make_queries([[3, 4, 5]]))).all()


def test_free_texts_drop_seen_items_unless_these_may_be_written(cycle, make_queries, make_run):
    """The others keep their values, so that they move up; the ledger tells both."""
    queries = make_queries([[3, 4, 5], [8]])
    method = fitted(cycle, make_run(cycle), **WRITES, ranking="free", write_seen=True)
    kept = method.score(queries)
    [line] = method.remarks
    assert np.isfinite(kept[0, [3, 4, 5]]).any()
    dropped = asked_as(method, write_seen=False).score(queries)
    assert list(method.remarks) == [line]
    assert np.isnan(dropped[0, [3, 4, 5]]).all()
    assert np.isnan(dropped[1, 8])
    others = np.ones(kept.shape, dtype=bool)
    others[0, [3, 4, 5]] = others[1, 8] = False
    assert np.array_equal(dropped[others], kept[others], equal_nan=True)


def test_returned_beams_are_the_likeliest(cycle, make_queries, make_run):
    """Of ten beams the best four count, in a tree and freely."""
    queries = make_queries([[3, 4], [8]])
    method = fitted(cycle, make_run(cycle), **WRITES, write_seen=True)
    for ranking in ("trie", "free"):
        every = asked_as(method, ranking=ranking, return_beams=None).score(queries)
        some = asked_as(method, ranking=ranking, return_beams=4).score(queries)
        for row in range(2):
            best = np.flatnonzero(np.isfinite(some[row]))
            assert 0 < len(best) <= 4
            assert np.array_equal(some[row, best], every[row, best])
            assert np.nanmin(some[row]) >= np.nanmax(np.where(np.isnan(some[row]), every[row], -np.inf))
        assert ranking == "free" or np.isfinite(some).sum(axis=1).tolist() == [4, 4]


@pytest.mark.parametrize("ranking", ["trie", "likelihood", "free"])
@pytest.mark.parametrize("prompt", ["sequential", "top_n"])
def test_neither_the_order_of_candidates_nor_the_block_counts(cycle, make_queries, make_run, ranking, prompt):
    options = WRITES if ranking == "free" else {}
    method = fitted(cycle, make_run(cycle), **options, ranking=ranking, candidates_prompt=prompt, ask_at_once=2)
    rng = np.random.default_rng(0)
    histories = [[1, 2], [7], [0, 5, 6, 9, 3], [4]]
    candidates = np.array([rng.permutation(10)[:5] for _ in histories], dtype=np.int32)
    candidates[3, 3:] = PAD
    queries = make_queries(histories, candidates)
    scores = method.score(queries)
    assert np.isfinite(scores).any()
    order = rng.permutation(3)
    columns = [2, 0, 1]
    turned = make_queries([histories[row] for row in order], candidates[order][:, [*columns, 3, 4]], users=order)
    assert np.allclose(method.score(turned)[:, :3], scores[order][:, columns], atol=1e-5, equal_nan=True)
    alone = np.concatenate([method.score(queries.take(np.array([row]))) for row in range(4)])
    real = candidates != PAD
    assert np.allclose(alone[real], scores[real], atol=1e-5, equal_nan=True)


def test_a_candidate_that_stands_twice_scores_twice(cycle, make_queries, make_run):
    for prompt in ("sequential", "top_n"):
        method = fitted(cycle, make_run(cycle), candidates_prompt=prompt)
        twice, once = (method.score(make_queries([[1, 2]], [columns]))[0] for columns in ([5, 7, 5, 0], [5, 7, 0, PAD]))
        assert twice[0] == twice[2]
        assert np.allclose(twice[[0, 1, 3]], once[:3], atol=1e-6)


def test_the_shown_order_follows_from_the_set():
    candidates = np.array([4, 9, 2, PAD, 9], dtype=np.int32)
    order = shown_order(candidates, user=3, seed=1)
    assert sorted(order) == [2, 4, 9]
    assert shown_order(candidates[::-1], user=3, seed=1) == order
    twenty = np.arange(20, dtype=np.int32)
    orders = [tuple(shown_order(twenty, user, seed)) for user, seed in ((3, 1), (4, 1), (3, 2))]
    assert len(set(orders)) == 3
    firsts = np.bincount([shown_order(twenty, user, 0).index(7) for user in range(2000)], minlength=20)
    assert firsts.min() > 60  # 100 each


@pytest.mark.parametrize("batching", ["alternating", "mixed"])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(cycle, make_queries, make_run, batching):
    queries = make_queries([[3, 4], [8]])
    torch.manual_seed(99)
    before = torch.get_rng_state()
    first = fitted(cycle, make_run(cycle, seed=0), batching=batching).score(queries)
    assert torch.equal(torch.get_rng_state(), before)
    assert fitted(cycle, make_run(cycle, seed=0), batching=batching).score(queries).tobytes() == first.tobytes()
    other = fitted(cycle, make_run(cycle, seed=1), batching=batching).score(queries)
    assert not np.allclose(other, first, equal_nan=True)


def test_numbers_follow_codes_not_tokens(cycle, make_queries, make_run):
    """What the data set calls its items plays no part."""
    renamed = type(cycle)(**{**vars(cycle), "items": cycle.items.assign(token=[f"x{code}" for code in range(10)])})
    queries = make_queries([[3, 4]])
    assert fitted(renamed, make_run(renamed)).score(queries).tobytes() == (
        fitted(cycle, make_run(cycle)).score(queries).tobytes()
    )


def test_users_with_too_few_items_are_left_out_and_counted(make_training, make_queries, make_run):
    train = make_training([[0, 1, 2], [3], [], [4, 5]], n_items=6, targets=[3])
    lines = []
    fitted(train, make_run(train, log=lines.append))
    assert lines[:3] == [
        "explanation: no reviews to learn",
        "sequential: 2 of 4 users have too few training items and are left out",
        "top_n: 1 of 4 users have too few training items and are left out",
    ]
    assert lines[3].startswith("epoch 1: loss ")
    assert ", validation -" in lines[3]
    lone = make_training([[0], [1]], n_items=2, targets=[1])
    with pytest.raises(BenchError, match=r"^pod: no user has enough training items for the task sequential$"):
        fitted(lone, make_run(lone))
    fitted(lone, make_run(lone), ratio={"sequential": 0}, candidates_prompt="top_n")


def test_the_best_epoch_is_kept_and_patience_counts_as_asked(cycle, make_run, monkeypatch):
    """Losses 3, 4, 2, 5, 6: two worse in a row stop after five epochs, two in all after four."""
    for counts, epochs in (("consecutive", 5), ("total", 4)):
        losses = iter([3.0, 4.0, 2.0, 5.0, 6.0])
        monkeypatch.setattr(
            "llmrec_bench_plugins.blocks.text_to_text_training.whole_loss",
            lambda model, batches, mean_over, losses=losses: next(losses),
        )
        lines = []
        options = {"epochs": 9, "patience": 2, "patience_counts": counts, "ratio": {"top_n": 0}}
        fitted(cycle, make_run(cycle, log=lines.append), **options)
        assert lines[-1] == f"kept epoch 3 of {epochs}"


def test_padding_counts_where_it_is_trained_on(make_training, make_run):
    train = make_training([[0, 1, 2], [8, 9, 119]], n_items=120, targets=[119, 3])
    batches = {}
    for counted in (False, True):
        method = fitted(train, make_run(train), train_on_padding=counted, epochs=1)
        [(_, batches[counted])] = method._batches(method.tasks(train, make_run(train))[1].validation())()
    # The numbers 120 and 4: two tokens and one, each with an end token.
    assert (batches[False][1, 2], batches[True][1, 2]) == (-100, 0)
    assert torch.equal(batches[False][0], batches[True][0])


def test_no_validation_queries_is_refused_unless_patience_is_null(make_training, make_run):
    train = make_training([[0, 1, 2]], n_items=3)
    with pytest.raises(BenchError, match=r"^pod: early stopping needs validation queries.*`patience: null`"):
        fitted(train, make_run(train))
    fitted(train, make_run(train), patience=None)


def test_validation_without_histories_is_refused_where_histories_are_asked_for(make_training, make_run):
    train = make_training([[], [0, 1, 2]], n_items=3, targets=[1])
    with pytest.raises(BenchError, match=r"^pod: no validation query has a history .*`patience: null`"):
        fitted(train, make_run(train), ratio={"top_n": 0})
    fitted(train, make_run(train))  # top_n needs none


def test_a_runaway_loss_is_named(cycle, make_run):
    with pytest.raises(BenchError, match=r"^pod: the loss became .* in epoch .*, step .*learning_rate"):
        fitted(cycle, make_run(cycle), learning_rate=1e38)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_an_absent_device_is_refused(cycle, make_run):
    with pytest.raises(BenchError, match=r"^pod: device 'cuda' asked for"):
        fitted(cycle, make_run(cycle, device="cuda"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": {"sequential": 0, "top_n": 0}}, "all tasks have the share 0"),
        ({"ratio": {"sequential": 0}}, "`candidates_prompt: sequential` asks for the task sequential"),
        ({"ratio": {"top_n": 0}, "candidates_prompt": "top_n"}, "whose share in `ratio` is 0"),
        ({"return_beams": 21}, "`return_beams: 21` of `beams: 20`: it cannot be more"),
        ({"explanation_search": {"groups": 4}}, "beams 21 is no multiple of groups 4"),
        ({"explanation_search": {"shortest": 30}}, "shortest 30 is above longest 20"),
        ({"batching": "pooled", "epoch_by": "examples"}, "`epoch_by: examples`: with `batching: pooled`"),
        ({"trunk": {"kind": "from-scratch", "width": 30, "heads": 4}}, "width 30 is no multiple of heads 4"),
        ({"trunk": {"kind": "from-scratch", "digits": 5}}, "less than or equal to 4"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        POD.Config(**options)


def test_too_long_a_list_for_the_table_is_refused(cycle, make_queries, make_run):
    method = fitted(cycle, make_run(cycle), whole_words=8, candidates_prompt="top_n", history_length=3)
    with pytest.raises(BenchError, match="a prompt shows 11 ids"):
        method.score(make_queries([[1]], [list(range(10))]))


def test_the_whole_catalogue_cannot_be_asked_for_as_a_list_alone(cycle, make_queries, make_run):
    method = fitted(cycle, make_run(cycle), ratio={"sequential": 0}, candidates_prompt="top_n")
    with pytest.raises(BenchError, match=r"^pod: the whole catalogue is asked for as sequential, .* sampled"):
        method.score(make_queries([[1]]))


def test_the_wordings_are_part_of_the_identity():
    identity = POD.Config().identity()
    assert identity["prompt_hashes"] == [wording.file.hash for wording in (EXPLANATION, SEQUENTIAL, TOP_N)]
    assert "ask_at_once" not in identity


def test_a_checkpoint_goes_on_from_its_weights(t5_folder, cycle, make_queries, make_run):
    folder = t5_folder()
    options = {"trunk": {"kind": "pretrained", "model": str(folder)}, "learning_rate": 1e-3}
    method = fitted(cycle, make_run(cycle), **options)
    assert np.isfinite(method.score(make_queries([[3, 4]]))).any()
    identity = method.config.identity()["trunk"]
    assert identity["model"].startswith("sha256:")
    (folder / "generation_config.json").write_text("{}")
    assert POD.Config(**options).identity()["trunk"] != identity


def test_checkpoints_that_do_not_fit_are_refused_in_one_line(t5_folder, tmp_path, cycle, make_run, make_encoder):
    def refused(model) -> str:
        with pytest.raises(BenchError) as raised:
            fitted(cycle, make_run(cycle), trunk={"kind": "pretrained", "model": str(model)})
        assert "\n" not in str(raised.value)
        return str(raised.value)

    assert "vectors for 5; weights and tokenizer of one checkpoint belong together" in refused(t5_folder(5))
    bert = make_encoder(["user", "item"])
    assert "a model of type bert; a T5 is needed" in refused(bert)
    assert "no such model folder" in refused(tmp_path / "none" / "there")
    assert "download the model first, or give the folder it is in" in refused("nobody/t5-small")
