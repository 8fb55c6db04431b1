"""What a job needs to be run in another environment: everything it names has to be installed there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from llmrec_bench.apart.method import ApartMethod
from llmrec_bench.execute.job import Job

T = TypeVar("T")


def lacking(jobs: Sequence[Job]) -> list[str]:
    """A line for everything that jobs need and their method's environment does not have."""
    found = []
    for job in jobs:
        method = job.trial.method
        if not issubclass(method.method, ApartMethod):
            continue
        environment = method.method.environment
        needed = {"datasets": [job.trial.dataset.source.name], "metrics": list(job.metrics)}
        for kind, names in needed.items():
            for name in names:
                if name not in environment.inventory[kind]:
                    found.append(
                        f"methods.{method.label}.env: {environment.folder} has no {kind.removesuffix('s')} '{name}'; "
                        "install its plugin there too"
                    )
        faults = environment.inventory["metric faults"]
        found += [f"methods.{method.label}.env: {environment.folder}: {faults[n]}" for n in job.metrics if n in faults]
    return list(dict.fromkeys(found))


def sendable(job: Job) -> Job:
    """The job without what its method's environment does not have and it may do without."""
    method = job.trial.method.method
    if not issubclass(method, ApartMethod):
        return job
    inventory = method.environment.inventory

    def there(offered: Mapping[str, T], kind: str) -> dict[str, T]:
        return {name: offer for name, offer in offered.items() if name in inventory[kind]}

    asking = replace(job.asking, kinds=there(job.asking.kinds, "language models"))
    return replace(job, known_metrics=there(job.known_metrics, "metrics"), asking=asking)
