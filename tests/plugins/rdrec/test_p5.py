"""P5 as a method: it learns, asks as told, ranks the same however it is asked, and explains."""

import numpy as np
import pandas as pd
import pydantic
import pytest
import torch

from llmrec_bench import PAD, BenchError
from llmrec_bench_plugins.rdrec.p5 import P5

TINY = {"kind": "from-scratch", "width": 16, "layers": 1, "heads": 2, "feed_forward": 16}
ONCE = {"sequential": 1, "sequential_choice": 1, "sequential_yes_no": 1, "top_n": 1, "top_n_yes_no": 1}
SMALL = {"trunk": TINY, "epochs": 2, "batch_size": 16, "negatives": 3, "beams": 10, "ratio": ONCE}
ALONE = {"sequential_choice": 0, "sequential_yes_no": 0, "top_n": 0, "top_n_yes_no": 0}


def fitted(train, run, **config):
    method = P5(P5.Config(**SMALL | config))
    method.fit(train, run)
    return method


def asked_as(method, **config):
    """The fitted method with other options of asking."""
    method.config = P5.Config(**method.config.model_dump() | config)
    return method


def read(method, queries, task="sequential") -> list[str]:
    """What the encoder is given, as text."""
    tokens = method.asked(queries, task).tokens
    return method._writer.ids.tokenizer.batch_decode(tokens, skip_special_tokens=True)


@pytest.fixture(scope="module")
def rows():
    """Every sequence walks 0, 1, ..., 9, 0, ... from its own start."""
    return [[(start + step) % 10 for step in range(length)] for start in range(10) for length in (3, 5, 9)]


@pytest.fixture
def cycle(make_training, rows):
    return make_training(rows, n_items=10, targets=[(row[-1] + 1) % 10 for row in rows])


@pytest.mark.parametrize("wording", ["seen", "held_out"])
def test_it_learns_to_walk_a_cycle(cycle, rows, make_queries, make_run, wording):
    """The next item leads in at least 12 of 30 lists, where chance has 3, in a wording that it never saw too."""
    trunk = {**TINY, "width": 64, "heads": 4, "feed_forward": 64, "dropout": 0.0}
    options = {"trunk": trunk, "epochs": 12, "patience": None, "ratio": {**ALONE, "sequential": 10}, "write_seen": True}
    method = fitted(cycle, make_run(cycle), **options, asked_with=wording)
    best = method.score(make_queries(rows)).argmax(axis=1)
    assert np.sum(best == [(row[-1] + 1) % 10 for row in rows]) >= 12


def test_queries_are_asked_in_the_wording_of_the_option(cycle, make_queries, make_run):
    method = fitted(cycle, make_run(cycle), epochs=1, history_length=2)
    queries = make_queries([[3, 4, 5], [8]], [[1, 2, PAD], [7, 7, PAD]], users=[0, 14])
    assert read(method, queries) == [
        "Here is the list of what user_1 has bought: 5 , 6, try to recommend the next item to the user",
        "Here is the list of what user_15 has bought: 9, try to recommend the next item to the user",
    ]
    assert read(asked_as(method, asked_with="held_out"), queries)[1] == (
        "According to the purchases of user_15: 9, can you recommend the next possible item to the user?"
    )
    one, other = read(method, queries, "top_n")
    assert one in (
        "We want to recommend something to user_1. Select the best item from the following: 2 , 3",
        "We want to recommend something to user_1. Select the best item from the following: 3 , 2",
    )
    assert other == "We want to recommend something to user_15. Select the best item from the following: 8"
    asked_as(method, asked_with="seen")
    assert read(method, queries, "top_n")[1] == "Which of the following items should be recommended to user_15? 8"


def test_every_word_has_an_index_and_none_is_added_where_not_asked_for(cycle, make_queries, make_run):
    method = fitted(cycle, make_run(cycle), epochs=1)
    queries = make_queries([[3, 4]], users=[14])
    [words] = method.asked(queries, "sequential").words.tolist()
    pieces = method._writer.ids.tokenizer.convert_ids_to_tokens(method.asked(queries, "sequential").tokens[0].tolist())
    # Six words before user_15, five after it as far as `5,`, nine more, and the end.
    assert max(words) == 6 + 1 + 5 + 9
    assert words[-1] == 0
    assert [piece for piece, word in zip(pieces, words, strict=True) if word == 7] == ["▁user", "_", "15"]
    with_words = method.score(queries)
    without = asked_as(method, whole_words_when_asked=False)
    assert without.asked(queries, "sequential").words is None
    assert not np.allclose(without.score(queries), with_words, equal_nan=True)


def test_all_rankings_agree_on_the_items_they_score(cycle, make_queries, make_run):
    queries = make_queries([[3, 4, 5], [8, 9], [], [0]])
    options = {"epochs": 20, "patience": None, "learning_rate": 0.01, "ratio": {**ALONE, "sequential": 1}}
    method = fitted(cycle, make_run(cycle), **options, write_seen=True)
    trie = method.score(queries)
    exact = asked_as(method, ranking="likelihood").score(queries)
    assert np.isnan(trie[2]).all()
    assert np.isfinite(np.delete(exact, 2, axis=0)).all()
    assert np.allclose(trie, exact, atol=1e-5, equal_nan=True)
    for repeated in ("best", "last"):
        free = asked_as(method, ranking="free", repeated_item=repeated).score(queries)
        kept = np.isfinite(free)
        assert kept.any()
        assert np.all(free[kept] <= exact[kept] + 1e-5)
    assert any(remark.startswith("30 texts written for 3 queries: ") for remark in method.remarks)


@pytest.mark.parametrize("wording", ["seen", "held_out"])
def test_neither_the_order_of_candidates_nor_the_block_counts(cycle, make_queries, make_run, wording):
    method = fitted(cycle, make_run(cycle), candidates_prompt="top_n", ask_at_once=2, asked_with=wording)
    rng = np.random.default_rng(0)
    histories = [[1, 2], [7], [0, 5, 6, 9, 3], []]
    candidates = np.array([rng.permutation(10)[:5] for _ in histories], dtype=np.int32)
    scores = method.score(make_queries(histories, candidates))
    assert np.isfinite(scores[3]).all()  # a list needs no history
    order, columns = rng.permutation(4), rng.permutation(5)
    turned = make_queries([histories[row] for row in order], candidates[order][:, columns], users=order)
    assert np.allclose(method.score(turned), scores[order][:, columns], atol=1e-5, equal_nan=True)


def test_an_epoch_is_as_long_as_its_ratio_says(cycle, make_run, monkeypatch):
    """30 users, each with a history: 2 + 1 + 0 + 3 + 1 passes over them are 210 examples, 14 batches of 16 an epoch."""
    batches = []
    whole = P5._batch
    monkeypatch.setattr(P5, "_batch", lambda self, examples: batches.append(list(examples)) or whole(self, examples))
    ratio = {"sequential": 2, "sequential_choice": 1, "sequential_yes_no": 0, "top_n": 3, "top_n_yes_no": 1}
    fitted(cycle, make_run(cycle), epochs=2, patience=None, ratio=ratio)
    assert [len(batch) for batch in batches] == [*[16] * 13, 2] * 2
    for epoch in (batches[:14], batches[14:]):
        drawn = [example.prompt for batch in epoch for example in batch]
        assert {name: drawn.count(name) for name in set(drawn)} == {name: 30 * n for name, n in ratio.items() if n}
    assert len({example.prompt for example in batches[0]}) > 1


def test_a_wording_held_out_is_not_taught(cycle, make_run, monkeypatch):
    sources = []
    whole = P5._batch
    monkeypatch.setattr(
        P5, "_batch", lambda self, some: sources.extend(example.source for example in some) or whole(self, some)
    )
    fitted(cycle, make_run(cycle))
    assert not [text for text in sources if text.startswith(("According to the purchases", "We want to recommend"))]
    assert [text for text in sources if text.startswith("Here is the list of what")]


REVIEWS = pd.DataFrame(
    {
        "user": np.array([0, 1, 2, 3], dtype=np.int32),
        "item": np.array([0, 1, 2, 3], dtype=np.int32),
        "text": ["it is good and strong"] * 4,
        "feature": [""] * 4,
    }
)


def test_it_explains_where_there_are_reviews(cycle, make_run):
    data = type(cycle)(**{**vars(cycle), "reviews": REVIEWS, "validation_reviews": REVIEWS[:1]})
    lines = []
    search = {"beams": 2, "groups": 1, "shortest": 1, "longest": 8}
    options = {"ratio": {**ALONE, "sequential": 1, "explanation": 20}, "learning_rate": 0.01, "patience": None}
    method = fitted(data, make_run(data, log=lines.append), epochs=12, explanation_search=search, **options)
    pairs = np.array([0, 2], dtype=np.int32), np.array([0, 3], dtype=np.int32)
    assert method.explanation_prompts(*pairs)[1] == "Generate an explanation for user_3 about this product: item_4"
    assert method.explain(*pairs) == ["it is good and strong"] * 2
    by_itself = fitted(data, make_run(data, log=lines.append))
    assert "explanation: learned from 4 reviews" in lines
    assert len(by_itself.explain(*pairs)) == 2
    without = fitted(cycle, make_run(cycle, log=lines.append))
    assert "explanation: no reviews to learn" in lines
    assert without.explain(*pairs) is None


def test_numbers_in_order_are_remarked_on(make_training, make_run):
    """Users walk by number through 60 items, and the same with the numbers shuffled."""
    walks = [list(range(start, start + 5)) for start in range(0, 50, 5)]
    shuffled = np.random.default_rng(0).permutation(60)[np.array(walks)].tolist()
    for rows, remarks in ((walks, 1), (shuffled, 0)):
        train = make_training(rows, 60, targets=[0, 1])
        method = fitted(train, make_run(train), epochs=1)
        assert len(method.remarks) == remarks
        assert all("100.0% of 40 training steps go to the next number" in remark for remark in method.remarks)


def test_too_many_words_for_the_table_are_refused_and_a_cut_prompt_is_not(cycle, make_queries, make_run):
    with pytest.raises(BenchError, match=r"^a prompt shows \d+ words, and `whole_words: 20` has vectors for 19; "):
        fitted(cycle, make_run(cycle), whole_words=20)
    method = fitted(cycle, make_run(cycle), whole_words=20, longest_prompt=20)
    assert method.asked(make_queries([[1, 2]]), "sequential").tokens.shape == (1, 20)


def test_a_tokenizer_cut_as_t5s_is_taken(t5_folder, t5_like, cycle, make_queries, make_run):
    """Its words for prompts are letters, which changes nothing: numbers and users are what it tells apart."""
    trunk = {"kind": "pretrained", "model": str(t5_folder(tokenizer=t5_like))}
    method = fitted(cycle, make_run(cycle), trunk=trunk, learning_rate=1e-3)
    assert np.isfinite(method.score(make_queries([[3, 4]]))).any()
    assert method.asked(make_queries([[3, 4]]), "sequential").words.max() == 21


def test_the_same_seed_gives_the_same_bytes_and_leaves_the_generator(cycle, make_queries, make_run):
    queries = make_queries([[3, 4], [8]])
    torch.manual_seed(99)
    before = torch.get_rng_state()
    first = fitted(cycle, make_run(cycle, seed=0)).score(queries)
    assert torch.equal(torch.get_rng_state(), before)
    assert fitted(cycle, make_run(cycle, seed=0)).score(queries).tobytes() == first.tobytes()
    assert not np.allclose(fitted(cycle, make_run(cycle, seed=1)).score(queries), first, equal_nan=True)


def test_data_that_lack_something_are_refused_in_a_line(make_training, make_run):
    lone = make_training([[0], [1]], n_items=2, targets=[1])
    with pytest.raises(BenchError, match=r"^p5: no user has enough training items for the task sequential$"):
        fitted(lone, make_run(lone))
    lists = {**ONCE, "sequential": 0, "sequential_choice": 0, "sequential_yes_no": 0}
    fitted(lone, make_run(lone), ratio=lists, candidates_prompt="top_n")
    with pytest.raises(BenchError, match=r"^p5: the task explanation learns from reviews, and .* have none"):
        fitted(lone, make_run(lone), ratio={**lists, "explanation": 1}, candidates_prompt="top_n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": {**ALONE, "sequential": 0, "explanation": 0}}, "all tasks have the share 0"),
        ({"ratio": {"top_n": 0}, "candidates_prompt": "top_n"}, "whose share in `ratio` is 0"),
        ({"epoch_by": "explanation"}, "`epoch_by: explanation`: with `batching: pooled` an epoch is as `ratio` says"),
        ({"asked_with": "2-13"}, "'seen' or 'held_out'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        P5.Config(**options)


def test_the_released_options_are_those_of_its_code():
    config = P5.Config(**P5.settings["released"])
    ratio = config.ratio
    assert ratio.sequential + ratio.sequential_choice + ratio.sequential_yes_no == 20
    assert ratio.top_n + ratio.top_n_yes_no == 15
    assert (config.warmup_share, config.clip_norm, config.mean_loss_over, config.epochs) == (0.05, 1.0, "texts", 10)
    assert (config.prompt_vectors, config.weight_decay, config.batching) == (0, 0.01, "pooled")
