"""What commands read: the catalog, a suite's plan and records, its tables and figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmrec_bench.execute.run import Progress
    from llmrec_bench.plan import Plan
    from llmrec_bench.plugins import Catalog
    from llmrec_bench.store import Store


def read_catalog() -> "Catalog":
    """Everything that installed plugins offer."""
    from llmrec_bench.plugins import load_catalog

    return load_catalog()


def read_plan(
    suite: Path,
    results: Path,
    profile: str | None,
    only: Sequence[str],
    seeds: Sequence[int] | None,
    added: Sequence[str] = (),
) -> "tuple[Catalog, Plan, Store]":
    """A suite's plan, with rows for the methods `added`, and where its records lie. Raises `BenchError` for whatever is
    wrong with what is given."""
    from llmrec_bench.added_method import add_method
    from llmrec_bench.plan import make_plan
    from llmrec_bench.store import Store
    from llmrec_bench.suite import load_suite

    catalog = read_catalog()
    loaded = load_suite(suite, catalog, profile)
    for name in added:
        loaded = add_method(loaded, catalog, name)
    return catalog, make_plan(loaded, only, seeds), Store(results, loaded.name)


def tables_of(plan: "Plan", store: "Store", progress: "Sequence[Progress]", allow_mixed: bool = False) -> Any:
    """The tables of a plan's records."""
    from llmrec_bench.tables.build import build_tables

    records = {p.trial.id: p.record for p in progress if p.record is not None}
    return build_tables(plan, records, store, allow_mixed)


def figures_of(plan: "Plan", store: "Store", progress: "Sequence[Progress]", name: str | None = None) -> Any:
    """The figures of a plan's records, or only the one of this name."""
    from llmrec_bench.figures.build import build_figures

    return build_figures(plan, store, {p.trial.id: p.record for p in progress if p.record is not None}, name)
