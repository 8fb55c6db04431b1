"""The section `figures`: what it means, and every mistake with its line and what would work."""

from pathlib import Path
from typing import Any

import pytest

from llmrec_bench import DataSource, Method
from llmrec_bench.errors import SuiteErrors
from llmrec_bench.metrics.accuracy import HR, NDCG
from llmrec_bench.metrics.coverage import Gini
from llmrec_bench.plugins import Catalog
from llmrec_bench.suite import Suite, load_suite
from llmrec_bench.suite_figures import ActivityEntry, CasesEntry, DifferencesEntry, PopularityEntry


class Walker(Method):
    """A method with an option."""

    name = "walker"
    version = "1"

    class Config(Method.Config):
        width: int = 8

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


class Empty(DataSource):
    """Never read."""

    name = "empty"

    def read(self) -> Any: ...


CATALOG = Catalog(methods={"walker": Walker}, datasets={"empty": Empty}, metrics={"HR": HR, "NDCG": NDCG, "Gini": Gini})

SUITE = """\
datasets: {one: {source: empty}, two: {source: empty}}
protocol: {cutoffs: [5, 10]}
methods: {walker: {grid: {width: [1, 2]}}, wide: {method: walker, config: {width: 64}}}
metrics: [HR, Gini]
figures:
"""


def load(folder: Path, *lines: str, profile: str | None = None, suite: str = SUITE) -> Suite:
    path = folder / "study.yaml"
    path.write_text(suite + "".join(f"{line}\n" for line in lines))
    return load_suite(path, CATALOG, profile)


def find(folder: Path, *lines: str, suite: str = SUITE) -> list[str]:
    """The mistakes, each as `line: message`; the first of `lines` is the sixth."""
    with pytest.raises(SuiteErrors) as error:
        load(folder, *lines, suite=suite)
    return [line.removeprefix(f"{folder}/study.yaml:") for line in error.value.mistakes]


def test_what_is_left_out(tmp_path):
    figures = load(
        tmp_path,
        "  a: {kind: activity, metric: HR@10}",
        "  p: {kind: popularity}",
        "  c: {kind: cases, datasets: [two], methods: [wide, walker, wide]}",
    ).figures
    assert [figure.name for figure in figures] == ["a", "p", "c"]
    assert figures[0].entry == ActivityEntry(kind="activity", metric="HR@10", groups=5)
    assert figures[1].entry == PopularityEntry(kind="popularity", cutoff=10, bins=10)
    assert isinstance(figures[2].entry, CasesEntry)
    assert (figures[2].entry.cutoff, figures[2].entry.users) == (10, 2)
    assert [figure.datasets for figure in figures] == [("one", "two"), ("one", "two"), ("two",)]
    assert figures[0].methods == ("walker[width=1]", "walker[width=2]", "wide")
    assert figures[2].methods == ("wide", "walker[width=1]", "walker[width=2]")


def test_the_pairs_of_a_grid(tmp_path):
    (figure,) = load(
        tmp_path, "  d: {kind: differences, metric: HR@10, pairs: [[wide, walker], ['walker[width=2]', walker]]}"
    ).figures
    assert isinstance(figure.entry, DifferencesEntry)
    one, two = "walker[width=1]", "walker[width=2]"
    assert figure.pairs == (("wide", one), ("wide", two), (two, one))
    assert figure.methods == ("wide", one, two)
    assert figure.datasets == ("one", "two")


def test_the_mistakes_of_differences(tmp_path):
    assert find(
        tmp_path,
        "  a: {kind: differences, metric: Gini@5, datasets: [three], pairs: [[wide, wlaker], [wide, wide]]}",
        "  b:",
        "    kind: differences",
        "    metric: HR@50",
        "    methods: [wide]",
        "    pairs:",
        "      - [walker, wide]",
        "      - [wide]",
        "      - [wide, walker, wdie]",
        "      - [wide, walker]",
        "  c: {kind: differences, metric: HR@5, pairs: []}",
        "  d: {kind: differences, metric: HR@5, pairs: [wide, 3]}",
        "  e: {kind: differences, metric: 10}",
    ) == [
        "6: figures.a.pairs.1: a pair is two different methods, as [A, B] for A minus B (given [wide, wide])",
        "6: figures.a: 'Gini' has no value for a single user, which a test over users needs; take another, such as HR, "
        "NDCG",
        "6: figures.a: there is no dataset 'three'; known: one, two",
        "6: figures.a: there is no method 'wlaker'; did you mean 'walker'?",
        "9: figures.b: 'HR@50' is not measured by this suite (metrics HR, Gini at 5, 10); did you mean 'HR@5'?",
        "10: figures.b: unknown key 'methods'; known: datasets, kind, metric, pairs, title",
        "13: figures.b.pairs.1: a pair is two different methods, as [A, B] for A minus B (given [wide])",
        "14: figures.b.pairs.2: a pair is two different methods, as [A, B] for A minus B (given [wide, walker, wdie])",
        "14: figures.b: there is no method 'wdie'; did you mean 'wide'?",
        "15: figures.b: the pair of 'wide' and 'walker' stands here twice; keep one",
        "16: figures.c.pairs: should have at least 1 entry",
        '17: figures.d.pairs.0: should be a list (given "wide")',
        "17: figures.d.pairs.1: should be a list (given 3)",
        "18: figures.e.metric: should be text (given 10)",
        "18: figures.e: 'pairs' is missing",
    ]


def test_a_profile_replaces_the_figures(tmp_path):
    lines = ("  p: {kind: popularity}", "profiles: {short: {figures: {q: {kind: popularity, bins: 4}}}}")
    assert [figure.name for figure in load(tmp_path, *lines, profile="short").figures] == ["q"]
    assert load(tmp_path, suite=SUITE.replace("figures:\n", "")).figures == ()


def test_every_mistake_at_once(tmp_path):
    assert find(
        tmp_path,
        "  a: {kind: activity, metric: HR@50, methods: [wlaker], datasets: [three]}",
        "  b: {kind: activity, metric: Gini@5}",
        "  c: {kind: activity, metric: NDCG@5, groups: 1}",
        "  d: {kind: activity}",
        "  e: {kind: cases, methods: [wide, wide]}",
        "  f:",
        "    kind: popularity",
        "    cutoff: 20",
        "    bin: 3",
        "  g: {kind: popularty}",
        "  h: {metric: HR@5}",
        "  i: {kind: cases, cutoff: ten, users: 0, methods: []}",
        "  j: 3",
    ) == [
        "6: figures.a: 'HR@50' is not measured by this suite (metrics HR, Gini at 5, 10); did you mean 'HR@5'?",
        "6: figures.a: there is no dataset 'three'; known: one, two",
        "6: figures.a: there is no method 'wlaker'; did you mean 'walker'?",
        "7: figures.b: 'Gini' has no value for a single user, which groups of users need; take another, such as HR, "
        "NDCG",
        "8: figures.c.groups: should be greater than or equal to 2 (given 1)",
        "8: figures.c: 'NDCG@5' is not measured by this suite (metrics HR, Gini at 5, 10); known: Gini@10, Gini@5, "
        "HR@10, HR@5",
        "9: figures.d: 'metric' is missing",
        "10: figures.e: cases compare the last method with the first, and 'wide' is the only one; name two or more",
        "13: figures.f: cutoff 20 is beyond the 10 places that are kept of each list (the largest cut-off of the "
        "protocol); use 1 to 10",
        "14: figures.f: unknown key 'bin'; did you mean 'bins'?",
        "15: figures.g: unknown kind 'popularty'; did you mean 'popularity'?",
        "16: figures.h: 'kind' is missing; known: activity, cases, differences, popularity",
        '17: figures.i.cutoff: should be a whole number (given "ten")',
        "17: figures.i.methods: should have at least 1 entry",
        "17: figures.i.users: should be greater than or equal to 1 (given 0)",
        "18: figures.j: should be a mapping (given 3)",
    ]


def test_the_default_cutoff_may_be_too_long(tmp_path):
    suite = SUITE.replace("[5, 10]", "[5]")
    assert find(tmp_path, "  c: {kind: cases}", suite=suite) == [
        "6: figures.c: cutoff 10 is beyond the 5 places that are kept of each list (the largest cut-off of the "
        "protocol); use 1 to 5"
    ]


def test_a_wrong_method_is_still_one(tmp_path):
    suite = SUITE.replace("width: 64", "widht: 64")
    (mistake,) = find(tmp_path, "  c: {kind: cases, methods: [wide, 'walker[width=1]']}", suite=suite)
    assert "unknown key 'widht'" in mistake


def test_a_mistake_of_a_profile_stands_at_its_own_line(tmp_path):
    lines = ("  p: {kind: popularity}", "profiles:", "  short:", "    protocol: {cutoffs: [5]}", "  long:",
             "    figures:", "      q: {kind: cases, methods: [wide]}")  # fmt: skip
    assert [mistake.split(":")[0] for mistake in find(tmp_path, *lines)] == ["6", "12"]
