"""SR-GNN's encoder: all prefixes in one pass equal each prefix alone, and RecBole's module."""

import pytest
import torch

from llmrec_bench_plugins.blocks.gated_graph_encoder import GatedGraphEncoder
from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable


@pytest.fixture
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GatedGraphEncoder(ItemTable(5, 8), dropout=0.3).eval()


@pytest.fixture
def rows():
    """Twenty sequences of 1 to 7 of five items, so that items and steps repeat; zeros at the end."""
    drawn = torch.randint(1, 6, (20, 7), generator=torch.Generator().manual_seed(1))
    drawn[torch.arange(7) >= (torch.arange(20) % 7 + 1)[:, None]] = 0
    return drawn


def test_the_state_at_a_place_is_the_vector_of_the_prefix_that_ends_there(encoder, rows):
    with torch.no_grad():
        states = encoder.states(rows)
        for end in range(7):
            real = rows[:, end] > 0
            assert torch.allclose(encoder(rows[real, : end + 1]), states[real, end], rtol=0, atol=1e-6)


def test_padding_and_company_change_nothing(encoder):
    alone = encoder(torch.tensor([[3, 1, 4]]))
    padded = encoder(torch.tensor([[3, 1, 4, 0, 0, 0], [5, 1, 5, 1, 5, 4]]))[:1]
    assert torch.allclose(alone, padded, atol=1e-6)


def test_the_pad_row_is_zero(encoder):
    assert torch.equal(encoder.items.weight[0], torch.zeros(8))


def test_it_equals_recboles_module_with_the_same_weights(encoder, rows, recbole_model):
    theirs = recbole_model("SRGNN", n_items=5, embedding_size=8, step=1)
    weights = theirs.state_dict()
    names = {
        "items.weight": "item_embedding.weight",
        "bias_in": "gnn.b_iah",
        "bias_out": "gnn.b_ioh",
        "gates_message.weight": "gnn.w_ih",
        "gates_message.bias": "gnn.b_ih",
        "gates_node.weight": "gnn.w_hh",
        "gates_node.bias": "gnn.b_hh",
        "attention.weight": "linear_three.weight",
    }
    for ours, name in [
        ("edge_in", "gnn.linear_edge_in"),
        ("edge_out", "gnn.linear_edge_out"),
        ("attention_last", "linear_one"),
        ("attention_node", "linear_two"),
        ("output", "linear_transform"),
    ]:
        names |= {f"{ours}.{part}": f"{name}.{part}" for part in ("weight", "bias")}
    assert sorted(names.values()) == sorted(weights)
    encoder.load_state_dict({ours: weights[name] for ours, name in names.items()})
    with torch.no_grad():
        expected = theirs(rows, (rows > 0).sum(dim=1))
        assert torch.allclose(encoder(rows), expected, rtol=0, atol=1e-5)
        ends = (rows > 0).sum(dim=1) - 1
        assert torch.allclose(encoder.states(rows)[torch.arange(20), ends], expected, rtol=0, atol=1e-5)
