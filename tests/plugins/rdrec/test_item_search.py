"""Search and likelihood against the model's own loss, text by text."""

import numpy as np
import pytest
import torch

from llmrec_bench_plugins.blocks.item_search import best_items, log_likelihoods
from llmrec_bench_plugins.blocks.item_trie import item_trie
from llmrec_bench_plugins.blocks.prompted_t5 import TextBatch

TEXTS = ["user_1 item_2 item_30", "user_2 item_7"]
NUMBERS = [str(n) for n in (*range(1, 9), 32, 321, 322, 1005, 100)]


def padded(rows):
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[-1] * (longest - len(row))] for row in rows])


@pytest.fixture(scope="module")
def by_hand(ids, model):
    """(2, 13): the log-probability of each number, one at a time, as minus the summed loss of a plain call."""
    sums = np.empty((len(TEXTS), len(NUMBERS)))
    for row, text in enumerate(TEXTS):
        parts = [torch.from_numpy(part) for part in ids.encode([text])]
        for column, target in enumerate(ids.targets(NUMBERS)):
            with torch.no_grad():
                embeddings, mask = model.inputs(TextBatch(*parts, torch.tensor([1])))
                start = [0, *target[:-1]]
                logits = model.t5(
                    inputs_embeds=embeddings, attention_mask=mask, decoder_input_ids=torch.tensor([start])
                ).logits[0]
            chances = logits.double().softmax(dim=-1)
            sums[row, column] = sum(np.log(float(chances[place, token])) for place, token in enumerate(target))
    return sums


def test_prompt_rows_get_no_whole_word_vector(ids, model):
    parts = [torch.from_numpy(part) for part in ids.encode(TEXTS)]
    embeddings, mask = model.inputs(TextBatch(*parts, torch.tensor([0, 1])))
    assert torch.equal(embeddings[:, :2], model.prompts)
    assert mask[:, :2].eq(1).all()
    assert torch.equal(mask[:, 2:], parts[2])
    expected = model.t5.shared.weight[parts[0]] + model.whole_words.weight[parts[1]]
    assert torch.equal(embeddings[:, 2:], expected)
    assert model.prompts.abs().max() <= 0.1


def test_the_loss_is_the_mean_over_the_tokens_that_count(ids, model, by_hand):
    parts = [torch.from_numpy(part) for part in ids.encode(TEXTS)]
    targets = ids.targets(["321", "5"])
    labels = padded(targets).where(padded(targets) >= 0, -100)
    loss = float(model.loss(TextBatch(*parts, torch.tensor([1, 1])), labels).detach())
    total = by_hand[0, NUMBERS.index("321")] + by_hand[1, NUMBERS.index("5")]
    assert loss == pytest.approx(-total / sum(map(len, targets)), rel=1e-5)


def test_likelihoods_are_sums_of_log_probabilities(ids, model, encode, by_hand, monkeypatch):
    monkeypatch.setattr("llmrec_bench_plugins.blocks.item_search._ROWS", 5)  # in several blocks
    targets = padded(ids.targets(NUMBERS)).expand(2, -1, -1)
    with torch.no_grad():
        found = log_likelihoods(model, encode(TEXTS), targets)
    assert np.allclose(found, by_hand, atol=1e-5)


@pytest.mark.parametrize("beams", [13, 20])
def test_search_with_a_beam_for_every_item_is_exact(ids, model, encode, by_hand, beams):
    trie = item_trie(ids.targets(NUMBERS))
    with torch.no_grad():
        items, scores = best_items(model, encode(TEXTS), trie, beams)
    assert items[:, 13:].eq(-1).all()
    assert scores[:, 13:].isinf().all()
    for row in range(2):
        order = np.argsort(-by_hand[row])
        assert items[row, :13].tolist() == order.tolist()
        assert np.allclose(scores[row, :13], by_hand[row, order], atol=1e-5)


def test_search_keeps_to_what_is_allowed(ids, model, encode, by_hand):
    """Items 1, 9 and 10 for the first query, nothing but item 12 for the second."""
    trie = item_trie(ids.targets(NUMBERS))
    marked = torch.zeros(2, 13, dtype=torch.bool)
    marked[0, [1, 9, 10]] = marked[1, 12] = True
    with torch.no_grad():
        items, scores = best_items(model, encode(TEXTS), trie, 4, trie.allowed(marked))
    assert sorted(items[0].tolist()) == [-1, 1, 9, 10]
    assert items[1].tolist() == [12, -1, -1, -1]
    assert np.allclose(scores[0, :3], by_hand[0, items[0, :3]], atol=1e-5)
    assert float(scores[1, 0]) == pytest.approx(by_hand[1, 12], abs=1e-5)


def test_few_beams_find_likely_items_with_their_own_log_probability(ids, model, encode, by_hand):
    trie = item_trie(ids.targets(NUMBERS))
    with torch.no_grad():
        items, scores = best_items(model, encode(TEXTS), trie, 3)
    assert items.ge(0).all()
    assert np.allclose(scores, np.take_along_axis(by_hand, items.numpy(), axis=1), atol=1e-5)


def test_a_trie_by_hand():
    """Texts 5 1, 6 5 1 and 6 7 1: the root has 5 and 6; 6 has 5 and 7."""
    trie = item_trie([[5, 1], [6, 5, 1], [6, 7, 1]])
    assert trie.tokens.tolist() == [-1, 5, 6, 1, 5, 7, 1, 1]
    assert trie.first.tolist()[:3] == [1, 3, 4]
    assert trie.count.tolist() == [2, 1, 2, 0, 1, 1, 0, 0]
    assert trie.items.tolist() == [-1, -1, -1, 0, -1, -1, 1, 2]
    assert trie.paths.tolist() == [[1, 3, 0], [2, 4, 6], [2, 5, 7]]
    assert trie.allowed(torch.tensor([[False, True, False]])).nonzero()[:, 1].tolist() == [2, 4, 6]


@pytest.mark.parametrize("texts", [[[5, 1], [5, 1]], [[5], [5, 1]]])
def test_texts_that_cannot_be_told_apart_are_refused(texts):
    with pytest.raises(ValueError, match="items 0 and 1 cannot be told apart"):
        item_trie(texts)
