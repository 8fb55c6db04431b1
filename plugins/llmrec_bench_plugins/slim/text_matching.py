"""ID-agnostic SLIM: users and items matched by their texts alone (Eq. 7)."""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from llmrec_bench import BenchError, Choice, Method, Queries, Range, Run, Scores, TrainingData
from llmrec_bench_plugins.backbones.text_fused import SOURCE
from llmrec_bench_plugins.stages.controls import Control
from llmrec_bench_plugins.stages.text_embeddings import TextEmbeddings, read_embeddings
from llmrec_bench_plugins.stages.text_encoders import MiniLM
from llmrec_bench_plugins.stages.user_histories import SERVED
from llmrec_bench_plugins.stages.user_text_embeddings import (
    UserTextEmbeddings,
    moments,
    read_user_embeddings,
)


class SLIMMatching(Method):
    """One linear map of the text about a user and of the items' texts; their product is the score. No ids, no sequence.

    It is trained on each user's last training item, which the text has not seen; with the cut-off `single_train` on all
    of them, which it has. Users without a text get no scores.
    """

    name = "slim-matching"
    version = "1"
    source = SOURCE.replace("Eq. 6", "Eq. 7")
    settings: ClassVar = {}

    class Config(Method.Config):
        """Options of text matching."""

        user_text: UserTextEmbeddings
        """What is known of a user: rationales of a teacher (SLIM-minus) or of a student (SLIM), one step of them, or
        plain titles."""
        control: Control = "none"
        """`shuffled` gives each user another user's text, `random` a random vector of the same mean and spread, drawn
        by the run's seed: the same model with vectors that say nothing of the user. The paper has no such control."""
        item_text: TextEmbeddings = TextEmbeddings(encoder=MiniLM())
        """Which texts of the items, and what encodes them; the same encoder as for users."""
        width: Annotated[int, Choice((32, 64, 128))] = Field(64, ge=1, le=4096)
        """d_m, the size of the matched vectors; the paper leaves it unsaid."""
        loss: Literal["ce", "bce"] = "ce"
        """`bce`: binary, against one item drawn from outside the user's training items, as in the paper. `ce`:
        cross-entropy over the whole catalogue, as the backbones have it."""
        epochs: int = Field(200, ge=1)
        """At most this many passes over the training pairs."""
        batch_size: int = Field(256, ge=1)
        """Training pairs in one step, about."""
        learning_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(1e-3, gt=0)
        """Adam's step size."""
        patience: int | None = Field(8, ge=1)
        """Stop after this many epochs without a better validation metric and keep the best; null: train for all."""
        validation_metric: str = "NDCG@10"
        """What `patience` watches."""

        @model_validator(mode="after")
        def _one_space(self) -> Self:
            users, items = self.user_text.encoder, self.item_text.encoder
            if users != items or users.kind == "tfidf":
                raise ValueError(
                    f"users ({users.kind}) and items ({items.kind}) are matched by one map and need one encoder, "
                    "and not tfidf, which gives each its own space"
                )
            return self

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Learn the map. The run's seed decides its start, the order of pairs and the negatives."""
        import torch

        from llmrec_bench_plugins.blocks.epochs import DivergedError
        from llmrec_bench_plugins.blocks.negative_items import UnseenItems
        from llmrec_bench_plugins.blocks.text_fusion import standardised
        from llmrec_bench_plugins.blocks.text_matching import TextMatching, train_text_matching

        config, sequences = self.config, train.sequences
        self._items = standardised(torch.from_numpy(read_embeddings(run.artifact(config.item_text))))
        folder = run.artifact(config.user_text)
        embeddings, self._rows = read_user_embeddings(folder, config.control, run.rng)
        self._users, self._lengths = standardised(torch.from_numpy(embeddings)), sequences.lengths
        rows = self._rows[SERVED.index("train")]
        served = np.zeros(len(sequences.items), dtype=bool)
        everywhere = config.user_text.every_position
        served[sequences.offsets[1:][sequences.lengths > 0] - 1] = True
        having = (rows < len(self._users) - 1)[sequences.rows()]
        pairs = np.flatnonzero((served | everywhere) & having)
        if not len(pairs):
            raise BenchError(f"{self.name}: no user has a text and a training item to learn from")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed)
            self._model = TextMatching(self._items.shape[1], config.width)
            try:
                train_text_matching(
                    self._model,
                    self._users[rows],
                    self._items,
                    sequences.rows()[pairs],
                    sequences.items[pairs].astype(np.int64),
                    UnseenItems(sequences.offsets, sequences.items, train.n_items) if config.loss == "bce" else None,
                    config.epochs,
                    config.batch_size,
                    config.learning_rate,
                    config.patience,
                    run.rng,
                    lambda: run.validate(self.score, config.validation_metric),
                    run.log,
                )
            except DivergedError as error:
                raise BenchError(f"{self.name}: {error}; try a smaller `learning_rate`") from error

    @property
    def parameters(self) -> int:
        """Of the map."""
        return sum(weight.numel() for weight in self._model.parameters())

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): user text times item text, both mapped; NaN for users without a text."""
        import torch

        rows = self._rows[moments(queries, self._lengths), queries.users]
        with torch.no_grad():
            scores: Scores = self._model(self._users[rows], self._items).numpy()
        scores[rows == len(self._users) - 1] = np.nan
        if queries.candidates is not None:
            scores = np.take_along_axis(scores, np.maximum(queries.candidates, 0).astype(np.int64), axis=1)
        return scores
