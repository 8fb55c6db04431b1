"""Records -> every figure of a suite."""

from llmrec_bench.figures.activity import build_activity
from llmrec_bench.figures.cases import build_cases
from llmrec_bench.figures.differences import build_differences
from llmrec_bench.figures.figure import Figure
from llmrec_bench.figures.popularity import build_popularity
from llmrec_bench.figures.scene import Scene
from llmrec_bench.plan import Plan
from llmrec_bench.store import Record, Store
from llmrec_bench.suite_figures import ActivityEntry, CasesEntry, DifferencesEntry, PopularityEntry
from llmrec_bench.tables.mixed import refuse_mixed


def build_figures(plan: Plan, store: Store, records: dict[str, Record], only: str | None = None) -> list[Figure]:
    """Every figure, or the one named `only`, for each data set it shows; `records` are by trial id.

    Figures of which the plan has no trial are left out.

    Raises `BenchError` where records of one figure differ in protocol, data or candidates, and for stored files that
    cannot be read.
    """
    figures: list[Figure] = []
    for figure in plan.suite.figures:
        if only not in (None, figure.name):
            continue
        scenes = []
        for dataset in figure.datasets:
            trials = [t for t in plan.trials if t.dataset.label == dataset and t.method.label in figure.methods]
            if trials:
                scenes.append(Scene(plan, store, figure, dataset, tuple(trials), records))
        for scene in scenes:
            refuse_mixed([scene.records[trial.id] for trial in scene.finished])
        if isinstance(figure.entry, DifferencesEntry):
            figures += build_differences(scenes, figure.entry)
        else:
            figures += [_build(scene, figure.entry) for scene in scenes]
    return figures


def _build(scene: Scene, entry: ActivityEntry | PopularityEntry | CasesEntry) -> Figure:
    if isinstance(entry, ActivityEntry):
        return build_activity(scene, entry)
    if isinstance(entry, PopularityEntry):
        return build_popularity(scene, entry)
    return build_cases(scene, entry)
