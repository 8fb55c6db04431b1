"""An expensive, shareable step on the way to a method: built once for each key, used by every trial that asks."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from llmrec_bench.config import Config
from llmrec_bench.data.training import TrainingData
from llmrec_bench.llm.prompt import Prompt, PromptFile

if TYPE_CHECKING:
    from llmrec_bench.llm.language_model import LanguageModel
    from llmrec_bench.llm.metered import MeteredModel

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
    scratch: Path
    """A folder for work half done, to go on from after a kill; it may not be there yet. What a stage leaves in it is
    there again when the same stage is built anew, until the artifact is finished."""


class Stage(Config, ABC):
    """A frozen set of options that builds a folder. Two stages with the same options, on the same training data, are
    one.

    A method that needs one has it as an option's type, and asks `run.artifact(self.config.OPTION)` for the folder. A
    stage that needs another does the same. What is built depends on the options, the training data and, where a
    language model writes, its answers; never on validation or test targets.
    """

    name: ClassVar[str]
    """What a person reads in plans and manifests."""
    version: ClassVar[str]
    """Raised when the same options would give another artifact."""

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

    def identity(self) -> dict[str, Any]:
        """The options with the stage's name, its version and the hashes of its wordings."""
        files = self.prompt_files()
        wordings = {"prompt_hashes": [file.hash for file in files]} if files else {}
        return {"stage": self.name, "version": self.version, **wordings, **super().identity()}

    def key(self, training_fingerprint: str) -> str:
        """16 hex digits: what the artifact is known by on these training data."""
        whole = {"key_version": KEY_VERSION, "stage": self.identity(), "training": training_fingerprint}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]


def stages_of(config: Config) -> list[Stage]:
    """Every stage among a config's options, at any depth, each once, children before those that need them."""
    found: dict[str, Stage] = {}
    for stage in _walk(config):
        found.setdefault(json.dumps(stage.identity(), sort_keys=True), stage)
    return list(found.values())


def _walk(config: Config) -> Iterator[Stage]:
    for option in type(config).model_fields:
        value = getattr(config, option)
        for part in value if isinstance(value, tuple | list) else [value]:
            if isinstance(part, Config):
                yield from _walk(part)
                if isinstance(part, Stage):
                    yield part
