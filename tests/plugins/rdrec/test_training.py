"""Losses of texts worked by hand, and the learning rate and the length of every step."""

import pytest
import torch

from llmrec_bench_plugins.blocks.prompted_t5 import PromptedT5, TextBatch
from llmrec_bench_plugins.blocks.small_t5 import small_t5
from llmrec_bench_plugins.blocks.text_to_text_training import TextToTextOptions, train_text_to_text, whole_loss


@pytest.fixture
def batch(ids) -> TextBatch:
    parts = ids.encode(["user_3 item_7", "user_12 item_4 item_45"])
    return TextBatch(*map(torch.from_numpy, parts), torch.zeros(2, dtype=torch.int64))


@pytest.fixture
def labels() -> torch.Tensor:
    """Of one token and of three."""
    return torch.tensor([[1, -100, -100], [7, 9, 1]])


def surprises(model, batch, labels) -> list[list[float]]:
    """Minus the log-probability of each token that counts, read from the decoder step by step."""
    decoding = model.start(model.encode(batch))
    told = torch.cat([decoding.first[:, None], decoding.step(labels.clamp(min=0)[:, :-1])], dim=1)
    return [
        [-float(told[row, place, token]) for place, token in enumerate(tokens) if token >= 0]
        for row, tokens in enumerate(labels.tolist())
    ]


@torch.no_grad()
def test_the_two_means_by_hand(model, batch, labels):
    [[a], [b, c, d]] = surprises(model, batch, labels)
    assert float(model.loss(batch, labels)) == pytest.approx((a + b + c + d) / 4, rel=1e-5)
    assert float(model.loss(batch, labels, "texts")) == pytest.approx((a + (b + c + d) / 3) / 2, rel=1e-5)


def test_the_loss_of_a_whole_does_not_depend_on_its_batches(model, batch, labels):
    whole = {mean: whole_loss(model, [(batch, labels)], mean) for mean in ("tokens", "texts")}
    assert whole["tokens"] != pytest.approx(whole["texts"], rel=1e-3)
    apart = [(TextBatch(*(part[[row]] for part in vars(batch).values())), labels[[row]]) for row in (0, 1)]
    for mean, value in whole.items():
        assert whole_loss(model, apart, mean) == pytest.approx(value, rel=1e-5)


@torch.no_grad()
def test_without_whole_words_nothing_is_added(model, batch):
    bare, _ = model.inputs(TextBatch(batch.tokens, None, batch.mask, batch.tasks))
    assert torch.equal(bare[:, 2:], model.t5.shared(batch.tokens))
    full, _ = model.inputs(batch)
    assert torch.allclose(full[:, 2:] - bare[:, 2:], model.whole_words(batch.words), atol=1e-6)


@torch.no_grad()
def test_a_model_without_prompt_vectors_reads_the_text_alone(ids, batch):
    model = PromptedT5(small_t5(len(ids.tokenizer), 8, 1, 2, 16, 0.0), n_tasks=6, prompt_vectors=0, whole_words=16)
    embeddings, mask = model.inputs(batch)
    assert embeddings.shape == (*batch.tokens.shape, 8)
    assert torch.equal(mask, batch.mask)


def steps_taken(batch, labels, monkeypatch, **options) -> list[tuple[float, float]]:
    """The learning rate and the norm of all gradients at each of 2 x 5 steps."""
    torch.manual_seed(0)
    model = PromptedT5(small_t5(400, 8, 1, 2, 16, 0.0), 1, 2, 16)
    taken = []
    step = torch.optim.AdamW.step

    def seen(self, closure=None):
        [group] = self.param_groups
        gradients = [weight.grad for weight in group["params"] if weight.grad is not None]
        taken.append((group["lr"], float(torch.cat([some.flatten() for some in gradients]).norm())))
        return step(self, closure)

    monkeypatch.setattr(torch.optim.AdamW, "step", seen)
    known = {"warmup_share": None, "clip_norm": None} | options
    training = TextToTextOptions(2, 0.8, 0.01, None, "consecutive", "tokens", **known)
    train_text_to_text(model, lambda: [(batch, labels)] * 5, 5, [], training, print)
    return taken


def test_the_rate_rises_over_its_share_and_falls_to_zero(batch, labels, monkeypatch):
    """4 of 10 steps up from 0, then 6 down; a step takes the rate of its beginning."""
    rates = [rate for rate, _ in steps_taken(batch, labels, monkeypatch, warmup_share=0.4)]
    assert rates == pytest.approx(
        [0.8 * share for share in (0, 1 / 4, 2 / 4, 3 / 4, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6)]
    )
    assert {rate for rate, _ in steps_taken(batch, labels, monkeypatch)} == {0.8}


def test_gradients_are_no_longer_than_told(batch, labels, monkeypatch):
    free = [norm for _, norm in steps_taken(batch, labels, monkeypatch)]
    cut = [norm for _, norm in steps_taken(batch, labels, monkeypatch, clip_norm=0.01)]
    assert min(free) > 0.01
    assert max(cut) < 0.01001
    assert cut[0] == pytest.approx(0.01, rel=1e-3)
