"""Item texts in the item table of RecBole's models."""

from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from llmrec_bench_plugins.recbole_zoo.method import METHODS
from llmrec_bench_plugins.recbole_zoo.models import Fusible
from llmrec_bench_plugins.recbole_zoo.text_fused import RecBolePlus
from llmrec_bench_plugins.stages.text_embeddings import TextEmbeddings

pytest.importorskip("recbole")

SHORT = {"epochs": 1, "history_length": 10, "batch_size": 256}


def fitted(train, run, **config):
    method = RecBolePlus(RecBolePlus.Config(**{**SHORT, **config}))
    method.fit(train, run)
    return method


@pytest.mark.parametrize("model", get_args(Fusible))
def test_the_model_reads_its_items_texts_wherever_it_reads_its_items(model, circle, make_queries, make_run):
    """A seed gives the same again, other texts give other scores, and the fusion is all that the plain model lacks."""
    circle.items["title"] = [f"film {'about the sea' if code % 2 else 'noir'} {code}" for code in range(30)]
    queries = make_queries([[3, 4, 5], [1], []])
    fit = fitted(circle, make_run(circle), model=model)
    scores = fit.score(queries)
    assert scores.shape == (3, 30)
    assert np.isfinite(scores[:2]).all()
    assert np.isnan(scores[2]).all()
    assert fitted(circle, make_run(circle), model=model).score(queries).tobytes() == scores.tobytes()

    table = fit._built.module.item_embedding
    fusion = table.parametrizations.weight[0]
    with torch.no_grad():
        before = table.weight[1:].clone()
        assert torch.equal(table(torch.arange(1, len(before) + 1)), before)
        fusion.texts += 1
        assert not torch.allclose(table.weight[1:31], before[:30])
    assert not np.allclose(fit.score(queries)[:2], scores[:2])
    [plain] = [method for method in METHODS if method.model.name == model]
    alone = plain(plain.Config(**SHORT))
    alone.fit(circle, make_run(circle))
    assert fit.parameters - alone.parameters == sum(weight.numel() for weight in fusion.parameters())


def test_options_are_those_of_the_model_chosen():
    assert RecBolePlus.Config(model="STAMP").options == {"embedding_size": 64, "loss_type": "CE"}
    assert RecBolePlus.Config(model="GRU4Rec", options={"hidden_size": 8}).options["hidden_size"] == 8
    with pytest.raises(ValidationError, match="no option 'hidden_sizes'; did you mean 'hidden_size'"):
        RecBolePlus.Config(model="GRU4Rec", options={"hidden_sizes": 8})
    narm = RecBolePlus.Config(model="NARM", options={"loss_type": "BPR"}, item_text=TextEmbeddings())
    assert RecBolePlus.Config.model_validate_json(narm.model_dump_json(), strict=True) == narm
    with pytest.raises(ValidationError, match="Input should be 'BERT4Rec'"):
        RecBolePlus.Config(model="BPR")
