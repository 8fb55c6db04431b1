"""A row for an installed method beside what a suite has."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationInfo, model_validator

from llmrec_bench import Method, load_suite
from llmrec_bench.added_method import add_method

from .conftest import Study, catalog


def test_it_is_run_and_shown_and_the_suite_stays_as_it_was(bench: Any, study: Study) -> None:
    study.change("seeds: [1, 2]", "seeds: [1]")
    study.change(
        "profiles: {long: {protocol: {cutoffs: [6]}}}", "tables: {main: {metrics: [HR@5], methods: [popularity]}}"
    )
    where = ["--results", study.results]
    status, printed, errors = bench("run", study.path, *where, "--method", "markov", "--only", "markov", "--workers", 0)
    assert status == 0, errors
    assert "1 of 1 trials finished" in printed
    again = bench("table", study.path, *where, "--method", "markov", "--format", "csv")[1]
    assert {row["method"] for row in csv.DictReader(again.splitlines())} >= {"markov", "popularity"}
    assert "markov" not in bench("table", study.path, *where, "--format", "csv")[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("marcov", "--method marcov: unknown method 'marcov'; did you mean 'markov'?"),
        ("ease", "--method ease: {suite} has a row of that name already"),
        ("llm-ranker", "--method llm-ranker: has no default for language_model; give it a row in {suite}"),
        (
            "recbole:DeepFM",
            "--method recbole:DeepFM: options: recbole:DeepFM does not run: it predicts clicks from "
            "features of users and contexts",
        ),
    ],
)
def test_mistakes(bench: Any, study: Study, name: str, said: str) -> None:
    status, _, errors = bench("run", study.path, "--results", study.results, "--method", name)
    assert (status, errors) == (2, f"bench: {said.format(suite=study.path)}\n")
    assert not Path(study.results).exists()


def test_a_method_that_the_suite_has_under_another_label_is_refused(bench: Any, study: Study) -> None:
    study.change("methods: {popularity: , ease: }", "methods: {popularity: , plain: {method: ease}}")
    status, _, errors = bench("run", study.path, "--results", study.results, "--method", "ease")
    assert (status, errors) == (2, "bench: --method ease: is the same as 'plain': same method, same options\n")
    study.change("{method: ease}", "{method: ease, config: {regularisation: 3.0}}")
    suite = add_method(load_suite(study.path, catalog()), catalog(), "ease")
    assert [row.label for row in suite.methods] == ["popularity", "plain", "ease"]


class Chooser(Method):
    """Asks what is installed."""

    name = "chooser"
    version = "1"

    class Config(Method.Config):
        @model_validator(mode="after")
        def _finds_what_is_installed(self, info: ValidationInfo) -> "Chooser.Config":
            known = info.context or {}
            if "popularity" not in known.get("methods", {}) or "simulated" not in known.get("language_models", {}):
                raise ValueError("knows of no method and no language model")
            return self

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


def test_its_options_are_read_with_what_is_installed(study: Study) -> None:
    known = catalog()
    offered = replace(known, methods={**known.methods, "chooser": Chooser})
    suite = add_method(load_suite(study.path, offered), offered, "chooser")
    assert [row.label for row in suite.methods] == ["popularity", "ease", "chooser"]
