"""The figures a suite asks for: what stands under `figures:`, and the same with its labels resolved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from llmrec_bench.config import Config
from llmrec_bench.metrics.metric import PerUserMetric
from llmrec_bench.plugins import Catalog
from llmrec_bench.suite_mistakes import Mistakes
from llmrec_bench.suite_names import check_column, check_labels, cutoffs_of, rows_of


class _Entry(Config):
    title: str = ""
    """Printed above the figure."""
    datasets: Annotated[list[str], Field(min_length=1)] | None = None
    """Labels of the data sets to show, each in a figure of its own; all of them if left out."""
    methods: Annotated[list[str], Field(min_length=1)] | None = None
    """Labels of the methods to show; all of them if left out."""


class ActivityEntry(_Entry):
    """A metric by how active users are, from the least to the most active (SLIM, Figure 5)."""

    kind: Literal["activity"]
    """Users by number of training interactions, in groups of equal size."""
    metric: str
    """What is shown of each group, as `NDCG@10`: a metric that has a value for each user."""
    groups: Annotated[int, Field(ge=2, le=100)] = 5
    """How many."""


class PopularityEntry(_Entry):
    """How the places of the lists are spread over items, from the most to the least popular (SLIM, Figures 6 and
    7)."""

    kind: Literal["popularity"]
    """Items by number of training interactions, in bins of equal size."""
    cutoff: Annotated[int, Field(ge=1)] = 10
    """How many places of each list count."""
    bins: Annotated[int, Field(ge=2, le=100)] = 10
    """How many."""


class CasesEntry(_Entry):
    """Single users for whom the last method finds what the first one misses (SLIM, Figures 4 and 9)."""

    kind: Literal["cases"]
    """Examples: they show what a difference looks like, not that there is one."""
    cutoff: Annotated[int, Field(ge=1)] = 10
    """How many places of a list are searched for the target."""
    users: Annotated[int, Field(ge=1, le=100)] = 2
    """How many users to show."""


FigureEntry = Annotated[ActivityEntry | PopularityEntry | CasesEntry, Field(discriminator="kind")]


@dataclass(frozen=True)
class SuiteFigure:
    """A figure to print, its labels resolved."""

    name: str
    entry: ActivityEntry | PopularityEntry | CasesEntry
    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    """In the order the entry names them, each once."""


def resolve_figures(
    entries: Mapping[str, ActivityEntry | PopularityEntry | CasesEntry],
    datasets: Sequence[str],
    methods: Sequence[str],
) -> Iterator[SuiteFigure]:
    """The figures with all labels where an entry names none; the label of a grid stands for all its rows."""
    for name, entry in entries.items():
        shown = datasets if entry.datasets is None else entry.datasets
        rows = methods if entry.methods is None else [row for label in entry.methods for row in rows_of(label, methods)]
        yield SuiteFigure(name, entry, tuple(dict.fromkeys(shown)), tuple(dict.fromkeys(rows)))


def check_figures(sections: dict[str, Any], rows: Sequence[str], mistakes: Mistakes, catalog: Catalog) -> None:
    """Note what figures ask for that the suite does not have; `sections` and `rows` as `check_names` has them."""
    figures = sections.get("figures")
    for name, entry in figures.items() if isinstance(figures, dict) else ():
        if not isinstance(entry, dict):
            continue
        known = check_labels(entry, ("figures", name), sections, rows, mistakes)
        match entry.get("kind"):
            case "activity":
                _check_metric(name, entry.get("metric"), sections, mistakes, catalog)
            case "popularity":
                _check_cutoff(name, entry, PopularityEntry, sections, mistakes)
            case "cases":
                _check_cutoff(name, entry, CasesEntry, sections, mistakes)
                if known:
                    _check_pair(name, entry, sections, rows, mistakes)


def _check_metric(name: str, column: Any, sections: dict[str, Any], mistakes: Mistakes, catalog: Catalog) -> None:
    if not isinstance(column, str):
        return  # reported as a mistake of shape already
    where = ("figures", name, "metric")
    metric = column.partition("@")[0]
    if metric in catalog.metrics and not issubclass(catalog.metrics[metric], PerUserMetric):
        per_user = [known for known, kind in catalog.metrics.items() if issubclass(kind, PerUserMetric)]
        mistakes.add(
            where,
            f"figures.{name}: '{metric}' has no value for a single user, which groups of users need; take another, "
            f"such as {', '.join(sorted(per_user)[:5])}",
        )
    else:
        check_column(column, where, sections, mistakes)


def _check_cutoff(
    name: str, entry: dict[str, Any], kind: type[Config], sections: dict[str, Any], mistakes: Mistakes
) -> None:
    kept = max(cutoffs_of(sections.get("protocol", {})), default=None)
    cutoff = entry.get("cutoff", kind.model_fields["cutoff"].default)
    if kept is not None and type(cutoff) is int and cutoff > kept:
        mistakes.add(
            ("figures", name, "cutoff") if "cutoff" in entry else ("figures", name),
            f"figures.{name}: cutoff {cutoff} is beyond the {kept} places that are kept of each list (the largest "
            f"cut-off of the protocol); use 1 to {kept}",
        )


def _check_pair(
    name: str, entry: dict[str, Any], sections: dict[str, Any], rows: Sequence[str], mistakes: Mistakes
) -> None:
    given = sections.get("methods") if entry.get("methods") is None else entry["methods"]
    labels = [label for label in given if isinstance(label, str)] if isinstance(given, dict | list) else []
    # A method that is wrong in itself has no row, and is there all the same.
    shown = dict.fromkeys(row for label in labels for row in rows_of(label, rows) or [label])
    if len(shown) == 1:
        mistakes.add(
            ("figures", name, "methods") if "methods" in entry else ("figures", name),
            f"figures.{name}: cases compare the last method with the first, and '{next(iter(shown))}' is the only one; "
            "name two or more",
        )
