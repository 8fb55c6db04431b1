"""What the stages behind a figure's methods wrote about users."""

from collections.abc import Iterator, Mapping

from llmrec_bench.artifacts import Artifacts
from llmrec_bench.errors import BenchError
from llmrec_bench.figures.figure import StageText
from llmrec_bench.figures.one_line import one_line
from llmrec_bench.figures.scene import Scene
from llmrec_bench.plan import PlannedStage
from llmrec_bench.stage import Stage


class StageTexts:
    """Read once for all users of a figure."""

    def __init__(self, scene: Scene) -> None:
        artifacts = Artifacts(scene.store.root / "artifacts")
        self._stages: dict[str, PlannedStage] = {}
        self._users: dict[str, list[str]] = {}
        for label in scene.labels:
            for planned in scene.plan.stages_for(scene.of(label)[0]):
                self._stages[planned.key] = planned
                self._users.setdefault(planned.key, []).append(label)
        manifests = {key: artifacts.manifest(planned.stage, key) for key, planned in self._stages.items()}
        asked = {
            key: any(spending.simulated for spending in manifest.spending)
            for key, manifest in manifests.items()
            if manifest is not None
        }
        self._simulated = {
            key: any(asked.get(one) for one in (key, *planned.children)) for key, planned in self._stages.items()
        }
        self._texts = {
            key: None if manifests[key] is None else _read(artifacts, planned)
            for key, planned in self._stages.items()
            # What a student of another data set was taught is about users of that one, under the same codes.
            if _writes(planned.stage) and planned.dataset.label == scene.dataset
        }

    def about(self, user: int) -> Iterator[StageText]:
        """One for each stage that writes about users, children first."""
        for key, texts in self._texts.items():
            planned = self._stages[key]
            yield StageText(
                stage=f"{planned.stage.name} {key[:6]}",
                methods=tuple(self._users[key]),
                simulated=self._simulated[key],
                text=None if texts is None else one_line(texts.get(user, "")),
            )


def _writes(stage: Stage) -> bool:
    return type(stage).texts_about_users is not Stage.texts_about_users


def _read(artifacts: Artifacts, planned: PlannedStage) -> Mapping[int, str]:
    folder = artifacts.path(planned.stage, planned.key)
    try:
        return planned.stage.texts_about_users(folder)
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"{folder}: its texts cannot be read ({error}); delete it to build it again") from None
