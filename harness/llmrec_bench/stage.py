"""An expensive, shareable step on the way to a method: built once for each key, used by every trial that asks."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from llmrec_bench.config import Config
from llmrec_bench.data.training import TrainingData
from llmrec_bench.llm.prompt import Prompt, PromptFile

if TYPE_CHECKING:
    from llmrec_bench.llm.language_model import LanguageModel
    from llmrec_bench.llm.metered import MeteredModel

ConfigT = TypeVar("ConfigT", bound=Config)

KEY_VERSION = 1
"""Raised when the same stage on the same data would get another key."""


@dataclass(frozen=True)
class StageRun:
    """What the harness lends to `Stage.build`."""

    device: str
    """`cpu`, or `cuda` or `cuda:N` where the user asked for it."""
    artifact: "Callable[[Stage], Path]"
    """The finished folder of a child, that is of a stage in one of this stage's own options."""
    llm: "Callable[[LanguageModel.Config], MeteredModel]"
    """The language model an option names, recorded and metered."""
    saw: Callable[[int, Sequence[int]], None]
    """`run.saw(user, items)`: tell the harness which interactions (codes) went into the artifact, in one call for each
    text or other part that is made of them. The manifest keeps them as tokens; an item that a part holds more often
    than the user had it before the test fails the stage."""
    log: Callable[[str], None]
    """Keeps a line in the manifest."""
    remark: Callable[[str], None]
    """Keeps a line that a reader of results has to know: it also stands below the tables of what was made with it."""
    scratch: Path
    """A folder for work half done, to go on from after a kill; it may not be there yet. What a stage leaves in it is
    there again when the same stage is built anew, until the artifact is finished."""
    saw_review: Callable[[int, int], None]
    """`run.saw_review(user, item)`: as `saw`, for what is made of one review of the training data; a review that is not
    among these fails the stage. Where reviews are split as released, some of these are about test targets."""


class Stage(Config, ABC):
    """A frozen set of options that builds a folder. Two stages with the same options, on the same training data, are
    one.

    A method that needs one has it as an option's type, and asks `run.artifact(self.config.OPTION)` for the folder. A
    stage that needs another does the same. What is built depends on the options, the training data and, where a
    language model writes, its answers; never on validation or test targets, but for the validation reviews that a
    stage which reads reviews is given apart.
    """

    name: ClassVar[str]
    """What a person reads in plans and manifests."""
    version: ClassVar[str]
    """Raised when the same options would give another artifact."""
    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of `bench check` that it is meant to fail, by name, each with the reason."""
    reads_reviews: ClassVar[bool] = False
    """Whether `build` and `prompts` get the reviews in the training data. Only then other reviews give another key."""

    @abstractmethod
    def build(self, train: TrainingData, out: Path, run: StageRun) -> None:
        """Write the artifact's files into the empty folder `out`. Whatever this raises, nothing is kept."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The wordings the stage uses; a changed wording gives another key, a reconstructed one is named in the
        manifest's log."""
        return ()

    def prompts(self, train: TrainingData) -> Sequence[Prompt]:
        """What `build` will ask language models, for the estimate of a plan; empty for a stage that asks nothing."""
        return ()

    def language_model(self) -> "LanguageModel.Config | None":
        """Which model those prompts go to."""
        return None

    def fault(self, device: str) -> str | None:
        """Why it could not be built now on the device, in one line: weights that are not on this machine, or that do
        not fit its memory. None where nothing is known to be in the way.

        Nothing is fetched or loaded to find out. A plan shows it, and a run does not ask: by then the weights may have
        been fetched. The stages among its options tell their own.
        """
        return None

    def texts_about_users(self, folder: Path) -> Mapping[int, str]:
        """What the finished artifact in `folder` says of users (by code) for the test, for a figure of cases; empty for
        a stage that writes about no user."""
        return {}

    def identity(self) -> dict[str, Any]:
        """The options with the stage's name, its version and the hashes of its wordings."""
        files = self.prompt_files()
        wordings = {"prompt_hashes": [file.hash for file in files]} if files else {}
        return {"stage": self.name, "version": self.version, **wordings, **super().identity()}

    def given(self, train: TrainingData) -> TrainingData:
        """What it gets of the training data: all, but reviews only where it reads them."""
        return train if self.reads_reviews else replace(train, reviews=None, validation_reviews=None)

    def covered(self, training_fingerprint: str) -> str:
        """The part of a fingerprint that tells of what it rests on: of the reviews only where it, or a stage among its
        options, reads them."""
        if self.reads_reviews or any(stage.reads_reviews for stage in stages_in(self)):
            return training_fingerprint
        return training_fingerprint.partition("+")[0]

    def training(self, training_fingerprint: str) -> str:
        """The training data it is built on, where a method that needs it has these."""
        return self.covered(training_fingerprint)

    def key(self, training_fingerprint: str) -> str:
        """16 hex digits: what the artifact is known by where a method that needs it has these training data."""
        # Where it is built is said by the training data: what `built_on` leads to is what that data set has itself.
        identity = {option: value for option, value in self.identity().items() if option != "built_on"}
        whole = {"key_version": KEY_VERSION, "stage": identity, "training": self.training(training_fingerprint)}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]


class TransferableStage(Stage, ABC):
    """A stage that may be built on another data set than the one it serves, as its artifact holds no code of a user or
    an item."""

    built_on: str | None = None
    """The data set to build it on, with all it is built from: a label of the suite's; null: the one that the method
    runs on."""

    def identity(self) -> dict[str, Any]:
        """Without `built_on` where it is not set."""
        plain = super().identity()
        return {name: value for name, value in plain.items() if name != "built_on" or value is not None}

    def training(self, training_fingerprint: str) -> str:
        """Those of the other data set, once a plan has put their fingerprint for its label."""
        return self.covered(self.built_on or training_fingerprint)


def stages_of(config: Config, training_fingerprint: str = "") -> dict[str, tuple[Stage, str]]:
    """Every stage among a config's options, at any depth, by key, children before those that need them, each with the
    fingerprint of the training data it is built on."""
    found: dict[str, tuple[Stage, str]] = {}
    for stage, training in _walk(config, training_fingerprint):
        found.setdefault(stage.key(training), (stage, training))
    return found


def stages_in(config: Config) -> Iterator[Stage]:
    """Every stage among a config's options, at any depth, children before those that need them. Needs no data and takes
    no hash, so that what a stage rests on may be missing."""
    return (stage for stage, _ in _walk(config, ""))


def _walk(config: Config, training: str) -> Iterator[tuple[Stage, str]]:
    for part in _parts(config):
        below = part.training(training) if isinstance(part, Stage) else training
        yield from _walk(part, below)
        if isinstance(part, Stage):
            yield part, below


def _parts(config: Config) -> Iterator[Config]:
    for option in type(config).model_fields:
        value = getattr(config, option)
        yield from (
            part for part in (value if isinstance(value, tuple | list) else [value]) if isinstance(part, Config)
        )


def elsewhere(config: Config) -> set[str]:
    """What the stages among a config's options have as `built_on`."""
    stages = (stage for stage in stages_in(config) if isinstance(stage, TransferableStage))
    return {stage.built_on for stage in stages if stage.built_on is not None}


def settled(config: ConfigT, trainings: Mapping[str, str]) -> ConfigT:
    """The config with the fingerprint of the training data, by `trainings`, for each label that `built_on` names."""

    def settle(value: Any) -> Any:
        if isinstance(value, Config):
            return settled(value, trainings)
        return type(value)(map(settle, value)) if isinstance(value, tuple | list) else value

    values = {option: getattr(config, option) for option in type(config).model_fields}
    update = {option: new for option, value in values.items() if (new := settle(value)) != value}
    if isinstance(config, TransferableStage) and config.built_on is not None:
        update["built_on"] = config.covered(trainings[config.built_on])
    return config.model_copy(update=update) if update else config
