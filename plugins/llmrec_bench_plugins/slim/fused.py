"""ID-based SLIM: a text about the user and texts of the items, fused into any sequential backbone (Eq. 6)."""

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from llmrec_bench import Queries, Range, Run, TrainingData
from llmrec_bench_plugins.backbones.gru4rec import GRU4Rec
from llmrec_bench_plugins.backbones.rationale_options import RationaleOptions
from llmrec_bench_plugins.backbones.sasrec import SASRec
from llmrec_bench_plugins.backbones.srgnn import SRGNN
from llmrec_bench_plugins.backbones.text_fused import SOURCE
from llmrec_bench_plugins.stages.text_embeddings import read_embeddings
from llmrec_bench_plugins.stages.user_text_embeddings import known_users, read_user_embeddings

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.sequence_encoder import SequenceEncoder


class WithRationales:
    """Adds texts of items and users to the encoder of the `SequentialMethod` it stands before.

    In training a user's text serves the prediction of the last training item only, for it may tell of all items before
    that; with the cut-off `single_train` it serves all of them, and has seen what it is to find.
    """

    config: RationaleOptions

    def extended(self, encoder: "SequenceEncoder", train: TrainingData, run: Run) -> "SequenceEncoder":
        import torch

        from llmrec_bench_plugins.blocks.text_fusion import fuse_texts

        config, self._training_lengths = self.config, train.sequences.lengths
        of_items = torch.from_numpy(read_embeddings(run.artifact(config.item_text)))
        of_users, rows = read_user_embeddings(run.artifact(config.user_text), config.control, run.rng)
        fuse_texts(
            encoder,
            of_items,
            torch.from_numpy(of_users),
            torch.from_numpy(rows.ravel()),  # user u's text for the validation is U + u's, and so on
            text_width=config.text_width,
            share_fusion=config.share_fusion,
            every_position=config.user_text.every_position,
        )
        return encoder

    def known_users(self, queries: Queries) -> npt.NDArray[np.int64]:
        """Of validation or test, as the queries are."""
        return known_users(queries, self._training_lengths)


class SLIMGRU4Rec(WithRationales, GRU4Rec):
    """GRU4Rec with texts of items and of users: SLIM with a student's rationales, SLIM-minus with a teacher's.

    The defaults are those of `gru4rec+`.
    """

    name = "slim-gru4rec"
    version = "1"
    source = SOURCE
    settings: ClassVar = {}

    class Config(GRU4Rec.Config, RationaleOptions):
        """Options of GRU4Rec with rationales."""

        learning_rate: Annotated[float, Range(5e-4, 1e-2, log=True)] = Field(2e-3, gt=0)
        """Adam's step size."""

    config: Config


class SLIMSASRec(WithRationales, SASRec):
    """SASRec with texts of items and of users: SLIM with a student's rationales, SLIM-minus with a teacher's.

    The defaults are those of `sasrec+`.
    """

    name = "slim-sasrec"
    version = "1"
    source = SOURCE
    settings: ClassVar = {}

    class Config(SASRec.Config, RationaleOptions):
        """Options of SASRec with rationales."""

    config: Config


class SLIMSRGNN(WithRationales, SRGNN):
    """SR-GNN with texts of items and of users: SLIM with a student's rationales, SLIM-minus with a teacher's.

    The defaults are those of `srgnn+`.
    """

    name = "slim-srgnn"
    version = "1"
    source = SOURCE
    settings: ClassVar = {}

    class Config(SRGNN.Config, RationaleOptions):
        """Options of SR-GNN with rationales."""

        learning_rate: Annotated[float, Range(5e-4, 1e-2, log=True)] = Field(2e-3, gt=0)
        """Adam's step size."""

    config: Config
