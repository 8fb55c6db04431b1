"""GRU4Rec's encoder: causal, blind to padding, and equal to RecBole's module."""

import pytest
import torch

from llmrec_bench_plugins.blocks.gru_encoder import GRUEncoder
from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable


@pytest.fixture
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GRUEncoder(ItemTable(9, 8), hidden=12, layers=1, dropout=0.3).eval()


def test_changing_a_later_item_leaves_earlier_states_alone(encoder):
    states = encoder.states(torch.tensor([[1, 2, 3, 4, 5]]))
    changed = encoder.states(torch.tensor([[1, 2, 3, 9, 9]]))
    assert torch.equal(states[:, :3], changed[:, :3])
    assert not torch.allclose(states[:, 3], changed[:, 3])


def test_padding_and_company_change_nothing(encoder):
    alone = encoder(torch.tensor([[3, 1, 4]]))
    padded = encoder(torch.tensor([[3, 1, 4, 0, 0, 0], [9, 8, 7, 6, 5, 4]]))[:1]
    assert torch.allclose(alone, padded, atol=1e-6)


def test_one_step_equals_the_formula_written_out(encoder):
    """From a zero state: h = (1 - z) tanh(W_n x), for without biases the reset gate then multiplies zero."""
    with torch.no_grad():
        x = encoder.items.weight[4]
        _, update, new = (encoder.gru.weight_ih_l0 @ x).chunk(3)
        expected = encoder.output((1 - update.sigmoid()) * new.tanh())
        assert torch.allclose(encoder(torch.tensor([[4]]))[0], expected, atol=1e-6)


def test_the_pad_row_is_zero(encoder):
    assert torch.equal(encoder.items.weight[0], torch.zeros(8))


def test_it_equals_recboles_module_with_the_same_weights(encoder, recbole_model):
    theirs = recbole_model("GRU4Rec", n_items=9, embedding_size=8, hidden_size=12, num_layers=1, dropout_prob=0.3)
    names = {"items": "item_embedding", "gru": "gru_layers", "output": "dense"}
    for ours, name in names.items():
        getattr(encoder, ours).load_state_dict(getattr(theirs, name).state_dict())
    rows = torch.randint(1, 10, (20, 7), generator=torch.Generator().manual_seed(1))
    lengths = torch.arange(20) % 7 + 1
    rows[torch.arange(7) >= lengths[:, None]] = 0
    with torch.no_grad():
        assert torch.allclose(encoder(rows), theirs(rows, lengths), rtol=0, atol=1e-5)
