"""KAR's adaptor: mixtures worked by hand, which experts learn from which side, and what no text changes."""

import math

import numpy as np
import pytest
import torch

from llmrec_bench_plugins.blocks.gated_graph_encoder import GatedGraphEncoder
from llmrec_bench_plugins.blocks.gru_encoder import GRUEncoder
from llmrec_bench_plugins.blocks.hybrid_experts import (
    ExpertSizes,
    HybridExperts,
    KnowledgeFusion,
    add_knowledge,
    joint_map,
)
from llmrec_bench_plugins.blocks.next_item_training import next_item_loss
from llmrec_bench_plugins.blocks.self_attention import SelfAttentionEncoder
from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable, SequenceEncoder
from llmrec_bench_plugins.blocks.text_fusion import standardised

N_ITEMS, WIDTH, FEATURES = 9, 8, 5
SIZES = ExpertSizes(shared=2, of_users=3, of_items=3, hidden=6, width=4)
ROWS = torch.tensor([[1, 2, 3, 0], [9, 9, 0, 0], [4, 5, 6, 7]])


class Sum(SequenceEncoder):
    """Not causal: the whole row at once."""

    def forward(self, rows):
        return self.items(rows).sum(dim=1)


ENCODERS = {
    "gru": lambda: GRUEncoder(ItemTable(N_ITEMS, WIDTH), 6, 1, 0.0),
    "attention": lambda: SelfAttentionEncoder(ItemTable(N_ITEMS, WIDTH), 4, 1, 2, 0.0),
    "graph": lambda: GatedGraphEncoder(ItemTable(N_ITEMS, WIDTH), 0.0),
    "sum": lambda: Sum(ItemTable(N_ITEMS, WIDTH)),
}
every_encoder = pytest.mark.parametrize("build", ENCODERS.values(), ids=ENCODERS)


@pytest.fixture(autouse=True)
def same_weights_every_time():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def texts(rows, features=FEATURES):
    return torch.randn(rows, features, generator=torch.Generator().manual_seed(rows))


def shaken(module):
    """With weights away from their start, where a part that is zero would hide a mistake."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return module.eval()


def enhanced(build, sizes=SIZES, items=N_ITEMS, users=3):
    """With texts of so many items and users, of none for 0."""
    encoder = build()
    of_users = texts(users) if users else None
    rows = torch.arange(users) if users else None
    add_knowledge(encoder, sizes, texts(items) if items else None, of_users, rows)
    return encoder


def fusions(encoder):
    return encoder.items.parametrizations.weight[0].fusion, encoder.user_side.fusion


def set_linear(layer, weight, bias):
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))


def by_hand():
    """Two experts of one hidden unit, and a gate that weighs them 3 to 1 at (1, 2)."""
    first, second = ExpertSizes(1, 1, 1, hidden=1, width=2).experts(2, text_features=2)
    set_linear(first[0], [[2.0, 1.0]], [-1.0])
    set_linear(first[2], [[1.0], [-2.0]], [0.5, 0.0])
    set_linear(second[0], [[1.0, -1.0]], [0.0])
    set_linear(second[2], [[7.0], [7.0]], [4.0, -8.0])
    side = HybridExperts([first, second], text_features=2)
    set_linear(side.gate, [[math.log(3), 0.0], [0.0, 0.0]], [0.0, 0.0])
    return side


def test_a_mixture_worked_by_hand():
    side = by_hand()
    text = torch.tensor([[1.0, 2.0]])
    # First: relu(2 + 2 - 1) = 3, so (3.5, -6). Second: relu(1 - 2) = 0, so (4, -8). Weights 3/4 and 1/4.
    assert torch.allclose(side.gate(text).softmax(dim=1), torch.tensor([[0.75, 0.25]]))
    assert torch.allclose(side.experts[0](text), torch.tensor([[3.5, -6.0]]))
    assert torch.allclose(side.experts[1](text), torch.tensor([[4.0, -8.0]]))
    assert torch.allclose(side(text), torch.tensor([[0.75 * 3.5 + 0.25 * 4, 0.75 * -6 + 0.25 * -8]]))


def test_the_gate_reads_the_text():
    side = by_hand()
    twice = torch.tensor([[2.0, 2.0]])  # 9 to 1, and the experts say (5.5, -10) and (4, -8)
    assert torch.allclose(side(twice), torch.tensor([[0.9 * 5.5 + 0.1 * 4, 0.9 * -10 + 0.1 * -8]]))


def test_no_text_is_no_knowledge():
    knowledge = by_hand()(torch.tensor([[0.0, 0.0], [1.0, 2.0]]))
    assert knowledge[0].tolist() == [0, 0]
    assert knowledge[1].all()


def test_knowledge_joined_with_a_vector_worked_by_hand():
    fusion = KnowledgeFusion(by_hand(), joint_map(width=1, knowledge_width=2))
    assert fusion.joint.weight[0, 0] == 1
    set_linear(fusion.joint, [[10.0, 1.0, -1.0]], [0.25])
    # 10 * 3 + 3.625 + 6.5 + 0.25
    assert torch.allclose(fusion(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]])), torch.tensor([[40.375]]))


@every_encoder
def test_an_encoder_reads_what_is_known_of_items(build):
    encoder = shaken(enhanced(build))
    of_items, _ = fusions(encoder)
    told = of_items.experts(standardised(texts(N_ITEMS)))
    assert told.shape == (N_ITEMS, SIZES.width)
    own = encoder.items.parametrizations.weight.original
    z = of_items.joint(torch.cat([own[1:], told], dim=1))
    assert torch.allclose(encoder.items.catalogue(), z, atol=1e-6)
    assert not encoder.items.weight[0].any()
    plain = build().eval()
    plain.load_state_dict(
        {name: v for name, v in encoder.state_dict().items() if "items" not in name and "user_side" not in name}
        | {"items.weight": torch.cat([torch.zeros(1, WIDTH), z])}
    )
    assert torch.allclose(encoder(ROWS), plain(ROWS), atol=1e-5)


@every_encoder
def test_what_is_known_of_a_user_meets_the_encoder_s_vector(build):
    encoder = shaken(enhanced(build))
    _, of_users = fusions(encoder)
    told = of_users.experts(standardised(texts(3)))
    vectors = encoder(ROWS)
    users = torch.tensor([2, -1, 2])
    wanted = of_users.joint(torch.cat([vectors, torch.stack([told[2], torch.zeros(SIZES.width), told[2]])], dim=1))
    assert torch.allclose(encoder.personal(vectors, users), wanted, atol=1e-6)
    positions = torch.randn(3, 4, WIDTH)
    each = torch.stack([encoder.personal(positions[:, at], users) for at in range(4)], dim=1)
    assert torch.allclose(encoder.personal(positions, users[:, None].expand(3, 4)), each, atol=1e-6)


@every_encoder
def test_without_texts_it_starts_as_the_plain_encoder(build):
    plain, encoder = build().eval(), build()
    encoder.load_state_dict(plain.state_dict())
    add_knowledge(encoder, SIZES, torch.zeros(N_ITEMS, FEATURES), torch.zeros(3, FEATURES), torch.arange(3))
    encoder.eval()
    assert torch.allclose(encoder.personal(encoder(ROWS), torch.tensor([0, 1, 2])), plain(ROWS), atol=1e-6)
    assert torch.allclose(encoder.items.catalogue(), plain.items.catalogue(), atol=1e-6)


@every_encoder
def test_every_expert_and_gate_learns(build):
    encoder = shaken(enhanced(build)).train()
    next_item_loss(encoder, ROWS.numpy(), np.zeros(0, dtype=np.int64), "ce", np.array([0, 1, 2])).backward()
    of_items, of_users = fusions(encoder)
    for side in (of_items, of_users):
        assert len(side.experts.experts) == SIZES.shared + 3
        for module in (*side.experts.experts, side.experts.gate, side.joint):
            assert all(weight.grad is not None and weight.grad.any() for weight in module.parameters())
    assert not any("texts" in name for name in encoder.state_dict())


def test_shared_experts_learn_from_both_sides_and_dedicated_ones_from_their_own():
    def moved(of_items, of_users):
        """The experts of both sides that a loss on items, on users, or on both reaches."""
        encoder = shaken(enhanced(ENCODERS["gru"]))
        loss = of_items * encoder.items.catalogue().square().sum()
        vectors = torch.randn(3, WIDTH)  # of no encoder, so that items are not read
        loss = loss + of_users * encoder.personal(vectors, torch.arange(3)).square().sum()
        loss.backward()
        return [
            [expert[0].weight.grad is not None and bool(expert[0].weight.grad.any()) for expert in side.experts.experts]
            for side in fusions(encoder)
        ]

    shared, own, none = [True] * SIZES.shared, [True] * 3, [False] * 3
    assert moved(1, 0) == [shared + own, shared + none]
    assert moved(0, 1) == [shared + none, shared + own]
    assert moved(1, 1) == [shared + own, shared + own]
    items, users = fusions(enhanced(ENCODERS["gru"]))
    same = [a is b for a, b in zip(items.experts.experts, users.experts.experts, strict=True)]
    assert same == shared + none


@pytest.mark.parametrize(
    ("items", "users", "experts"),
    [(N_ITEMS, 3, 2 + 3 + 3), (N_ITEMS, 0, 2 + 3), (0, 3, 2 + 3)],
    ids=["both", "items alone", "users alone"],
)
def test_parameters_counted_by_hand(items, users, experts):
    sides = bool(items) + bool(users)
    encoder, plain = enhanced(ENCODERS["gru"], items=items, users=users), ENCODERS["gru"]()
    extra = sum(w.numel() for w in encoder.parameters()) - sum(w.numel() for w in plain.parameters())
    expert = FEATURES * 6 + 6 + 6 * 4 + 4
    gate, joint = FEATURES * 5 + 5, (WIDTH + 4) * WIDTH + WIDTH
    assert extra == experts * expert + sides * (gate + joint)
    assert (encoder.user_side is None) == (users == 0)
    assert hasattr(encoder.items, "parametrizations") == (items > 0)


def test_sides_without_shared_experts_may_have_texts_of_different_widths():
    encoder = ENCODERS["gru"]()
    sizes = ExpertSizes(shared=0, of_users=1, of_items=2, hidden=6, width=4)
    add_knowledge(encoder, sizes, texts(N_ITEMS, 5), texts(3, 7), torch.arange(3))
    assert encoder.personal(torch.zeros(3, WIDTH), torch.arange(3)).shape == (3, WIDTH)


def test_knowledge_of_items_keeps_full_precision_where_the_encoder_runs_in_less():
    encoder = shaken(enhanced(ENCODERS["gru"]))
    exact = encoder.items.catalogue()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(encoder.items.catalogue(), exact)
        assert encoder.personal(encoder(ROWS), torch.arange(3)).shape == (3, WIDTH)


def test_both_sides_share_the_joint_map_if_told_so():
    apart, shared = enhanced(ENCODERS["gru"]), ENCODERS["gru"]()
    add_knowledge(shared, SIZES, texts(N_ITEMS), texts(3), torch.arange(3), share_fusion=True)
    of_items, of_users = fusions(shared)
    assert of_items.joint is of_users.joint
    sizes = [sum(weight.numel() for weight in encoder.parameters()) for encoder in (apart, shared)]
    assert sizes[0] - sizes[1] == (WIDTH + SIZES.width) * WIDTH + WIDTH
