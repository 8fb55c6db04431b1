"""What every trained sequential backbone shares: options, fitting and scoring. A new one says how it is built."""

from abc import abstractmethod
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from llmrec_bench import BenchError, Choice, Method, Queries, Range, Run, Scores, TrainingData
from llmrec_bench_plugins.backbones.preconditions import need_device, need_validation

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.sequence_encoder import SequenceEncoder


class SequentialMethod(Method):
    """A next-item encoder that scores an item by the product of two vectors.

    A subclass names itself, adds options to `Config` and builds the encoder; a `CausalEncoder` trains on all positions
    of a sequence at once, any other `SequenceEncoder` on one prefix at a time.
    """

    class Config(Method.Config):
        """Options of every trained sequential backbone."""

        width: Annotated[int, Choice((32, 64, 128))] = Field(64, ge=1, le=4096)
        """d: the length of item and user vectors."""
        history_length: int = Field(50, ge=2, le=10_000)
        """How many of a user's latest items the encoder sees; longer training sequences are cut into windows."""
        dropout: Annotated[float, Range(0.0, 0.7)] = Field(0.35, ge=0, le=0.9)
        """Share of values zeroed while training."""
        loss: Literal["bce", "ce", "sampled_softmax"] = "ce"
        """`ce`: cross-entropy over the whole catalogue. `bce`: binary, against one item drawn uniformly from outside
        the user's training items. `sampled_softmax`: cross-entropy over the target and `negatives`; for catalogues
        too large for `ce`."""
        negatives: int = Field(512, ge=1)
        """Only for `sampled_softmax`: items drawn uniformly, with replacement, for each batch and shared by its
        predictions."""
        epochs: int = Field(200, ge=1)
        """At most this many passes over the training data."""
        batch_size: Annotated[int, Choice((512, 1024, 2048))] = Field(1024, ge=1)
        """Next-item predictions in one step, about: whole sequences are taken."""
        learning_rate: Annotated[float, Range(5e-4, 1e-2, log=True)] = Field(2e-3, gt=0)
        """Adam's step size."""
        gradient_clip: float = Field(5.0, gt=0)
        """The largest norm of a step's gradient."""
        patience: int | None = Field(8, ge=1)
        """Stop after this many epochs without a better validation metric and keep the best epoch's weights; null: train
        for all `epochs`, keep the last weights and use no validation data."""
        validation_metric: str = "NDCG@10"
        """What `patience` watches; a metric where higher is better."""

    config: Config

    @abstractmethod
    def build(self, n_items: int) -> "SequenceEncoder":
        """A fresh encoder; its weights are drawn from torch's global generator, which `fit` has seeded."""

    def extended(self, encoder: "SequenceEncoder", train: TrainingData, run: Run) -> "SequenceEncoder":
        """The encoder with what a subclass adds to any of them, such as item texts; here as it is."""
        return encoder

    def known_users(self, queries: Queries) -> npt.NDArray[np.int64] | None:
        """int64 (B,): whose text the encoder's user side takes for each query; None where it has no user side."""
        return None

    def first_targets(self, train: TrainingData) -> npt.NDArray[np.int64] | None:
        """int64 (U,): the place, from 0, of each user's first training item that is learnt; None: of every one that
        follows another."""
        return None

    def fit(self, train: TrainingData, run: Run) -> None:
        """Train. The run's seed decides the weights, the dropout, the order of batches and the negatives."""
        import torch

        from llmrec_bench_plugins.blocks.epochs import DivergedError
        from llmrec_bench_plugins.blocks.next_item_training import TrainingOptions, train_next_item

        config = self.config
        need_device(self.name, run.device)
        need_validation(self.name, train, config.patience, config.epochs)
        if train.sequences.lengths.max(initial=0) < 2:
            raise BenchError(f"{self.name}: no user has two training items, so there is no next item to learn from")
        options = TrainingOptions(**{field.name: getattr(config, field.name) for field in fields(TrainingOptions)})
        # Weights and dropout draw from torch's global generators: seeded here, and put back as they were afterwards.
        with torch.random.fork_rng(devices=[] if run.device == "cpu" else [run.device]):
            torch.manual_seed(run.seed)
            self._encoder = self.extended(self.build(train.n_items), train, run).to(run.device)
            try:
                outcome = train_next_item(
                    self._encoder,
                    train.sequences.offsets,
                    train.sequences.items,
                    options,
                    run.rng,
                    validate=lambda: run.validate(self.score, config.validation_metric),
                    log=run.log,
                    first_targets=self.first_targets(train),
                )
            except DivergedError as error:
                raise BenchError(f"{self.name}: {error}; try a smaller `learning_rate`") from error
        run.log(f"kept epoch {outcome.best_epoch} of {outcome.epochs}")

    @property
    def parameters(self) -> int:
        """Of the encoder and its item table."""
        return sum(weight.numel() for weight in self._encoder.parameters())

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): user vector times item vector; NaN where the history is empty."""
        from llmrec_bench_plugins.blocks.next_item_scores import history_scores

        histories, length = queries.histories, self.config.history_length
        users = self.known_users(queries)
        return history_scores(self._encoder, histories.offsets, histories.items, length, queries.candidates, users)
