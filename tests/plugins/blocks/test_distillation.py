"""Distillation: which tokens are learned, that they are, and that nothing depends on batches or interruptions."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import BloomConfig, BloomForCausalLM, GPT2Config, GPT2LMHeadModel

from llmrec_bench_plugins.blocks import distillation
from llmrec_bench_plugins.blocks.distillation import (
    Distillation,
    DivergedError,
    Pair,
    TooLargeError,
    add_lora,
    answer_loss,
    distil,
    end_token,
    mean_answer_loss,
    paired,
)
from llmrec_bench_plugins.blocks.small_llama import small_llama

TEXTS = [f"{first} and {second}" for first in ("red", "blue", "green") for second in ("box", "ball", "kite", "drum")]
ANSWERS = [
    f"Step 1: you like {text}. Step 2:\n1. {text}" + f"\n2. {text}" * (number % 3) for number, text in enumerate(TEXTS)
]
OPTIONS = Distillation(epochs=3, batch_size=4, learning_rate=5e-3, gradient_clip=1.0)


class Successors(nn.Module):
    """The probability of a token depends on the one before it alone: a table of four tokens."""

    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        shares = torch.tensor(
            [[0.1, 0.2, 0.3, 0.4], [0.5, 0.1, 0.2, 0.2], [0.25, 0.25, 0.25, 0.25], [0.7, 0.1, 0.1, 0.1]]
        )
        self.table = nn.Parameter(shares.log())

    def forward(self, input_ids, use_cache, logits_to_keep):
        return SimpleNamespace(logits=self.table[input_ids][:, -logits_to_keep:])


def small(seed=0):
    return small_llama([*TEXTS, *ANSWERS], 300, 16, 2, 2, 128, seed, "cpu")


def pairs_for(model):
    return [paired(model, text, answer) for text, answer in zip(TEXTS, ANSWERS, strict=True)]


def weights(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def alike(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: its outcome, its weights and what it logged."""
    student, lines = small(), []
    pairs = pairs_for(student)
    outcome = distil(student.model, pairs[2:], pairs[:2], OPTIONS, 7, tmp_path_factory.mktemp("whole"), lines.append)
    return outcome, weights(student.model), lines


def test_a_pair_is_prompt_answer_and_end():
    student = small()
    pair = paired(student, "red and box", "you like red")
    assert student.text(pair.tokens[: pair.answer]) == "red and box"
    assert student.text(pair.tokens[pair.answer :]) == "you like red"
    assert pair.tokens[-1] == student.tokenizer.eos_token_id == end_token(student)
    assert pair.tokens[: pair.answer] == student.tokens([{"role": "user", "content": "red and box"}])


def test_a_chat_template_frames_the_prompt_and_padding_needs_no_token():
    student = small()
    assert student.tokenizer.pad_token_id is None
    student.tokenizer.chat_template = "{% for m in messages %}red {{ m.content }} blue{% endfor %}"
    pair = paired(student, "kite", "drum")
    assert student.text(pair.tokens[: pair.answer]) == "red kite blue"
    assert student.text(pair.tokens[pair.answer :]) == "drum"


def test_a_model_without_an_end_token_is_refused():
    student = small()
    student.tokenizer.eos_token = None
    assert end_token(student) == student.end_tokens[0]
    with pytest.raises(ValueError, match="names a token that ends a text"):
        end_token(replace(student, end_tokens=()))


def test_the_loss_is_on_answer_tokens_alone_worked_by_hand():
    # 0 3 | 0 2: P(0 after 3) = 0.7 and P(2 after 0) = 0.3; what comes after 0 in the prompt counts for nothing.
    long = Pair([0, 3, 0, 2], 2)
    assert float(answer_loss(Successors(), [long])) == pytest.approx(-math.log(0.7 * 0.3))
    # 1 | 0: P(0 after 1) = 0.5. It is padded with 0 0, of which P(0 after 0) = 0.1 would show.
    short = Pair([1, 0], 1)
    assert float(answer_loss(Successors(), [short])) == pytest.approx(-math.log(0.5))
    assert float(answer_loss(Successors(), [long, short])) == pytest.approx(-math.log(0.7 * 0.3 * 0.5))
    assert mean_answer_loss(Successors(), [long, short], 1) == pytest.approx(-math.log(0.7 * 0.3 * 0.5) / 3)


def test_the_gradient_touches_what_answers_follow_alone():
    model = Successors()
    answer_loss(model, [Pair([0, 3, 0, 2], 2), Pair([1, 0], 1)]).backward()
    assert [bool(row.any()) for row in model.table.grad] == [True, True, False, True]
    # After 3 came 0, where the model said 0.7, 0.1, 0.1, 0.1.
    assert model.table.grad[3].tolist() == pytest.approx([-0.3, 0.1, 0.1, 0.1], abs=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        lambda: small().model,
        lambda: GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=16, n_layer=2, n_head=2, n_positions=128)),
        lambda: BloomForCausalLM(BloomConfig(vocab_size=300, hidden_size=16, n_layer=2, n_head=2)),
    ],
    ids=["llama", "gpt2", "bloom"],
)
def test_padding_changes_nothing(model):
    model, pairs = model().eval(), pairs_for(small())
    with torch.no_grad():
        apart = sum(float(answer_loss(model, [pair])) for pair in pairs)
        together = float(answer_loss(model, pairs))
        plain = 0.0
        for pair in pairs:  # by the library's own loss, which takes a mean
            row = torch.tensor([pair.tokens])
            labels = torch.tensor([[-100] * pair.answer + pair.tokens[pair.answer :]])
            plain += float(model(input_ids=row, labels=labels).loss) * (len(pair.tokens) - pair.answer)
    assert len({len(pair.tokens) for pair in pairs}) > 1
    assert together == pytest.approx(apart, rel=1e-5)
    assert together == pytest.approx(plain, rel=1e-5)


def test_the_loss_falls_and_all_weights_learn(whole):
    outcome, learned, lines = whole
    assert outcome.loss_after < outcome.loss_before - 0.5
    assert outcome.best_epoch == 3
    assert outcome.tokens == 3 * sum(len(pair.tokens) for pair in pairs_for(small())[2:])
    before = weights(small().model)
    assert all(not torch.equal(learned[name], before[name]) for name in before)
    assert [line.partition(":")[0] for line in lines] == ["before training", *(f"epoch {n} of 3" for n in (1, 2, 3))]


def test_the_same_seed_learns_the_same_and_another_does_not(whole, tmp_path):
    for seed, same in ((7, True), (8, False)):
        torch.manual_seed(seed * 100)  # what others drew is not to matter
        student = small()
        pairs = pairs_for(student)
        distil(student.model, pairs[2:], pairs[:2], OPTIONS, seed, tmp_path / str(seed), print)
        assert alike(weights(student.model), whole[1]) is same


def test_what_is_dropped_out_follows_seed_and_epoch(tmp_path, monkeypatch):
    def drawn_from(seed):
        seeds = []

        def noted(model, pairs):
            if model.training:
                seeds.append(torch.initial_seed())
            return answer_loss(model, pairs)

        monkeypatch.setattr(distillation, "answer_loss", noted)
        student = small()
        pairs = pairs_for(student)
        distil(student.model, pairs, pairs, replace(OPTIONS, batch_size=20), seed, tmp_path / str(seed), print)
        return seeds

    before = torch.get_rng_state()
    assert len({*drawn_from(0), *drawn_from(1)}) == 6
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("epochs_before", [1, 2, 3])
def test_a_killed_run_goes_on_to_the_same_weights(whole, tmp_path, epochs_before):
    class Killed(Exception):
        pass

    def die(line):
        if line.startswith(f"epoch {epochs_before + 1} of"):
            raise Killed

    first, second, lines = small(), small(), []
    pairs = pairs_for(first)
    if epochs_before < 3:
        with pytest.raises(Killed):
            distil(first.model, pairs[2:], pairs[:2], OPTIONS, 7, tmp_path, die)
    else:
        distil(first.model, pairs[2:], pairs[:2], OPTIONS, 7, tmp_path, die)
    outcome = distil(second.model, pairs[2:], pairs[:2], OPTIONS, 7, tmp_path, lines.append)
    assert lines[0] == f"resumed after epoch {epochs_before}"
    assert len(lines) == 1 + 3 - epochs_before
    assert alike(weights(second.model), whole[1])
    assert replace(outcome, seconds=0) == replace(whole[0], seconds=0)


def test_what_other_pairs_left_is_not_gone_on_from(whole, tmp_path):
    other = small()
    pairs = pairs_for(other)
    distil(other.model, pairs[3:], pairs[:3], replace(OPTIONS, epochs=1), 7, tmp_path, print)
    student = small()
    distil(student.model, pairs[2:], pairs[:2], OPTIONS, 7, tmp_path, print)
    assert alike(weights(student.model), whole[1])


def test_the_best_epoch_is_kept(tmp_path, monkeypatch):
    student, seen = small(), []
    pairs = pairs_for(student)
    told = iter([3.0, 2.0, 1.0, 1.5])

    def validate(model, held_out, batch_size):
        seen.append(weights(model))
        return next(told)

    monkeypatch.setattr(distillation, "mean_answer_loss", validate)
    outcome = distil(student.model, pairs[2:], pairs[:2], OPTIONS, 7, tmp_path, print)
    assert (outcome.loss_before, outcome.loss_after, outcome.best_epoch) == (3.0, 1.0, 2)
    assert alike(weights(student.model), seen[2])
    assert not alike(weights(student.model), seen[3])


def test_no_epoch_better_than_none_leaves_the_model_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(distillation, "mean_answer_loss", lambda model, held_out, batch_size: 1.0)
    student = small()
    before, pairs = weights(student.model), pairs_for(student)
    assert distil(student.model, pairs[2:], pairs[:2], OPTIONS, 7, tmp_path, print).best_epoch == 0
    assert alike(weights(student.model), before)


def test_accumulated_batches_step_as_one_batch_would(tmp_path, monkeypatch):
    """The mean is over the tokens of the whole step, so rows of other lengths weigh the same either way."""
    student, cut = small(), small()
    pairs = pairs_for(student)[:4]
    monkeypatch.setattr(
        distillation, "batches_of_like_length", lambda lengths, ones, size, rng: torch.arange(4).split(size)
    )
    one = replace(OPTIONS, epochs=1)
    distil(student.model, pairs, pairs, one, 7, tmp_path / "one", print)
    distil(cut.model, pairs, pairs, replace(one, batch_size=1, accumulation=4), 7, tmp_path / "four", print)
    apart = weights(cut.model)
    for name, weight in weights(student.model).items():
        assert torch.allclose(weight, apart[name], atol=2e-4), name


def test_the_learning_rate_decays_by_epoch(tmp_path, monkeypatch):
    rates = []
    step = torch.optim.AdamW.step

    def noted(self, *given):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *given)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    student = small()
    pairs = pairs_for(student)
    distil(student.model, pairs, pairs, replace(OPTIONS, batch_size=20, decay=0.5), 7, tmp_path, print)
    assert rates == [5e-3, 2.5e-3, 1.25e-3]


def test_lora_starts_as_the_base_and_leaves_it_frozen(tmp_path):
    student = small()
    pairs, plain = pairs_for(student), weights(student.model)
    before = mean_answer_loss(student.model, pairs, 4)
    adapted = add_lora(student.model, 4, 8, 0.1, ["q_proj", "v_proj"], 0)
    assert mean_answer_loss(adapted, pairs, 4) == pytest.approx(before, rel=1e-6)
    outcome = distil(adapted, pairs[2:], pairs[:2], replace(OPTIONS, learning_rate=0.05), 7, tmp_path, print)
    assert outcome.loss_after < before - 0.05
    after = {
        name.replace("base_model.model.", "").replace("base_layer.", ""): w for name, w in weights(adapted).items()
    }
    assert all(torch.equal(after[name], plain[name]) for name in plain)
    trained = [name for name, weight in adapted.named_parameters() if weight.requires_grad]
    assert len(trained) == 2 * 2 * 2  # two matrices for each of two targets in two layers
    again = add_lora(small().model, 4, 8, 0.1, ["q_proj", "v_proj"], 0)
    distil(again, pairs[2:], pairs[:2], replace(OPTIONS, learning_rate=0.05), 7, tmp_path / "again", print)
    assert alike(weights(again), weights(adapted))


def test_checkpointed_activations_give_the_same_weights(tmp_path):
    learned = []
    for checkpointing in (False, True):
        adapted = add_lora(small().model, 4, 8, 0.1, ["q_proj", "v_proj"], 0)
        pairs = pairs_for(small())
        options = replace(OPTIONS, checkpointing=checkpointing)
        distil(adapted, pairs[2:], pairs[:2], options, 7, tmp_path / str(checkpointing), print)
        learned.append(weights(adapted))
    for name in learned[0]:
        assert torch.allclose(learned[0][name], learned[1][name], atol=1e-6), name


def test_targets_that_no_layer_has_are_refused():
    with pytest.raises(ValueError, match="query_key_value"):
        add_lora(small().model, 4, 8, 0.0, ["query_key_value"], 0)


def test_a_loss_that_explodes_is_said(tmp_path):
    student = small()
    with torch.no_grad():
        student.model.model.norm.weight[0] = float("inf")
    pairs = pairs_for(student)
    with pytest.raises(DivergedError, match=r"^the loss became .* in epoch 1"):
        distil(student.model, pairs[2:], pairs[:2], OPTIONS, 7, tmp_path, print)


def test_a_batch_that_does_not_fit_is_said_with_its_size(monkeypatch):
    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    student = small()
    pairs = pairs_for(student)
    monkeypatch.setattr(student.model, "forward", full)
    longest = max(len(pair.tokens) for pair in pairs[:3])
    with pytest.raises(TooLargeError, match=rf"^a batch of 3 x {longest} tokens$"):
        mean_answer_loss(student.model, pairs[:3], 8)


def test_a_tokenizer_of_bytes_gives_any_text_back():
    student = small()
    for text in ("red and box", "Amélie (2001) 映画 🎬", "  two  spaces\n\n1. x"):
        assert student.text(student.tokenizer(text)["input_ids"]) == text
    assert student.model.num_parameters() == small(1).model.num_parameters()
    assert alike(weights(small(3).model), weights(small(3).model))
    assert not alike(weights(small(3).model), weights(small(4).model))


@pytest.mark.gpu
@pytest.mark.parametrize("checkpointing", [False, True])
def test_lora_in_bfloat16_on_a_gpu(tmp_path, checkpointing):
    student = small()
    pairs = pairs_for(student)
    exact = mean_answer_loss(student.model, pairs, 4)
    model = student.model.to("cuda", torch.bfloat16)
    adapted = add_lora(model, 4, 8, 0.1, ["q_proj", "v_proj"], 0)
    assert {weight.dtype for weight in adapted.parameters() if weight.requires_grad} == {torch.float32}
    assert mean_answer_loss(adapted, pairs, 4) == pytest.approx(exact, rel=0.02)
    options = replace(OPTIONS, learning_rate=0.05, checkpointing=checkpointing)
    outcome = distil(adapted, pairs[2:], pairs[:2], options, 7, tmp_path, print)
    assert outcome.loss_after < exact - 0.05
    resumed = add_lora(small().model.to("cuda", torch.bfloat16), 4, 8, 0.1, ["q_proj", "v_proj"], 0)
    again = distil(resumed, pairs[2:], pairs[:2], options, 7, tmp_path, print)
    assert again.loss_after == outcome.loss_after
