"""SLIM's form of RecBole's sequential models: a text about the user in the user's vector, texts of items in theirs."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from llmrec_bench import Method, Queries, Run
from llmrec_bench_plugins.backbones.rationale_options import RationaleOptions
from llmrec_bench_plugins.recbole_zoo.models import OneVector
from llmrec_bench_plugins.recbole_zoo.text_fused import RecBolePlus
from llmrec_bench_plugins.stages.user_text_embeddings import known_users, read_user_embeddings

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.text_fusion import TextFusion


class SLIMRecBole(RecBolePlus):
    """One of RecBole's sequential models with texts of items and of users, as `slim-sasrec` is of ours: SLIM with a
    student's rationales, SLIM-minus with a teacher's.

    In training a user's text serves the last training item only, unless it serves every position; all other rows are
    fused with zeros in its place. A loss that a model adds to its own, such as one on weights, stays as it is.
    """

    name = "slim-recbole"
    version = "1"

    class Config(RationaleOptions, RecBolePlus.Config):
        """Options of a model of RecBole with rationales."""

        model: OneVector = "SASRec"
        """Which of RecBole's models; `recbole+` is the same without texts about users."""

    config: Config

    def _fuse_texts(self, run: Run) -> "TextFusion":
        import torch

        from llmrec_bench_plugins.blocks.recbole.user_side import with_user_side
        from llmrec_bench_plugins.blocks.text_fusion import fused_users

        config, of_items = self.config, super()._fuse_texts(run)
        of_users, rows = read_user_embeddings(run.artifact(config.user_text), config.control, run.rng)
        side = fused_users(
            of_items,
            torch.from_numpy(of_users),
            torch.from_numpy(rows.ravel()),
            config.share_fusion,
            config.user_text.every_position,
        )
        self._built = with_user_side(self._built, side)
        return of_items

    def _known_users(self, queries: Queries) -> npt.NDArray[np.int64]:
        return known_users(queries, self._training_lengths)


METHODS: list[type[Method]] = [SLIMRecBole]
