"""SASRec's encoder: causal, blind to padding, and equal to its formula."""

import numpy as np
import pytest
import torch

from llmrec_bench_plugins.blocks.dropout import ByteDropout
from llmrec_bench_plugins.blocks.self_attention import SelfAttentionEncoder
from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable


@pytest.fixture
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = SelfAttentionEncoder(ItemTable(9, 8), history_length=6, blocks=2, heads=2, dropout=0.5)
        for weight in made.parameters():
            if weight.dim() == 1:
                torch.nn.init.normal_(weight)
    return made.eval()


def test_changing_a_later_item_leaves_earlier_states_alone(encoder):
    states = encoder.states(torch.tensor([[1, 2, 3, 4, 5]]))
    changed = encoder.states(torch.tensor([[1, 2, 3, 9, 9]]))
    assert torch.equal(states[:, :3], changed[:, :3])
    assert not torch.allclose(states[:, 3], changed[:, 3])


def test_padding_and_company_change_nothing(encoder):
    alone = encoder(torch.tensor([[3, 1, 4]]))
    padded = encoder(torch.tensor([[3, 1, 4, 0, 0, 0], [9, 8, 7, 6, 5, 4]]))[:1]
    assert torch.allclose(alone, padded, atol=1e-6)


def test_positions_are_counted_from_the_end(encoder):
    with torch.no_grad():
        before = encoder(torch.tensor([[3, 1]]))
        encoder.positions.weight[:4] = 7.0
        assert torch.equal(encoder(torch.tensor([[3, 1]])), before)
        encoder.positions.weight[5] = 7.0
        assert not torch.allclose(encoder(torch.tensor([[3, 1]])), before)


def test_one_block_equals_the_published_form_written_out(encoder):
    """Query = LN(x), key = value = x; LN(x) is added back; the feed-forward part adds back its normalised input."""
    block = encoder.blocks[0]
    x = torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        query = block.attention_norm(x)
        q, k, v = block.query(query)[0], block.key(x)[0], block.value(x)[0]
        attended = torch.zeros(4, 8)
        for head in (slice(0, 4), slice(4, 8)):
            for t in range(4):
                weights = torch.softmax(q[t, head] @ k[: t + 1, head].T / 2, dim=0)
                attended[t, head] = weights @ v[: t + 1, head]
        normed = block.feed_forward_norm(query[0] + attended)
        expected = normed + block.outer(torch.relu(block.inner(normed)))
        assert torch.allclose(block(x)[0], expected, atol=1e-5)


def test_the_pad_row_is_zero_and_stays_out_of_the_catalogue(encoder):
    assert torch.equal(encoder.items.weight[0], torch.zeros(8))
    assert torch.equal(encoder.items.catalogue(), encoder.items.weight[1:])


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_its_share_and_the_mean(p):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dropped = ByteDropout(p).train()(torch.ones(1001, 501))
    assert float((dropped == 0).float().mean()) == pytest.approx(p, abs=0.004)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)
    assert len(np.unique(dropped.numpy())) == 2


def test_dropout_rests_outside_training():
    x = torch.ones(3)
    assert ByteDropout(0.5).eval()(x) is x
    assert ByteDropout(0.0).train()(x) is x
