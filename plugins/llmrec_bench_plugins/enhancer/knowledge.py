"""LLM as enhancer: a language model's preference reasoning about users and its facts about items, through a
hybrid-expert adaptor into any sequential backbone.

KAR predicts clicks; this is an adaptation to next-item ranking, and differs from it in this:

- KAR appends what the adaptor gives for the user and the item to the input of one network that scores the pair. Here a
  score is the product of two vectors, so that the user's part goes into the vector of the sequence and the item's into
  the item's vector, each through a linear map of both: s_u' = g'([s_u ; knowledge_u]), z_i' = g([z_i ; knowledge_i]).
  The encoder reads z_i' in histories, too.
- The loss is the backbone's, cross-entropy over the catalogue unless told otherwise, and no binary one on ratings above
  a threshold. The best epoch is chosen on validation, not on the test.
- KAR shows the first half of a history to the language model and takes no sample from that half; the cut-off
  `first_half` of the users' texts does so here, the half counted in training items. By default, `earliest`, all
  training items are learnt, and a user's text serves the last of them, validation and test, which come after all that
  it was made from.
- KAR has experts of its own for users. Here there are none unless asked for, and both sides share the linear map: a
  user's text meets one training prediction a user, where KAR has many samples.
- KAR encodes the history shown and the answer together, with BERT or ChatGLM. Here it is the answer alone: the backbone
  reads the history, and MiniLM would cut off the answer behind it. Text vectors are standardised.

KAR defines no form without a text encoder; `encoder: {kind: tfidf}` is the one that needs no trained weights.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from llmrec_bench import Config, Queries, Range, Run, TrainingData
from llmrec_bench_plugins.backbones.gru4rec import GRU4Rec
from llmrec_bench_plugins.backbones.sasrec import SASRec
from llmrec_bench_plugins.backbones.srgnn import SRGNN
from llmrec_bench_plugins.stages.controls import Control
from llmrec_bench_plugins.stages.text_embeddings import TextEmbeddings, read_controlled_embeddings
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings, known_users, read_user_embeddings

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.sequence_encoder import SequenceEncoder

SOURCE = (
    "Xi et al., Towards Open-World Recommendation with Knowledge Augmentation from Large Language Models, RecSys 2024 "
    "(KAR), adapted from click prediction to ranking"
)


class KnowledgeOptions(Config):
    """What the enhancer adds to a backbone.

    Numbers of experts were chosen by validation NDCG@10 of SASRec over the whole catalogue of 300 users of
    MovieLens-100K, means of 2 seeds: 0.095 as they stand; 0.093 with 7 shared ones alone, 0.081 with 2 shared and 5 of
    items, 0.077 with these and `share_fusion: false`, 0.070 with one of users in the place of one of items, 0.063 with
    KAR's 2 shared and 5 of each side without a shared map (one seed); plain SASRec 0.092, `sasrec+` 0.094. What is
    learned of texts of users alone is learned from one prediction a user, and soon knows them by heart.
    """

    user_text: UserTextEmbeddings | None
    """What is known of a user: preferences that a language model explains, or plain titles as a control; null: facts
    on items alone."""
    item_text: TextEmbeddings | None
    """What is known of an item: a language model's facts, or plain titles as a control; null: preferences of users
    alone."""
    control: Control = "none"
    """`shuffled` gives each user another user's text and each item another item's, `random` a random vector of the same
    mean and spread, drawn by the run's seed: the same model with vectors that say nothing. KAR has no such control."""
    shared_experts: int = Field(5, ge=0, le=64)
    """Experts that read texts of users and of items; 2 in KAR."""
    user_experts: int = Field(0, ge=0, le=64)
    """Experts that read texts of users alone; 5 in KAR, which tries 2 to 6."""
    item_experts: int = Field(2, ge=0, le=64)
    """Experts that read texts of items alone; 5 in KAR."""
    share_fusion: bool = True
    """Whether users and items share the linear map that joins a vector with what is known; KAR has none."""
    expert_hidden: int = Field(128, ge=1, le=8192)
    """Hidden size of an expert."""
    expert_width: int = Field(32, ge=1, le=8192)
    """Size of what an expert says, and of the knowledge."""

    @model_validator(mode="after")
    def _something_is_known(self) -> Self:
        if self.user_text is None and self.item_text is None:
            raise ValueError("user_text and item_text are both null; without either it is the plain backbone")
        for side, own, text in (
            ("user_experts", self.user_experts, self.user_text),
            ("item_experts", self.item_experts, self.item_text),
        ):
            if text is not None and self.shared_experts + own == 0:
                raise ValueError(f"shared_experts and {side} are both 0; one expert is the least")
        return self

    @model_validator(mode="after")
    def _one_space(self) -> Self:
        if self.user_text is None or self.item_text is None or self.shared_experts == 0:
            return self
        users, items = self.user_text.encoder, self.item_text.encoder
        if users != items or users.kind == "tfidf":
            raise ValueError(
                f"shared_experts need one encoder for users ({users.kind}) and items ({items.kind}), and not tfidf, "
                "which gives each its own space; set them to 0 or choose another encoder"
            )
        return self


class WithKnowledge:
    """Adds knowledge of users and items to the encoder of the `SequentialMethod` it stands before.

    In training a user's text serves the prediction of the last training item only, for it may tell of all items before
    that; with the cut-off `single_train` it serves all of them, and has seen what it is to find. With `first_half` only
    items behind that half are learnt, and the text serves each of them.
    """

    config: KnowledgeOptions

    def extended(self, encoder: "SequenceEncoder", train: TrainingData, run: Run) -> "SequenceEncoder":
        import torch

        from llmrec_bench_plugins.blocks.hybrid_experts import ExpertSizes, add_knowledge

        config, self._training_lengths = self.config, train.sequences.lengths
        sizes = ExpertSizes(
            config.shared_experts,
            config.user_experts,
            config.item_experts,
            config.expert_hidden,
            config.expert_width,
        )
        of_items = of_users = rows = None
        if config.item_text is not None:
            folder = run.artifact(config.item_text)
            of_items = torch.from_numpy(read_controlled_embeddings(folder, config.control, run.rng))
        if config.user_text is not None:
            vectors, places = read_user_embeddings(run.artifact(config.user_text), config.control, run.rng)
            # User u's text for the validation is U + u's, and so on.
            of_users, rows = torch.from_numpy(vectors), torch.from_numpy(places.ravel())
        everywhere = config.user_text is not None and config.user_text.every_position
        everywhere |= self.first_targets(train) is not None
        add_knowledge(encoder, sizes, of_items, of_users, rows, config.share_fusion, everywhere)
        return encoder

    def first_targets(self, train: TrainingData) -> npt.NDArray[np.int64] | None:
        """The first that came after all that the user's text was made from, with the cut-off `first_half`."""
        user_text = self.config.user_text
        return None if user_text is None else user_text.first_served(train.sequences.lengths)

    def known_users(self, queries: Queries) -> npt.NDArray[np.int64] | None:
        """Of validation or test, as the queries are; None without texts of users."""
        if self.config.user_text is None:
            return None
        return known_users(queries, self._training_lengths)


class EnhancedGRU4Rec(WithKnowledge, GRU4Rec):
    """GRU4Rec with what a language model knows of users' preferences and of items, through KAR's adaptor.

    An adaptation of KAR to ranking: knowledge goes into the vectors of the sequence and of the items, and the loss is
    the backbone's. The defaults of GRU4Rec's options are those of `gru4rec+`.
    """

    name = "llm-enhancer-gru4rec"
    version = "1"
    source = SOURCE
    settings: ClassVar = {}

    class Config(GRU4Rec.Config, KnowledgeOptions):
        """Options of GRU4Rec with knowledge."""

        learning_rate: Annotated[float, Range(5e-4, 1e-2, log=True)] = Field(2e-3, gt=0)
        """Adam's step size."""

    config: Config


class EnhancedSASRec(WithKnowledge, SASRec):
    """SASRec with what a language model knows of users' preferences and of items, through KAR's adaptor.

    An adaptation of KAR to ranking: knowledge goes into the vectors of the sequence and of the items, and the loss is
    the backbone's. The defaults of SASRec's options are those of `sasrec+`.
    """

    name = "llm-enhancer-sasrec"
    version = "1"
    source = SOURCE
    settings: ClassVar = {}

    class Config(SASRec.Config, KnowledgeOptions):
        """Options of SASRec with knowledge."""

    config: Config


class EnhancedSRGNN(WithKnowledge, SRGNN):
    """SR-GNN with what a language model knows of users' preferences and of items, through KAR's adaptor.

    An adaptation of KAR to ranking: knowledge goes into the vectors of the sequence and of the items, and the loss is
    the backbone's. The defaults of SR-GNN's options are those of `srgnn+`.
    """

    name = "llm-enhancer-srgnn"
    version = "1"
    source = SOURCE
    settings: ClassVar = {}

    class Config(SRGNN.Config, KnowledgeOptions):
        """Options of SR-GNN with knowledge."""

        learning_rate: Annotated[float, Range(5e-4, 1e-2, log=True)] = Field(2e-3, gt=0)
        """Adam's step size."""

    config: Config
