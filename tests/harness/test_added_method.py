"""A row for an installed method beside what a suite has."""

import csv
from pathlib import Path
from typing import Any

import pytest

from .conftest import Study


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
    ],
)
def test_mistakes(bench: Any, study: Study, name: str, said: str) -> None:
    status, _, errors = bench("run", study.path, "--results", study.results, "--method", name)
    assert (status, errors) == (2, f"bench: {said.format(suite=study.path)}\n")
    assert not Path(study.results).exists()
