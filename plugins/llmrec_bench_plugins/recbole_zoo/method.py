"""RecBole's models as methods: their module and loss, with this harness's data, candidates, training loop and
evaluation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, JsonValue, model_validator

from llmrec_bench import BenchError, Method, Queries, Range, Run, Scores, TrainingData
from llmrec_bench_plugins.backbones.preconditions import need_device, need_validation
from llmrec_bench_plugins.recbole_zoo.models import (
    CLOSED_FORM,
    FEATURES,
    MODELS,
    NEED_FEATURES,
    PERSONAL,
    ZooModel,
    all_settings,
    missing,
    own_options,
)
from llmrec_bench_plugins.recbole_zoo.options import refuse_unknown

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.recbole.module import Built


class RecBoleMethod(Method):
    """One of RecBole's models; a subclass says which."""

    model: ZooModel
    version = "1"

    class Config(Method.Config):
        """Options of a model of RecBole that counts or solves."""

        zoo: ClassVar[ZooModel]

        options: dict[str, JsonValue] = Field(default_factory=dict)
        """RecBole's own options of the model by name; those left out are as in RecBole's YAML file of the model."""

        def chosen(self) -> ZooModel:
            """Which model; known once the fields are."""
            return self.zoo

        @model_validator(mode="after")
        def _resolved(self) -> Self:
            """With RecBole's defaults, so that a trial's record and id hold all that the module was built with."""
            model = self.chosen()
            if reason := missing(model):
                raise ValueError(f"recbole:{model.name} does not run: it {reason}")
            given, known = self.options if "options" in self.model_fields_set else {}, own_options(model.name)
            refuse_unknown(given, known)
            epochs = given.get("pretrain_epochs")
            if isinstance(epochs, int | float) and epochs < 1:
                unlike = f"a {model.name} that is not pretrained would be a SASRec under another name"
                raise ValueError(f"'pretrain_epochs' should be 1 or more (given {epochs}); {unlike}")
            object.__setattr__(self, "options", {**known, **given})  # nobody has seen it yet
            return self

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Build the module, and train it where it has epochs. The run's seed decides weights, dropout, the order of
        rows, negatives and masks."""
        need_device(self.name, run.device)
        if len(train.sequences.items) == 0:
            raise BenchError(f"{self.name}: there is no training interaction")
        from llmrec_bench_plugins.blocks.recbole.module import UnfitError, build
        from llmrec_bench_plugins.blocks.recbole.training import seeded

        name, sequences = self.model.name, train.sequences
        categories = None
        if name in NEED_FEATURES:
            self._feature = next((column for column in FEATURES if column in train.items), FEATURES[-1])
            categories = list(train.items.get(self._feature, [""] * train.n_items))
        self._training_lengths = sequences.lengths
        with seeded(run.seed, run.device):
            try:
                self._built = build(
                    name,
                    self.model.family,
                    self._settings(run),
                    sequences.offsets,
                    sequences.items,
                    train.n_items,
                    categories,
                    run.device,
                    run.rng,
                )
            except (UnfitError, ImportError) as error:
                raise BenchError(f"{self.name}: {error}") from error
            self._learn(run)

    def _settings(self, run: Run) -> dict[str, Any]:
        return {**all_settings(self.model.name), **self.config.options, "seed": run.seed}

    def _learn(self, run: Run) -> None:
        self._built.count()

    @property
    def parameters(self) -> int:
        """Of the module: what gradients move, which is next to nothing where it counts or solves."""
        return sum(weight.numel() for weight in self._built.module.parameters() if weight.requires_grad)

    @property
    def remarks(self) -> Sequence[str]:
        """What is unlike RecBole's way of the model, or was decided for it."""
        built, remarks = self._built, []
        if self.model.name in NEED_FEATURES:
            told = {"attributes": "attributes", "category": "categories"}[self._feature]
            remarks.append(f"its item features are the items' {told}")
        if built.pretraining_epochs:
            remarks.append(f"pretrained on the training rows for {built.pretraining_epochs} epochs")
        if built.masked:
            remarks.append("as in RecBole, masks hide items of histories, never the training item after them")
        if built.padded_left:
            remarks.append(
                "scored from histories padded on the left, as it is trained; RecBole pads on the right there"
            )
        return remarks

    def score(self, queries: Queries) -> Scores:
        """float32 (B, C): what the module gives each candidate. NaN where the history is empty and the module reads it,
        and for users without training interactions where it has a vector for each user."""
        from llmrec_bench_plugins.blocks.recbole.scores import Asked, module_scores

        known = np.ones(len(queries), dtype=np.bool_)
        if self.model.family == "sequential":
            known &= queries.histories.lengths > 0
        if self.model.family == "general" or self.model.name in PERSONAL:
            known &= self._training_lengths[queries.users] > 0
        histories = queries.histories
        asked = Asked(queries.users, histories.offsets, histories.items, queries.candidates, self._known_users(queries))
        return module_scores(self._built, asked, np.flatnonzero(known))

    def _known_users(self, queries: Queries) -> npt.NDArray[np.int64] | None:
        """int64 (B,): whose text the module's user side takes for each query; None where it has no user side."""
        return None

    _built: "Built"
    _feature: str
    """The item column that a model of item features reads."""


class TrainedRecBoleMethod(RecBoleMethod):
    """One of RecBole's models that learns by gradients."""

    class Config(RecBoleMethod.Config):
        """Options of a model of RecBole that is trained."""

        history_length: int = Field(50, ge=2, le=10_000)
        """How many of a user's latest items a sequential model sees; RecBole's `MAX_ITEM_LIST_LENGTH`."""
        negatives: int = Field(1, ge=1)
        """Items drawn uniformly from outside the user's training items for each row, where the loss takes any."""
        epochs: int = Field(300, ge=1)
        """At most this many passes over the training rows."""
        batch_size: int = Field(2048, ge=1)
        """Rows in one step, about, negatives not counted: interactions, users, or next items with what came before."""
        learning_rate: Annotated[float, Range(5e-4, 1e-2, log=True)] = Field(1e-3, gt=0)
        """Adam's step size."""
        patience: int | None = Field(10, ge=1)
        """Stop after this many epochs without a better validation metric and keep the best epoch's weights; null: train
        for all `epochs`, keep the last weights and use no validation data."""
        validation_metric: str = "NDCG@10"
        """What `patience` watches; a metric where higher is better. RecBole's own is MRR@10."""

    config: Config

    def fit(self, train: TrainingData, run: Run) -> None:
        """Build the module and train it. The run's seed decides weights, dropout, the order of rows, negatives and
        masks."""
        need_validation(self.name, train, self.config.patience, self.config.epochs)
        super().fit(train, run)

    def _settings(self, run: Run) -> dict[str, Any]:
        config = self.config
        return {
            **super()._settings(run),
            "MAX_ITEM_LIST_LENGTH": config.history_length,
            "train_batch_size": config.batch_size,
            "train_neg_sample_args": {"distribution": "uniform", "sample_num": config.negatives},
        }

    def _learn(self, run: Run) -> None:
        from llmrec_bench_plugins.blocks.epochs import DivergedError
        from llmrec_bench_plugins.blocks.recbole.training import TrainingOptions

        config = self.config
        options = TrainingOptions(config.epochs, config.batch_size, config.learning_rate, config.patience)
        try:
            outcome = self._built.train(
                options, run.rng, lambda: run.validate(self.score, config.validation_metric), run.log
            )
        except DivergedError as error:
            raise BenchError(f"{self.name}: {error}; try a smaller `learning_rate`") from error
        run.log(f"kept epoch {outcome.best_epoch} of {outcome.epochs}")
        self._cut_short = config.patience is not None and outcome.epochs - outcome.best_epoch < config.patience

    @property
    def remarks(self) -> Sequence[str]:
        """With whether training ended before it had stopped gaining."""
        short = f"not converged: training ended with its {self.config.epochs} epochs, before early stopping would have"
        return [*super().remarks, *([short] if self._cut_short else [])]


def _method(model: ZooModel) -> type[RecBoleMethod]:
    """The model's class, under a name of this module so that it can be handed to worker processes."""
    base = RecBoleMethod if model.reason or model.name in CLOSED_FORM else TrainedRecBoleMethod
    name = f"RecBole{model.name}"
    about = {"__module__": __name__}
    told = RecBoleMethod.Config.model_fields["options"].description
    config = type(
        "Config",
        (base.Config,),
        {
            **about,
            "__qualname__": f"{name}.Config",
            "__doc__": f"Options of RecBole's {model.name}.",
            "zoo": model,
            "__annotations__": {"zoo": ClassVar[ZooModel], "options": dict[str, JsonValue]},
            "options": Field(
                default_factory=lambda: own_options(model.name),
                title="mapping",
                description=told,
            ),
            # Built when a suite asks for it; there are dozens, and no source to read sentences from.
            "model_config": ConfigDict(defer_build=True, use_attribute_docstrings=False),
        },
    )
    method = type(
        name,
        (base,),
        {
            **about,
            "__doc__": _described(model),
            "name": f"recbole:{model.name}",
            "source": f"RecBole 1.2.1 (Zhao et al., CIKM 2021), whose class {model.name} names the paper it follows",
            "model": model,
            "Config": config,
        },
    )
    globals()[name] = method
    return method


def _described(model: ZooModel) -> str:
    reason = missing(model)
    if reason:
        return f"Does not run: RecBole's {model.name} ({model.family}) {reason}."
    reads = " It reads the items' attributes or categories." if model.name in NEED_FEATURES else ""
    return f"RecBole's {model.name} ({model.family}), its module and loss as they are.{reads}"


METHODS: list[type[Method]] = [_method(model) for model in MODELS]
