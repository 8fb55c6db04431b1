"""The figures a suite asks for: what stands under `figures:`, and the same with its labels resolved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from llmrec_bench.config import Config
from llmrec_bench.errors import suggest
from llmrec_bench.plugins import Catalog
from llmrec_bench.suite_mistakes import Mistakes
from llmrec_bench.suite_names import check_column, check_labels, cutoffs_shown, known_labels, rows_of


class _Entry(Config):
    title: str = ""
    """Printed above the figure."""
    datasets: Annotated[list[str], Field(min_length=1)] | None = None
    """Labels of the data sets to show, each in a figure of its own; all of them if left out."""


class _MethodsEntry(_Entry):
    methods: Annotated[list[str], Field(min_length=1)] | None = None
    """Labels of the methods to show; all of them if left out."""


class ActivityEntry(_MethodsEntry):
    """A metric by how active users are, from the least to the most active (SLIM, Figure 5)."""

    kind: Literal["activity"]
    """Users by number of training interactions, in groups of equal size."""
    metric: str
    """What is shown of each group, as `NDCG@10`: a metric that has a value for each user."""
    groups: Annotated[int, Field(ge=2, le=100)] = 5
    """How many."""


class PopularityEntry(_MethodsEntry):
    """How the places of the lists are spread over items, from the most to the least popular (SLIM, Figures 6 and
    7)."""

    kind: Literal["popularity"]
    """Items by number of training interactions, in bins of equal size."""
    cutoff: Annotated[int, Field(ge=1)] = 10
    """How many places of each list count."""
    bins: Annotated[int, Field(ge=2, le=100)] = 10
    """How many."""


class CasesEntry(_MethodsEntry):
    """Single users for whom the last method finds what the first one misses (SLIM, Figures 4 and 9)."""

    kind: Literal["cases"]
    """Examples: they show what a difference looks like, not that there is one."""
    cutoff: Annotated[int, Field(ge=1)] = 10
    """How many places of a list are searched for the target."""
    users: Annotated[int, Field(ge=1, le=100)] = 2
    """How many users to show."""


def _two_methods(pair: list[str]) -> list[str]:
    """Raises `ValueError` for what is no pair."""
    if len(pair) != 2 or pair[0] == pair[1]:
        raise ValueError(f"a pair is two different methods, as [A, B] for A minus B (given [{', '.join(pair)}])")
    return pair


MethodPair = Annotated[
    list[str],
    AfterValidator(_two_methods),
    Field(json_schema_extra={"minItems": 2, "maxItems": 2, "uniqueItems": True}),
]


class DifferencesEntry(_Entry):
    """What one method gains over another, with interval, test and effect size: whether there is a difference."""

    kind: Literal["differences"]
    """The first method of each pair minus the second, tested over users; the tests of all pairs and data sets are one
    family and corrected together."""
    metric: str
    """What is compared, as `NDCG@10`: a metric that has a value for each user."""
    pairs: Annotated[list[MethodPair], Field(min_length=1)]
    """Pairs of labels of methods, as `[[A, B], [A, C]]`."""


FigureEntry = Annotated[ActivityEntry | PopularityEntry | CasesEntry | DifferencesEntry, Field(discriminator="kind")]


@dataclass(frozen=True)
class SuiteFigure:
    """A figure to print, its labels resolved."""

    name: str
    entry: ActivityEntry | PopularityEntry | CasesEntry | DifferencesEntry
    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    """In the order the entry names them, each once."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Of methods to compare, each once."""


def resolve_figures(
    entries: Mapping[str, ActivityEntry | PopularityEntry | CasesEntry | DifferencesEntry],
    datasets: Sequence[str],
    methods: Sequence[str],
) -> Iterator[SuiteFigure]:
    """The figures with all labels where an entry names none; the label of a grid stands for all its rows."""
    for name, entry in entries.items():
        shown = tuple(dict.fromkeys(datasets if entry.datasets is None else entry.datasets))
        if isinstance(entry, DifferencesEntry):
            pairs = tuple(_pairs(entry, methods))
            yield SuiteFigure(name, entry, shown, tuple(dict.fromkeys(row for pair in pairs for row in pair)), pairs)
            continue
        rows = methods if entry.methods is None else [row for label in entry.methods for row in rows_of(label, methods)]
        yield SuiteFigure(name, entry, shown, tuple(dict.fromkeys(rows)))


def _pairs(entry: DifferencesEntry, methods: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every row of the first label with every row of the second one; a pair and its reverse are one test."""
    seen = set()
    for one, other in entry.pairs:
        for pair in product(rows_of(one, methods), rows_of(other, methods)):
            if len(set(pair)) == 2 and frozenset(pair) not in seen:
                seen.add(frozenset(pair))
                yield pair


def check_figures(sections: dict[str, Any], rows: Sequence[str], mistakes: Mistakes, catalog: Catalog) -> None:
    """Note what figures ask for that the suite does not have.

    `sections` are plain data, `rows` the labels of the methods, those that a grid made included.
    """
    figures = sections.get("figures")
    for name, entry in figures.items() if isinstance(figures, dict) else ():
        if not isinstance(entry, dict):
            continue
        known = check_labels(entry, ("figures", name), sections, rows, mistakes)
        match entry.get("kind"):
            case "activity":
                _check_metric(name, entry.get("metric"), "groups of users need", sections, mistakes, catalog)
            case "differences":
                _check_metric(name, entry.get("metric"), "a test over users needs", sections, mistakes, catalog)
                _check_pairs(name, entry.get("pairs"), sections, rows, mistakes)
            case "popularity":
                _check_cutoff(name, entry, PopularityEntry, sections, mistakes)
            case "cases":
                _check_cutoff(name, entry, CasesEntry, sections, mistakes)
                if known:
                    _check_first_and_last(name, entry, sections, rows, mistakes)


def _check_metric(
    name: str, column: Any, need: str, sections: dict[str, Any], mistakes: Mistakes, catalog: Catalog
) -> None:
    if not isinstance(column, str):
        return  # reported as a mistake of shape already
    where = ("figures", name, "metric")
    metric = column.partition("@")[0]
    if metric in catalog.metrics and not catalog.metrics[metric].has_user_values:
        per_user = [known for known, kind in catalog.metrics.items() if kind.has_user_values]
        mistakes.add(
            where,
            f"figures.{name}: '{metric}' has no value for a single user, which {need}; take another, such as "
            f"{', '.join(sorted(per_user)[:5])}",
        )
    else:
        check_column(column, where, sections, mistakes, catalog)


def _check_cutoff(
    name: str, entry: dict[str, Any], kind: type[Config], sections: dict[str, Any], mistakes: Mistakes
) -> None:
    kept = min((max(cutoffs) for cutoffs in cutoffs_shown(entry, sections).values() if cutoffs), default=None)
    cutoff = entry.get("cutoff", kind.model_fields["cutoff"].default)
    if kept is not None and type(cutoff) is int and cutoff > kept:
        mistakes.add(
            ("figures", name, "cutoff") if "cutoff" in entry else ("figures", name),
            f"figures.{name}: cutoff {cutoff} is beyond the {kept} places that are kept of each list (the largest "
            f"cut-off of the protocol); use 1 to {kept}",
        )


def _check_pairs(name: str, pairs: Any, sections: dict[str, Any], rows: Sequence[str], mistakes: Mistakes) -> None:
    """Note labels that the suite does not have, and a pair that stands there again, either way round."""
    known = known_labels(sections, rows)["methods"]
    seen = set()
    for i, pair in enumerate(pairs if isinstance(pairs, list) else []):
        labels = [label for label in pair if isinstance(label, str)] if isinstance(pair, list) else []
        for label in dict.fromkeys(labels):
            if not rows_of(label, known):
                message = f"figures.{name}: there is no method '{label}'{suggest(label, known)}"
                mistakes.add(("figures", name, "pairs", i), message)
        if len(labels) == 2 and frozenset(labels) in seen:
            message = f"figures.{name}: the pair of '{labels[0]}' and '{labels[1]}' stands here twice; keep one"
            mistakes.add(("figures", name, "pairs", i), message)
        seen.add(frozenset(labels))


def _check_first_and_last(
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
