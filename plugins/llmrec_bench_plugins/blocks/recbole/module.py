"""RecBole's module built on training data, with everything that its training and scoring need beside it."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from recbole.data.interaction import Interaction
from scipy import sparse

from llmrec_bench_plugins.blocks.epochs import TrainingOutcome
from llmrec_bench_plugins.blocks.negative_items import UnseenItems
from llmrec_bench_plugins.blocks.recbole import fields
from llmrec_bench_plugins.blocks.recbole.dataset import RecBoleDataset, RecBoleSettings, category_numbers
from llmrec_bench_plugins.blocks.recbole.examples import (
    Examples,
    Masks,
    Negatives,
    NextItems,
    Pairs,
    Users,
    reversed_padding,
)
from llmrec_bench_plugins.blocks.recbole.training import Extend, TrainingOptions, train_module


class UnfitError(ValueError):
    """A module that cannot be built on these data with these options; the message says why."""


@dataclass(frozen=True)
class Built:
    """A module with what feeds it."""

    module: torch.nn.Module
    n_items: int
    examples: Examples
    extend: Extend
    """Adds to a batch of examples what the loss reads beyond them."""
    history_length: int | None
    """L of the histories that scoring reads; None where it goes by the user alone."""
    padded_left: bool
    """Whether scoring reads histories padded on the left, as the module is trained; RecBole's own scoring does not."""
    masked: bool
    """Whether training hides items of the histories, and predicts these."""
    pretraining_epochs: int
    """Epochs on the module's pretraining loss before its own; 0 for most."""

    def count(self) -> None:
        """Show a module without epochs every pair once.

        Pop counts a batch's items, not its pairs, so a batch holds no item twice; RecBole's batches do, and its Pop
        is then not the popularity.
        """
        assert isinstance(self.examples, Pairs), "modules without epochs are of the general family"
        items = self.examples.items
        by_item = np.argsort(items, kind="stable")
        counts = np.bincount(items)
        occurrence = np.arange(len(items)) - np.repeat(np.cumsum(counts) - counts, counts)
        order = by_item[np.argsort(occurrence, kind="stable")]
        for rows in np.split(order, np.cumsum(np.bincount(occurrence))[:-1]):
            self.module.calculate_loss(self.examples.batch(rows).to(self.device))  # type: ignore[operator]
        self.module.eval()

    @property
    def device(self) -> torch.device:
        """Where the module is."""
        return next(self.module.parameters()).device

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
    name: str,
    family: str,
    settings: Mapping[str, Any],
    offsets: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    n_items: int,
    categories: Sequence[Any] | None,
    device: str,
    rng: np.random.Generator,
) -> Built:
    """RecBole's module `name` of a family, sequential or general, with its `settings`. Weights are drawn from
    torch's global generator.

    User u's training items are those from `offsets[u]` to `offsets[u + 1]`; `categories` are the items', for a module
    of item features, else None. Raises `UnfitError` where the data lack what the module reads, and where it refuses
    its settings.
    """
    kind = module_class(name, family)
    settings = RecBoleSettings({**settings, **fields.NAMES, "device": torch.device(device)})
    settings["train_stage"] = "pretrain" if name == "S3Rec" else None
    settings["train_method"] = "no_pretrain"
    masked, padded_left = settings["transform"] == "mask_itemseq", settings["transform"] == "inverse_itemseq"
    examples: Examples
    if family == "sequential":
        examples = NextItems(offsets, items, settings["MAX_ITEM_LIST_LENGTH"], shortest=2 if masked else 1)
        if len(examples) == 0:
            raise UnfitError(f"no user has {'three' if masked else 'two'} training items to learn an order from")
    elif hasattr(kind, "get_rating_matrix") or name == "ENMF":
        examples = Users(offsets)
    else:
        examples = Pairs(offsets, items)
    numbers = None if categories is None else category_numbers(categories)
    if categories is not None and numbers is None:
        raise UnfitError("it reads items' attributes or categories, and this data set has neither")
    if name.endswith("CPR") and settings["reranker_CAN_NUM"] > n_items:
        most = settings["reranker_CAN_NUM"]
        raise UnfitError(f"option 'reranker_CAN_NUM' is {most}, more than the {n_items} items; lower it")
    rows = examples.batch(np.arange(len(examples)))
    dataset = RecBoleDataset(offsets, items, n_items, rows, settings, numbers, rng)
    try:
        with _dok_update(), redirect_stdout(io.StringIO()):  # some print their debugging
            module = kind(settings, dataset).to(device)
    except (AssertionError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise UnfitError(f"RecBole refuses these data or options: {' '.join(str(error).split()) or error!r}") from error
    if name == "NeuMF":
        _freeze_left_out(module, settings)
    unseen = UnseenItems(offsets, items, n_items)
    return Built(
        module=module,
        n_items=n_items,
        examples=examples,
        extend=_extend(module, examples, settings, unseen, masked, padded_left),
        history_length=settings["MAX_ITEM_LIST_LENGTH"] if family == "sequential" else None,
        padded_left=padded_left,
        pretraining_epochs=settings["pretrain_epochs"] if name == "S3Rec" else 0,
        masked=masked,
    )


def module_class(name: str, family: str) -> Any:
    """RecBole's class. Importing it switches torch's search for anomalies on, which is switched back."""
    anomalies = torch.is_anomaly_enabled()
    try:
        return getattr(import_module(f"recbole.model.{family}_recommender.{name.lower()}"), name)
    finally:
        torch.autograd.set_detect_anomaly(anomalies)


def _freeze_left_out(module: torch.nn.Module, settings: RecBoleSettings) -> None:
    """NeuMF keeps the tables of a half that it leaves out (`mf_train: false` is an MLP alone): they are no parameters
    that it learns. Raises `UnfitError` where both halves are left out."""
    halves = {half: settings[f"{half}_train"] for half in ("mf", "mlp")}
    if not any(halves.values()):
        raise UnfitError("options 'mf_train' and 'mlp_train' are both false, which leaves nothing to train")
    for name, weights in module.named_parameters():
        if any(not trained and f"{half}_" in name for half, trained in halves.items()):
            weights.requires_grad_(False)


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
