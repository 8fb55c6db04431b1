"""One row with another option on each data set, rows of some data sets only, and stages built on another data set."""

from pathlib import Path

import pytest

from llmrec_bench import load_catalog, load_suite, make_plan
from llmrec_bench.errors import SuiteErrors

CATALOG = load_catalog()
SHOPS = """
datasets:
  games: {source: synthetic-shop, options: {users: 30, items: 200}, values: {size: 5, texts: {kind: titles}}}
  home:
    source: synthetic-shop
    options: {domain: home, users: 30, items: 200}
    values: {size: 7, texts: {kind: teacher, writer: {provider: simulated}}}
"""


@pytest.fixture
def suite(tmp_path):
    def write(methods: str, data: str = SHOPS) -> Path:
        path = tmp_path / "s.yaml"
        path.write_text(f"{data}\nmethods:\n{methods}\nseeds: [1]\n")
        return path

    return write


def mistakes(path: Path) -> list[str]:
    with pytest.raises(SuiteErrors) as caught:
        load_suite(path, CATALOG)
    return [line.split(":", 1)[1] for line in str(caught.value).splitlines()]


def test_each_data_set_has_its_own_value_in_one_row(suite):
    loaded = load_suite(suite("  knn: {method: item-knn, config: {neighbours: $size}}"), CATALOG)
    assert [(m.label, m.datasets, m.config.neighbours) for m in loaded.methods] == [
        ("knn", ("games",), 5),
        ("knn", ("home",), 7),
    ]
    plan = make_plan(loaded)
    assert [(t.dataset.label, t.method.config.neighbours) for t in plan.trials] == [("games", 5), ("home", 7)]
    assert [table.methods for table in loaded.tables] == [("knn",)]


def test_values_stand_for_anything_at_any_depth_and_in_a_grid(suite):
    loaded = load_suite(
        suite(
            "  slim: {method: slim-gru4rec, config: {user_text: {texts: $texts}}}\n"
            "  knn: {method: item-knn, grid: {neighbours: [3, $size]}}"
        ),
        CATALOG,
    )
    assert [(m.label, m.datasets) for m in loaded.methods] == [
        ("slim", ("games",)),
        ("slim", ("home",)),
        ("knn[neighbours=3]", ("games",)),
        ("knn[neighbours=5]", ("games",)),
        ("knn[neighbours=3]", ("home",)),
        ("knn[neighbours=7]", ("home",)),
    ]
    assert [m.config.user_text.texts.kind for m in loaded.methods[:2]] == ["titles", "teacher"]


def test_rows_that_need_no_value_are_one_for_all_data_sets(suite):
    loaded = load_suite(suite("  popularity:\n  ease: {datasets: [home]}"), CATALOG)
    assert [(m.label, m.datasets) for m in loaded.methods] == [("popularity", ("games", "home")), ("ease", ("home",))]
    assert [t.label for t in make_plan(loaded).trials] == [
        "games popularity seed 1",
        "home popularity seed 1",
        "home ease seed 1",
    ]


def test_the_same_options_by_a_value_and_in_the_row_are_one_trial_and_so_a_mistake(suite):
    path = suite(
        "  a: {method: item-knn, config: {neighbours: $size}}\n  b: {method: item-knn, config: {neighbours: 7}}"
    )
    assert mistakes(path) == ["11: 'b' is the same as 'a': same method, same options"]


def test_mistakes_with_values_are_told_together_with_their_lines(suite):
    path = suite(
        "  a: {method: item-knn, config: {neighbours: $sizes}}\n"
        "  b: {method: item-knn, config: {neighbours: $size}, datasets: [hom]}\n"
        "  c: {method: item-knn, config: {neighbours: $size}}",
        SHOPS.replace("size: 7", "size: -7").replace("values: {size: 5", "values: {Size: 5"),
    )
    found = mistakes(path)
    assert "10: methods.a.config: '$sizes' is no value of the data set 'games'; did you mean 'size'?" in found
    assert "11: methods.b: there is no dataset 'hom'; did you mean 'home'?" in found
    assert "12: methods.c.config: '$size' is no value of the data set 'games'; did you mean 'size'?" in found
    assert any(line.startswith("3: datasets.games.values.Size: ") for line in found)
    assert any(line.startswith("12: methods.c.config.neighbours: should be greater than") for line in found)


STUDENT = (
    "{kind: student, student: {kind: distilled, base: {kind: from-scratch}, teacher: "
    "{kind: teacher, writer: {provider: simulated}}%s}}"
)


def test_a_student_of_another_data_set_is_the_one_that_this_has(suite):
    own, lent = STUDENT % "", STUDENT % ", built_on: home"
    path = suite(
        f"  own: {{method: slim-gru4rec, datasets: [home], config: {{user_text: {{texts: {own}}}}}}}\n"
        f"  lent: {{method: slim-gru4rec, datasets: [games], config: {{user_text: {{texts: {lent}}}}}}}\n"
        f"  other: {{method: slim-gru4rec, datasets: [games], config: {{user_text: {{texts: {own}}}}}}}"
    )
    plan = make_plan(load_suite(path, CATALOG))
    stages = {t.method.label: {p.stage.name: p for p in plan.stages_for(t)} for t in plan.trials}
    for name in ("teacher-rationales", "distilled-student"):
        assert stages["lent"][name].key == stages["own"][name].key != stages["other"][name].key
        assert stages["lent"][name].dataset.label == "home"
    for name in ("student-rationales", "user-text-embeddings"):
        assert stages["lent"][name].dataset.label == "games"
        assert len({stages[label][name].key for label in stages}) == 3
    rationales = stages["lent"]["student-rationales"]
    assert set(rationales.children) == {stages["own"][n].key for n in ("teacher-rationales", "distilled-student")}
    assert len({t.id for t in plan.trials}) == 3


def test_a_student_of_a_data_set_that_is_not_there(suite):
    path = suite(f"  lent: {{method: slim-gru4rec, config: {{user_text: {{texts: {STUDENT % ', built_on: hoem'}}}}}}}")
    assert mistakes(path) == ["10: methods.lent: 'built_on: hoem' names no data set of the suite; did you mean 'home'?"]
