"""What holds for every stage, whatever it builds."""

import hashlib
from pathlib import Path

from llmrec_bench.execute.interactions_seen import InteractionsSeen
from llmrec_bench.execute.trial_data import TrialData
from llmrec_bench.plugins import Catalog
from llmrec_bench.stage import Stage
from llmrec_bench.testing.check import Check, named
from llmrec_bench.testing.config_checks import CONFIG_CHECKS
from llmrec_bench.testing.import_checks import IMPORT_CHECKS
from llmrec_bench.testing.interruption import interrupted, lines_run, stops
from llmrec_bench.testing.random_state import random_state_fault
from llmrec_bench.testing.tiny_data import TinyData, TinySplit, tiny_split
from llmrec_bench.testing.untouched import changed_training
from llmrec_bench.testing.workshop import Workshop


class StageSubject:
    """A stage under check: its options are the stage itself."""

    def __init__(self, stage: Stage, catalog: Catalog, folder: Path) -> None:
        self.kind = type(stage)
        self.config = stage
        self.context = catalog.context
        self._folder = folder
        self.workshop = Workshop(catalog, folder / "workshop")
        self._built = 0

    def build(self, data: TinySplit, seen: InteractionsSeen | None = None, scratch: Path | None = None) -> Path:
        """A folder of its own with what the stage builds; children and answers are shared by all builds."""
        out = self.new_folder()
        told = InteractionsSeen() if seen is None else seen
        place = self.new_folder() / "scratch" if scratch is None else scratch
        self.workshop.build(self.config, data, out, place, told)
        return out

    def new_folder(self) -> Path:
        """An empty one."""
        self._built += 1
        folder = self._folder / f"build-{self._built}"
        folder.mkdir(parents=True)
        return folder


def contents(folder: Path) -> dict[str, str]:
    """Hash by path of every file in a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def same_bytes(subject: StageSubject) -> str | None:
    """The same options and training data have the same key, and build the same bytes."""
    stage, data = subject.config, tiny_split()
    again = type(stage).model_validate_json(stage.model_dump_json(), strict=True, context=subject.context)
    fingerprint = data.training.fingerprint
    if again.key(fingerprint) != stage.key(fingerprint):
        return "the same options have another key"
    first, second = contents(subject.build(data)), contents(subject.build(tiny_split()))
    if not first:
        return "built no file"
    other = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    return f"a second build has other bytes in {other[0]}" if other else None


def past_only(subject: StageSubject) -> str | None:
    """What is built rests on training rows alone, and run.saw is told of those that are used."""
    data = tiny_split()
    seen = InteractionsSeen()
    ours = contents(subject.build(data, seen))
    trial = TrialData(data.dataset, data.training, data.popularity, data.queries, data.split.test_targets, "fixed")
    seen.refuse_test(subject.config.name, trial)  # raises where a test target was told of
    if ours != contents(subject.build(tiny_split(TinyData(swapped=True)))):
        return "other test targets, and what is built is another thing too"
    elsewhere = tiny_split(TinyData(seed=1))  # other interactions with the same items
    told = seen.anything or subject.workshop.artifacts_saw
    if ours != contents(subject.build(elsewhere)) and not told:
        return "depends on the users' interactions, and tells run.saw of none"
    return None


def data_untouched(subject: StageSubject) -> str | None:
    """The build changes none of the arrays and texts that it is given."""
    data, pristine = tiny_split(), tiny_split()
    subject.build(data)
    changed = changed_training(data.training, pristine.training)
    return f"changes {changed}" if changed is not None else None


def random_state(subject: StageSubject) -> str | None:
    """The build leaves the random state of the process alone."""
    data = tiny_split()
    subject.build(data)  # a framework that is loaded now has a state to compare
    return random_state_fault(lambda: subject.build(data))


def interrupted_build(subject: StageSubject) -> str | None:
    """A build that was stopped midway, and what it left in its scratch folder, change nothing of the next one."""
    data = tiny_split()
    whole = contents(subject.build(data))
    lines = lines_run(lambda: subject.build(data), subject.kind)
    for stop in stops(lines):
        scratch = subject.new_folder()
        if interrupted(lambda scratch=scratch: subject.build(data, scratch=scratch), subject.kind, stop):  # type: ignore[misc]
            try:
                again = contents(subject.build(data, scratch=scratch))
            except Exception as error:
                return f"stopped after line {stop} of {lines}, then built again: {type(error).__name__}: {error}"
            if again != whole:
                return f"stopped after line {stop} of {lines}, then built again: other bytes"
    return None


STAGE_CHECKS: tuple[Check[StageSubject], ...] = (
    *CONFIG_CHECKS,
    *named(same_bytes, past_only, data_untouched, random_state, interrupted_build),
    *IMPORT_CHECKS,
)
"""In the order a report has them."""
