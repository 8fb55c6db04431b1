"""RecBole's module built on training data, with everything that its training and scoring need beside it."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from recbole.data.interaction import Interaction
from scipy import sparse

from llmrec_bench import BenchError, TrainingData
from llmrec_bench_plugins.blocks.negative_items import UnseenItems
from llmrec_bench_plugins.blocks.next_item_training import TrainingOutcome
from llmrec_bench_plugins.recbole_zoo.dataset import RecBoleDataset, RecBoleSettings, item_categories
from llmrec_bench_plugins.recbole_zoo.examples import (
    Examples,
    Masks,
    Negatives,
    NextItems,
    Pairs,
    Users,
    reversed_padding,
)
from llmrec_bench_plugins.recbole_zoo.fields import NAMES
from llmrec_bench_plugins.recbole_zoo.models import NEED_CATEGORIES, PERSONAL, ZooModel, all_settings
from llmrec_bench_plugins.recbole_zoo.training import Extend, TrainingOptions, train_module


@dataclass(frozen=True)
class Built:
    """A module with what feeds it."""

    module: torch.nn.Module
    examples: Examples
    extend: Extend
    """Adds to a batch of examples what the loss reads beyond them."""
    history_length: int | None
    """L of the histories that scoring reads; None where it goes by the user alone."""
    by_user: bool
    """Whether the module has something of each training user, so that it knows no others."""
    padded_left: bool
    pretraining_epochs: int
    """Epochs on the module's pretraining loss before its own; 0 for most."""
    remarks: tuple[str, ...]
    """What is unlike RecBole's way of this model."""

    def count(self) -> None:
        """Show a module without epochs all rows once, as RecBole does."""
        self.module.calculate_loss(self.examples.batch(np.arange(len(self.examples))))  # type: ignore[operator]
        self.module.eval()

    def train(
        self,
        options: TrainingOptions,
        rng: np.random.Generator,
        validate: Callable[[], float],
        log: Callable[[str], None],
    ) -> TrainingOutcome:
        """Train the module, after its pretraining where it has one. Raises `DivergedError`."""
        if self.pretraining_epochs:
            before = TrainingOptions(self.pretraining_epochs, options.batch_size, options.learning_rate, None)
            told = lambda line: log(f"pretraining, {line}")  # noqa: E731
            train_module(self.module, self.examples, self.extend, before, rng, validate, told)
            finetuned(self.module)
        return train_module(self.module, self.examples, self.extend, options, rng, validate, log)


def build(
    model: ZooModel, options: Mapping[str, Any], train: TrainingData, device: str, rng: np.random.Generator
) -> Built:
    """The module with RecBole's settings and `options` over them, its weights from torch's global generator.

    Raises `BenchError` where the data lack what the module reads, and where the module refuses its options.
    """
    kind = module_class(model)
    settings = RecBoleSettings({**all_settings(model.name), **options, **NAMES, "device": torch.device(device)})
    settings["train_stage"] = "pretrain" if model.name == "S3Rec" else None
    settings["train_method"] = "no_pretrain"
    sequential = model.family == "sequential"
    length: int = settings["MAX_ITEM_LIST_LENGTH"]
    masked, padded_left = settings["transform"] == "mask_itemseq", settings["transform"] == "inverse_itemseq"
    examples: Examples
    if sequential:
        examples = NextItems(train.sequences, length, shortest=2 if masked else 1)
        if len(examples) == 0:
            raise BenchError(f"recbole:{model.name}: no user has {3 if masked else 2} training items to learn from")
    elif hasattr(kind, "get_rating_matrix") or model.name == "ENMF":
        examples = Users(train.sequences)
    else:
        examples = Pairs(train.sequences)
    categories = item_categories(train.items) if model.name in NEED_CATEGORIES else None
    if model.name in NEED_CATEGORIES and categories is None:
        raise BenchError(f"recbole:{model.name}: reads items' categories, and this data set has none")
    unseen = UnseenItems(train.sequences.offsets, train.sequences.items, train.n_items)
    dataset = RecBoleDataset(
        train.sequences, train.n_items, examples.batch(np.arange(len(examples))), settings, categories, rng
    )
    if model.name.endswith("CPR") and settings["reranker_CAN_NUM"] > train.n_items:
        raise BenchError(
            f"recbole:{model.name}: option 'reranker_CAN_NUM' is {settings['reranker_CAN_NUM']}, more than the "
            f"{train.n_items} items; lower it"
        )
    try:
        with _dok_update(), redirect_stdout(io.StringIO()):  # some print their debugging
            module = kind(settings, dataset).to(device)
    except (AssertionError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise BenchError(
            f"recbole:{model.name}: RecBole's module cannot be built on these data and options: {said}"
        ) from error
    return Built(
        module=module,
        examples=examples,
        extend=_extend(module, examples, settings, unseen, masked, padded_left),
        history_length=length if sequential else None,
        by_user=not sequential or model.name in PERSONAL,
        padded_left=padded_left,
        pretraining_epochs=settings["pretrain_epochs"] if model.name == "S3Rec" else 0,
        remarks=tuple(_remarks(model, settings, masked, padded_left)),
    )


def module_class(model: ZooModel) -> type[torch.nn.Module]:
    """RecBole's class. Importing it switches torch's search for anomalies on, which is switched back."""
    anomalies = torch.is_anomaly_enabled()
    try:
        found = import_module(f"recbole.model.{model.family}_recommender.{model.name.lower()}")
    except ImportError as error:
        raise BenchError(f"recbole:{model.name}: RecBole cannot be imported here: {error}") from error
    finally:
        torch.autograd.set_detect_anomaly(anomalies)
    kind: type[torch.nn.Module] = getattr(found, model.name)
    return kind


@contextmanager
def _dok_update() -> Iterator[None]:
    """Gives scipy's dictionary matrices the method back by which RecBole's graph modules fill them."""
    kind = sparse.dok_matrix
    if hasattr(kind, "_update"):
        yield
        return
    kind._update = lambda self, entries: self._dict.update(entries)
    try:
        yield
    finally:
        del kind._update


def finetuned(module: torch.nn.Module) -> None:
    """S3Rec with its pretrained weights and the loss it is to be trained on from here."""
    from recbole.model.loss import BPRLoss

    module.train_stage = "finetune"  # type: ignore[assignment]
    module.loss_fct = torch.nn.CrossEntropyLoss() if module.loss_type == "CE" else BPRLoss()


def _extend(
    module: torch.nn.Module,
    examples: Examples,
    settings: RecBoleSettings,
    unseen: UnseenItems,
    masked: bool,
    padded_left: bool,
) -> Extend:
    from recbole.utils import InputType

    if masked:
        return Masks(settings["mask_ratio"], settings["ft_ratio"], unseen).added
    if isinstance(examples, Users) or (isinstance(examples, NextItems) and settings["loss_type"] == "CE"):
        return (lambda batch, rng: reversed_padding(batch)) if padded_left else (lambda batch, rng: batch)
    labelled = isinstance(examples, Pairs) and module.input_type == InputType.POINTWISE
    drawn = Negatives(unseen, settings["train_neg_sample_args"]["sample_num"], labelled).added

    def extend(batch: Interaction, rng: np.random.Generator) -> Interaction:
        return drawn(reversed_padding(batch) if padded_left else batch, rng)

    return extend


def _remarks(model: ZooModel, settings: RecBoleSettings, masked: bool, padded_left: bool) -> list[str]:
    remarks = []
    if model.name in NEED_CATEGORIES:
        remarks.append("its item features are the items' categories")
    if model.name == "S3Rec":
        remarks.append(f"pretrained on the training rows for {settings['pretrain_epochs']} epochs")
    if masked:
        remarks.append("as in RecBole, masks hide items of histories, never the training item after them")
    if padded_left:
        remarks.append("scored from histories padded on the left, as it is trained; RecBole pads on the right there")
    return remarks
