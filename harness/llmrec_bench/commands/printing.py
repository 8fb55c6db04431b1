"""How commands print."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from llmrec_bench.execute.run import Progress
    from llmrec_bench.plan import Plan
    from llmrec_bench.store import Store


def console() -> "Console":
    """Standard output; where it is no terminal, wide enough that tables need not fold."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def print_json(value: Any) -> None:
    """For machines."""
    click.echo(json.dumps(value, indent=1))


def progress_json(plan: "Plan", store: "Store", progress: "Sequence[Progress]") -> dict[str, Any]:
    """How far every trial and search of a plan is."""
    from llmrec_bench.execute.run import searches_of

    return {
        "suite": plan.suite.name,
        "protocol_hash": plan.suite.protocol.hash,
        "records": str(store.trials),
        "trials": [
            {
                "id": p.trial.id,
                "dataset": p.trial.dataset.label,
                "method": p.trial.method.label,
                "seed": p.trial.seed,
                "protocol_hash": p.trial.protocol_hash,
                "state": p.state,
                "failure": p.record.failure.message if p.record is not None and p.record.failure is not None else None,
            }
            for p in progress
        ],
        "searches": [
            {
                "id": found.search.id,
                "dataset": found.search.dataset.label,
                "method": found.search.method.label,
                "fits_planned": found.search.tuning.fits,
                "fits": [{"options": fit.options, fit.metric: fit.value} for fit in found.fits],
            }
            for found in searches_of(plan, store)
        ],
    }
