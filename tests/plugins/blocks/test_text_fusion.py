"""Texts fused into item and user vectors: hand-worked numbers, and the paper's equation around every encoder."""

import numpy as np
import pytest
import torch

from llmrec_bench_plugins.blocks.gated_graph_encoder import GatedGraphEncoder
from llmrec_bench_plugins.blocks.gru_encoder import GRUEncoder
from llmrec_bench_plugins.blocks.next_item_scores import history_scores
from llmrec_bench_plugins.blocks.next_item_training import TrainingOptions, next_item_loss, train_next_item
from llmrec_bench_plugins.blocks.self_attention import SelfAttentionEncoder
from llmrec_bench_plugins.blocks.sequence_encoder import ItemTable, SequenceEncoder, UserSide
from llmrec_bench_plugins.blocks.text_fusion import FusedItems, TextFusion, fuse_texts, standardised

N_ITEMS, WIDTH, FEATURES = 9, 8, 5


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
ROWS = torch.tensor([[1, 2, 3, 0], [9, 9, 0, 0], [4, 5, 6, 7]])


@pytest.fixture(autouse=True)
def same_weights_every_time():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def texts(rows, features=FEATURES):
    return torch.randn(rows, features, generator=torch.Generator().manual_seed(rows))


def shaken(encoder):
    """With weights away from their start, where a part that is zero would hide a mistake."""
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return encoder.eval()


def test_the_numbers_of_a_fusion_worked_by_hand():
    fusion = TextFusion(text_features=2, text_width=1, width=2)
    with torch.no_grad():
        fusion.text.weight.copy_(torch.tensor([[2.0, -1.0]]))
        fusion.text.bias.fill_(0.5)
        fusion.joint.weight.copy_(torch.tensor([[10.0, 1.0, 2.0], [-1.0, 3.0, 0.0]]))
        fusion.joint.bias.copy_(torch.tensor([0.25, 0.0]))
    # g_l: 2 * 3 - 4 + 0.5 = 2.5; g_f: 10 * 2.5 + 5 + 2 * 6 + 0.25 and -2.5 + 3 * 5
    assert fusion(torch.tensor([3.0, 4.0]), torch.tensor([5.0, 6.0])).tolist() == [42.25, 12.5]
    table = FusedItems(fusion, torch.tensor([[3.0, 4.0]]))(torch.tensor([[0.0, 0.0], [5.0, 6.0]]))
    assert table.tolist() == [[0.0, 0.0], [42.25, 12.5]]


def test_texts_of_one_user_serve_all_positions():
    fusion = shaken(TextFusion(FEATURES, 3, WIDTH))
    of_users, vectors = texts(2), torch.randn(2, 4, WIDTH)
    each = fusion(of_users[:, None].expand(2, 4, FEATURES), vectors)
    joined = torch.cat([fusion.text(of_users)[:, None].expand(2, 4, 3), vectors], dim=2)
    assert torch.allclose(fusion(of_users[:, None], vectors), each, atol=1e-6)
    assert torch.allclose(each, fusion.joint(joined), atol=1e-5)


@every_encoder
@pytest.mark.parametrize("text_width", [None, 3])
def test_an_encoder_reads_the_equation_s_vectors(build, text_width):
    encoder, of_items = build(), texts(N_ITEMS)
    fuse_texts(encoder, of_items, text_width=text_width)
    shaken(encoder)
    parts = encoder.items.parametrizations.weight
    fusion, own = parts[0].fusion, parts.original
    assert (fusion.text.out_features, fusion.joint.in_features) == (text_width or WIDTH, (text_width or WIDTH) + WIDTH)
    z = fusion.joint(torch.cat([fusion.text(standardised(of_items)), own[1:]], dim=1))  # Eq. 6
    assert torch.allclose(encoder.items.catalogue(), z, atol=1e-5)
    plain = build().eval()
    plain.load_state_dict(
        {name: value for name, value in encoder.state_dict().items() if "items" not in name}
        | {"items.weight": torch.cat([torch.zeros(1, WIDTH), z])}
    )
    assert torch.allclose(encoder(ROWS), plain(ROWS), atol=1e-5)


@every_encoder
def test_without_texts_to_tell_apart_it_starts_as_the_plain_encoder(build):
    plain = build().eval()
    encoder = build()
    encoder.load_state_dict(plain.state_dict())
    fuse_texts(encoder, torch.ones(N_ITEMS, FEATURES), torch.ones(3, FEATURES))
    assert torch.allclose(encoder.eval()(ROWS), plain(ROWS), atol=1e-6)


@every_encoder
def test_no_item_stays_zero_and_texts_stay_as_they_are(build):
    encoder = build()
    fuse_texts(encoder, texts(N_ITEMS))
    shaken(encoder)
    assert not encoder.items.weight[0].any()
    loss = next_item_loss(encoder.train(), ROWS.numpy(), np.array([1, 2]), "sampled_softmax")
    loss.backward()
    parts = encoder.items.parametrizations.weight
    assert not parts.original.grad[0].any()
    assert parts.original.grad[1:].any()
    assert all(weight.grad.any() for weight in parts[0].fusion.parameters())
    assert not parts[0].texts.requires_grad
    assert not any("texts" in name for name in encoder.state_dict())


def test_a_step_computes_the_item_vectors_once(monkeypatch):
    encoder, calls = ENCODERS["gru"](), []
    fuse_texts(encoder, texts(N_ITEMS))
    forward = FusedItems.forward
    monkeypatch.setattr(FusedItems, "forward", lambda self, weight: (calls.append(1), forward(self, weight))[1])
    for loss in ("ce", "bce", "sampled_softmax"):
        next_item_loss(encoder, ROWS.numpy(), np.ones(6, dtype=np.int64), loss)
    history_scores(encoder, np.array([0, 2, 3]), np.array([0, 1, 2], dtype=np.int32), 4, None)
    assert len(calls) == 4


def test_new_weights_give_new_item_vectors():
    encoder = ENCODERS["gru"]()
    fuse_texts(encoder, texts(N_ITEMS))
    first = next_item_loss(encoder, ROWS.numpy(), np.zeros(0, dtype=np.int64), "ce")
    shaken(encoder)
    assert float(next_item_loss(encoder, ROWS.numpy(), np.zeros(0, dtype=np.int64), "ce")) != float(first)


def test_item_vectors_keep_full_precision_where_the_encoder_runs_in_less():
    encoder = ENCODERS["gru"]()
    fuse_texts(encoder, texts(N_ITEMS))
    exact = shaken(encoder).items.catalogue()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(encoder.items.catalogue(), exact)
        assert encoder(ROWS).dtype == torch.bfloat16


@every_encoder
def test_a_user_s_text_meets_the_encoder_s_vector(build):
    encoder, of_users = build(), texts(4)
    fuse_texts(encoder, texts(N_ITEMS), of_users)
    shaken(encoder)
    fusion = encoder.items.parametrizations.weight[0].fusion
    users = torch.tensor([2, 0, 3])
    own = fusion.joint(torch.cat([fusion.text(standardised(of_users)[users]), encoder(ROWS)], dim=1))
    assert torch.allclose(encoder.personal(encoder(ROWS), users), own, atol=1e-5)
    # Scoring takes it from there, in the order asked, with an empty history between.
    offsets, items = np.array([0, 3, 3, 5]), np.array([0, 1, 2, 8, 8], dtype=np.int32)
    scores = history_scores(encoder, offsets, items, 4, None, np.array([2, 1, 0]))
    assert np.allclose(scores[[0, 2]], (own[:2] @ encoder.items.catalogue().T).detach(), atol=1e-4)
    assert np.isnan(scores[1]).all()


def test_both_sides_share_a_fusion_unless_told_otherwise():
    shared, apart = ENCODERS["gru"](), ENCODERS["gru"]()
    fuse_texts(shared, texts(N_ITEMS), texts(4))
    fuse_texts(apart, texts(N_ITEMS), texts(4, features=2), share_fusion=False)
    sizes = [sum(weight.numel() for weight in encoder.parameters()) for encoder in (shared, apart)]
    assert sizes[1] - sizes[0] == 2 * WIDTH + WIDTH + 2 * WIDTH * WIDTH + WIDTH
    assert shared.user_side.fusion is shared.items.parametrizations.weight[0].fusion


@pytest.mark.parametrize("kind", ["gru", "sum"])
def test_training_knows_whose_a_sequence_is(kind):
    """All users did the same; only their texts tell what comes next."""
    encoder = ENCODERS[kind]()
    of_users = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(3, 1)
    fuse_texts(encoder, texts(N_ITEMS), of_users, share_fusion=False)
    offsets, items = np.arange(0, 14, 2), np.array([[0, 1 + user % 2] for user in range(6)], dtype=np.int32).ravel()
    options = TrainingOptions("ce", 1, 4, epochs=60, batch_size=4, learning_rate=0.02, gradient_clip=5, patience=None)
    train_next_item(encoder, offsets, items, options, np.random.default_rng(0), lambda: 0.0, lambda line: None)
    scores = history_scores(encoder, np.array([0, 1, 2]), np.zeros(2, dtype=np.int32), 4, None, np.array([4, 1]))
    assert scores.argmax(axis=1).tolist() == [1, 2]


def test_standardised_texts_worked_by_hand():
    # The mean is (2, 2); what is left, (-1, 1) and (1, -1), has a mean square of 1.
    given = torch.tensor([[1.0, 3.0], [0.0, 0.0], [3.0, 1.0]])
    assert standardised(given).tolist() == [[-1, 1], [0, 0], [1, -1]]
    assert torch.allclose(standardised(1000 * given), standardised(given))
    for degenerate in (torch.zeros(2, 3), torch.ones(2, 3)):
        assert not standardised(degenerate).any()


class Witness(UserSide):
    """Changes nothing and remembers whose vectors it was given."""

    def __init__(self, every_position):
        super().__init__()
        self.every_position, self.seen = every_position, []

    def forward(self, vectors, users):
        assert users.shape == vectors.shape[:-1]
        self.seen.append(users[0].tolist())
        return vectors


@pytest.mark.parametrize(
    ("kind", "every_position", "wanted"),
    [
        # User 0 has five transitions, in windows of at most two, or each as a row of its own; user 1 has two.
        ("gru", False, [[-1], [-1, -1], [-1, 0], [-1, 1]]),
        ("gru", True, [[0], [0, 0], [0, 0], [1, 1]]),
        ("sum", False, [-1, -1, -1, -1, -1, 0, 1]),
        ("sum", True, [0, 0, 0, 0, 0, 1, 1]),
    ],
)
def test_a_text_serves_the_last_transition_or_all_of_them(kind, every_position, wanted):
    encoder = ENCODERS[kind]()
    encoder.user_side = Witness(every_position)
    offsets, items = np.array([0, 6, 9]), np.arange(9, dtype=np.int32)
    options = TrainingOptions("ce", 1, 2, epochs=1, batch_size=1, learning_rate=0.1, gradient_clip=5, patience=None)
    train_next_item(encoder, offsets, items, options, np.random.default_rng(0), lambda: 0.0, lambda line: None)
    assert sorted(encoder.user_side.seen) == wanted
