"""suites/paper.yaml holds what the paper's experiments are: nothing is run here but the reading of the suite."""

from pathlib import Path

import pytest

from llmrec_bench import Suite, load_catalog, load_suite
from llmrec_bench.stage import stages_of

PAPER = Path(__file__).parents[1] / "suites" / "paper.yaml"
CATALOG = load_catalog()


@pytest.fixture(scope="module")
def full() -> Suite:
    return load_suite(PAPER, CATALOG, "full")


def test_every_accuracy_table_stands_beside_the_papers_and_lacks_none_of_its_rows(full):
    beside = {t.name: t for t in full.tables if t.published is not None}
    assert beside.keys() == {f"table-{n}" for n in (1, 2, 4, 5, 6, 7, 8)}
    for table in beside.values():
        printed = {(n.dataset, n.label) for n in table.published.numbers.values() if "Improv" not in n.label}
        ours = {
            (d, m.label) for m in full.methods for d in m.datasets if d in table.datasets and m.label in table.methods
        }
        assert printed <= ours, table.name
        assert table.published.metrics <= set(table.metrics), table.name


def test_the_data_are_prepared_as_the_papers(full):
    assert [d.label for d in full.datasets] == ["Games", "Food", "Home"]
    for dataset, users in zip(full.datasets, (3000, 2000, 2000), strict=True):
        steps = {step.filter: step for step in dataset.preparation.filters}
        assert steps["sample-users"].n == users
        assert (steps["k-core"].users, steps["k-core"].items, steps["latest"].n) == (5, 5, 50)
    assert full.protocol.candidates.n == 100
    assert full.seeds == (1, 2, 3, 4, 5)


def stage_of(suite: Suite, label: str, dataset: str, name: str):
    [method] = [m for m in suite.methods if m.label == label and dataset in m.datasets]
    return next(stage for stage, _ in stages_of(method.config).values() if stage.name == name)


def test_the_students_learn_as_the_paper_says(full):
    for dataset, pairs in (("Games", 1000), ("Food", 2000), ("Home", 2000)):
        student = stage_of(full, "SASRec SLIM", dataset, "distilled-student")
        assert (student.base.model, student.users) == ("meta-llama/Llama-2-7b-hf", pairs)
        base = student.base
        assert (base.rank, base.alpha, base.dropout, base.targets) == (8, 32, 0.05, ("q_proj", "v_proj"))
        assert (base.learning_rate, base.decay, base.epochs, base.batch_size) == (1e-4, 0.85, 3, 4)
        assert stage_of(full, "SASRec SLIM", dataset, "student-rationales").max_new_tokens == 300
    assert stage_of(full, "SLIM*", "Food", "distilled-student").built_on == "Home"


def test_the_embedded_form_asks_nobody():
    suite = load_suite(PAPER, CATALOG)
    writers = {
        stage.language_model().provider
        for method in suite.methods
        for stage, _ in stages_of(method.config).values()
        if stage.language_model() is not None
    }
    assert writers == {"recorded", "simulated"}
    asked = {
        m.label: model.provider for m in suite.methods if (model := m.method(m.config).language_model()) is not None
    }
    assert asked == {"LLM as Ranker": "simulated"}
    assert {d.label for d in suite.datasets if d.source.simulated} == {"Games", "Food", "Home"}
    assert suite.seeds == (1, 2, 3, 4, 5)


def test_what_ranks_and_what_enhances_stand_in_the_cost_table_alone():
    suite = load_suite(PAPER, CATALOG)
    rows = {"LLM as Ranker", "LLM as Enhancer"}
    assert {m.label: m.datasets for m in suite.methods if m.label in rows} == dict.fromkeys(rows, ("Games",))
    assert all(not rows & set(table.methods) for table in suite.tables)
