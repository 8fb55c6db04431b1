"""Diverse beam search against transformers' beam search, a slow search written out in full, and all texts there are."""

import itertools

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from transformers.modeling_outputs import BaseModelOutput

from llmrec_bench_plugins.blocks.prompted_t5 import Encoded, PromptedT5
from llmrec_bench_plugins.blocks.small_t5 import small_t5
from llmrec_bench_plugins.blocks.text_search import TextSearch, best_texts

END, PAD = 1, 0
ROUNDING = 1e-4
VOCABULARY = 12


def random_model(seed: int, vocabulary: int = VOCABULARY) -> tuple[PromptedT5, Encoded]:
    """Weights far from zero, so that likely texts differ from row to row, and what two texts came to."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PromptedT5(small_t5(vocabulary, 8, 1, 2, 16, 0.0), 1, 1, 4).eval()
        for weight in model.t5.parameters():
            weight.data.mul_(3)
        states = torch.randn(2, 3, 8) * 3
    return model, Encoded(states, torch.tensor([[1, 1, 1], [1, 1, 0]]))


def nothing(vocabulary: int = VOCABULARY) -> torch.Tensor:
    return torch.zeros(vocabulary, dtype=torch.bool)


def searched(model, encoded, search, banned=None):
    with torch.no_grad():
        return best_texts(model, encoded, search, nothing(model.t5.config.vocab_size) if banned is None else banned)


def without_pads(row: torch.Tensor) -> list[int]:
    """A text up to its end."""
    tokens = row.tolist()
    return tokens[: tokens.index(END) + 1] if END in tokens else tokens


def chances(model, encoded, row: int, text: tuple[int, ...]) -> torch.Tensor:
    """(V,): log-probabilities after a text, by a whole pass without a cache."""
    with torch.no_grad():
        logits = model.t5(
            encoder_outputs=(encoded.states[row : row + 1],),
            attention_mask=encoded.mask[row : row + 1],
            decoder_input_ids=torch.tensor([[PAD, *text]]),
        ).logits
    return logits[0, -1].log_softmax(-1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 3), st.integers(4, 7))
def test_one_group_is_transformers_own_beam_search(seed, beams, shortest, longest):
    model, encoded = random_model(seed)
    search = TextSearch(beams, 1, 0.5, shortest, longest)
    assume(all(clear for _, clear in (slowly(model, encoded, row, search) for row in range(2))))
    texts, values = searched(model, encoded, search)
    theirs = model.t5.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=encoded.states),
        attention_mask=encoded.mask,
        num_beams=beams,
        num_return_sequences=beams,
        min_new_tokens=shortest,
        max_new_tokens=longest,
        do_sample=False,
        early_stopping=True,
        length_penalty=1.0,
        output_scores=True,
        return_dict_in_generate=True,
    )
    if beams == 1:  # transformers searches greedily then, and tells no value of whole texts
        assert [without_pads(text) for text in texts[:, 0]] == [without_pads(t) for t in theirs.sequences[:, 1:]]
        return
    assert torch.allclose(values.flatten(), theirs.sequences_scores, atol=1e-4)
    expected = theirs.sequences[:, 1:].view(2, beams, -1)
    for row, beam in itertools.product(range(2), range(beams)):
        assert without_pads(texts[row, beam]) == without_pads(expected[row, beam])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_with_beams_for_all_beginnings_the_best_of_all_texts_is_found(seed):
    """Four tokens beside the pad, texts of up to three: 3 + 9 + 27 that go on, and those that end."""
    model, encoded = random_model(seed, vocabulary=5)
    banned = torch.arange(5) == PAD
    texts, values = searched(model, encoded, TextSearch(64, 1, 0.0, 0, 3), banned)
    for row in range(2):
        told: dict[tuple[int, ...], float] = {}
        for text in itertools.product(range(1, 5), repeat=3):
            whole = text[: text.index(END) + 1] if END in text else text
            total = sum(float(chances(model, encoded, row, whole[:i])[token]) for i, token in enumerate(whole))
            told[whole] = total / len(whole)
        order = sorted(told, key=lambda text: -told[text])
        assert int(values[row].isfinite().sum()) == len(told) == 1 + 3 + 9 * 4
        assert tuple(without_pads(texts[row, 0])) == order[0]
        assert values[row, : len(told)].tolist() == pytest.approx([told[text] for text in order], abs=1e-4)


def slowly(model, encoded, row: int, search: TextSearch) -> tuple[list[tuple[float, tuple[int, ...]]], bool]:
    """Every text a group ends with, one Python step after another, and whether rounding could have chosen none of them:
    where what is kept and what is not are all but equally likely, no order of the two is right."""
    width, clear = search.beams // search.groups, True

    def best(pairs: list[tuple[float, tuple[int, ...]]]) -> list[tuple[float, tuple[int, ...]]]:
        nonlocal clear
        order = sorted(pairs, key=lambda pair: -pair[0])
        clear &= len(order) <= width or order[width - 1][0] - order[width][0] > ROUNDING
        return order[:width]

    running = [[(0.0, ())] for _ in range(search.groups)]
    ended: list[list[tuple[float, tuple[int, ...]]]] = [[] for _ in range(search.groups)]
    for step in range(search.longest):
        used = torch.zeros(VOCABULARY)
        for group in range(search.groups):
            if len(ended[group]) == width:
                continue
            grown = []
            for value, text in running[group]:
                gains = chances(model, encoded, row, text) - search.penalty * used
                if step < search.shortest:
                    gains[END] = -torch.inf
                grown += [(value + float(gain), (*text, token)) for token, gain in enumerate(gains)]
            grown = [pair for pair in grown if pair[0] > float("-inf")]
            last = step == search.longest - 1
            for value, text in best(grown):
                if text[-1] == END or last:
                    ended[group].append((value / (step + 1), text))
            ended[group] = best(ended[group])
            running[group] = best([pair for pair in grown if pair[1][-1] != END])
            if len(ended[group]) < width:
                for _, text in running[group]:
                    used[text[-1]] += 1
    return sorted(itertools.chain(*ended), key=lambda pair: -pair[0]), clear


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(4, 2), (6, 3), (3, 3)]), st.sampled_from([0.0, 0.7, 3.0]))
def test_groups_are_searched_as_the_slow_way_does(seed, shape, penalty):
    model, encoded = random_model(seed)
    search = TextSearch(*shape, penalty, 1, 5)
    texts, values = searched(model, encoded, search)
    for row in range(2):
        expected, clear = slowly(model, encoded, row, search)
        assume(clear)
        found = int(values[row].isfinite().sum())
        assert values[row, :found].tolist() == pytest.approx([value for value, _ in expected], abs=1e-4)
        if penalty:  # without one, groups write the same, and ties have no order
            assert {tuple(without_pads(text)) for text in texts[row, :found]} == {text for _, text in expected}


def test_groups_without_a_penalty_write_the_same_and_with_a_high_one_begin_otherwise():
    model, encoded = random_model(3)
    alone, _ = searched(model, encoded, TextSearch(2, 1, 0.0, 2, 5))
    same, _ = searched(model, encoded, TextSearch(6, 3, 0.0, 2, 5))
    for row in range(2):
        assert {tuple(text) for text in same[row].tolist()} == {tuple(text) for text in alone[row].tolist()}
    other, _ = searched(model, encoded, TextSearch(3, 3, 1000.0, 2, 5))
    for row in range(2):
        for step in range(2):  # before any may have ended
            assert len(set(other[row, :, step].tolist())) == 3


def test_banned_tokens_are_never_written_and_texts_are_as_long_as_asked():
    model, encoded = random_model(5)
    free, _ = searched(model, encoded, TextSearch(4, 2, 0.5, 3, 6))
    banned = torch.zeros(VOCABULARY, dtype=torch.bool)
    banned[[PAD, *free.unique().tolist()[2:5]]] = True
    texts, values = searched(model, encoded, TextSearch(4, 2, 0.5, 3, 6), banned)
    assert values.isfinite().all()
    for text in texts.flatten(0, 1):
        written = without_pads(text)
        assert not banned[written].any()
        assert written[:3].count(END) == 0
        assert len(written) <= 6


def test_a_row_is_searched_as_if_it_were_alone():
    model, encoded = random_model(9)
    search = TextSearch(6, 3, 0.5, 2, 6)
    together, values = searched(model, encoded, search)
    for row in range(2):
        alone, value = searched(model, encoded.take(torch.tensor([row])), search)
        assert torch.allclose(value[0], values[row], atol=1e-5)
        width = min(alone.shape[2], together.shape[2])
        assert torch.equal(alone[0, :, :width], together[row, :, :width])
