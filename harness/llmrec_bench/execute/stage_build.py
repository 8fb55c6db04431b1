"""One stage from training data to artifact, with what it cost."""

import time
from collections.abc import Callable, Container

from llmrec_bench.artifacts import AS_RELEASED, ITEM_TEXTS, TRAINING, Manifest
from llmrec_bench.execute.interactions_seen import InteractionsSeen
from llmrec_bench.execute.job import Job
from llmrec_bench.execute.lending import finished_artifact, open_models
from llmrec_bench.execute.memory import peak_memory_bytes, reset_peak_memory
from llmrec_bench.execute.trial_data import TrialData
from llmrec_bench.llm.meter import Meter, with_bills
from llmrec_bench.plan import PlannedStage
from llmrec_bench.stage import StageRun, stages_of


def build_stage(job: Job, planned: PlannedStage, data: TrialData, report_phase: Callable[[str], None]) -> None:
    """Build an artifact unless it is there. Raises whatever the stage raises, and keeps nothing then."""
    report_phase("build")
    resettable = reset_peak_memory()
    stage = planned.stage
    train = stage.given(data.training)
    with job.artifacts.building(stage, planned.key) as out:
        if out is None:
            return
        meter, seen = Meter(), InteractionsSeen()
        log = [f"reconstructed prompt {f.path.name}: {f.source}" for f in stage.prompt_files() if f.reconstructed]
        remarks: list[str] = []
        earlier = job.artifacts.bills(stage, planned.key)
        start = time.perf_counter()
        try:
            with open_models(job.asking, train.items, meter) as llm:
                children = finished_artifact(job.artifacts, train.fingerprint, planned.children)
                scratch = job.artifacts.scratch(stage, planned.key)
                stage.build(
                    train,
                    out,
                    StageRun(
                        device=job.device,
                        artifact=children,
                        llm=llm,
                        saw=seen.add,
                        saw_review=seen.add_review,
                        log=log.append,
                        remark=remarks.append,
                        scratch=scratch,
                    ),
                )
            seen.refuse_test(stage.name, data)
        except BaseException:  # its answers stay in the cassette, and what they cost has to stay too
            job.artifacts.keep_bills(stage, planned.key, with_bills(meter.spendings(), earlier))
            raise
        known = [(child, key) for key, (child, _) in stages_of(stage, train.fingerprint).items()]
        children_cuts = {m.cut for child, key in known if (m := job.artifacts.manifest(child, key)) is not None}
        interactions = seen.table(data)
        manifest = Manifest(
            stage=stage.name,
            key=planned.key,
            identity=stage.identity(),
            children={child.name: key for child, key in known},
            dataset=planned.dataset.label,
            training_fingerprint=stage.covered(train.fingerprint),
            cut=_cut(seen, data, children_cuts),
            interactions=len(interactions),
            build_seconds=time.perf_counter() - start,
            peak_memory_bytes=peak_memory_bytes() if resettable else None,
            spending=with_bills(meter.spendings(), earlier),
            log=log,
            remarks=remarks,
            provenance={**job.provenance, "device": job.device},
        )
        job.artifacts.finish(stage, out, manifest, interactions)


def _cut(seen: InteractionsSeen, data: TrialData, children: Container[str]) -> str:
    """As `Manifest.cut`."""
    if (data.dataset.review_seed is not None and seen.reviews) or AS_RELEASED in children:
        return AS_RELEASED
    return TRAINING if seen.anything or TRAINING in children else ITEM_TEXTS
