"""Encoders under autocast: a GPU trains them in bfloat16, and a CPU can check that the types fit together."""

import pytest
import torch

from llmrec_bench_plugins.backbones import METHODS
from llmrec_bench_plugins.blocks.next_item_training import predictions_of


@pytest.mark.parametrize("backbone", METHODS, ids=lambda backbone: backbone.name)
def test_bfloat16_gives_nearly_the_same_vectors_and_gradients(backbone):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = backbone(backbone.Config(width=16, dropout=0.0)).build(n_items=9)
    rows = torch.randint(1, 10, (6, 8), generator=torch.Generator().manual_seed(1))
    rows[0, 3:] = 0
    upstream = torch.randn(6 * 7 - 5, 16, generator=torch.Generator().manual_seed(2))
    vectors, gradients = [], []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            states, _ = predictions_of(encoder, rows)
        vectors.append(states.detach().float())
        gradients.append(torch.autograd.grad((states.float() * upstream).sum(), encoder.items.weight)[0])
    for exact, rounded in (vectors, gradients):
        assert float((exact - rounded).norm() / exact.norm()) < 0.06
