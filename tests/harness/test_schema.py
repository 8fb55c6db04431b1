"""The schema that editors check suites by: committed as `bench schema` prints it, and right about right and wrong."""

import copy
import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from jsonschema import Draft202012Validator

from llmrec_bench import Config, DataSource, hookimpl
from llmrec_bench.plugins import GROUP, load_catalog
from llmrec_bench.schema import suite_schema

SUITES = Path(__file__).parents[2] / "suites"
COMMITTED = json.loads((SUITES / "schema.json").read_text(encoding="utf-8"))
CHECK = Draft202012Validator(COMMITTED)


def test_the_committed_schema_is_what_bench_prints() -> None:
    built_in = [point for point in entry_points(group=GROUP) if point.name in ("builtin", "metrics")]
    made = json.loads(json.dumps(suite_schema(load_catalog(built_in))))
    assert made == COMMITTED, "run: bench schema > suites/schema.json"


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(COMMITTED)


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.yaml")), ids=lambda path: path.stem)
def test_committed_suites_are_right(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    CHECK.validate(yaml.safe_load(text))


GOOD: dict[str, Any] = {
    "datasets": {"d": {"source": "movielens-100k", "filters": [{"filter": "k-core", "users": 3}]}},
    "protocol": {"candidates": {"kind": "sampled", "n": 100}, "cutoffs": [5]},
    "methods": {
        "popularity": None,
        "sasrec": {"config": {"width": 32}},
        "wide": {"method": "sasrec", "config": {"width": 64}, "grid": {"heads": [1, 2]}},
        "ease": {"method": "sasrec", "config": {"width": 16}},
    },
    "seeds": [1],
    "metrics": ["NDCG"],
    "figures": {
        "f": {"kind": "activity", "metric": "NDCG@5"},
        "g": {"kind": "cases", "users": 3},
        "h": {"kind": "differences", "metric": "NDCG@5", "pairs": [["wide", "popularity"]]},
    },
    "profiles": {"full": {"seeds": [1, 2]}},
}


def test_a_good_suite() -> None:
    CHECK.validate(GOOD)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param(["colour"], "red", id="section"),
        pytest.param(["datasets", "d", "source"], "movielens", id="source"),
        pytest.param(["datasets", "d", "options"], {"path": "x"}, id="option-of-a-source"),
        pytest.param(["datasets", "d"], {"source": "sequence-table"}, id="missing-option"),
        pytest.param(["datasets", "d", "filters", 0, "filter"], "kcore", id="filter"),
        pytest.param(["datasets", "d", "filters", 0, "users"], 0, id="filter-range"),
        pytest.param(["datasets", "d", "item_id_order"], "random", id="item-order"),
        pytest.param(["protocol", "seen"], "maks", id="choice"),
        pytest.param(["protocol", "cutoffs"], [], id="no-cutoffs"),
        pytest.param(["methods", "wide", "method"], "sasrek", id="method"),
        pytest.param(["methods", "wide", "method"], None, id="label-without-method"),
        pytest.param(["methods", "other"], None, id="null-for-a-label"),
        pytest.param(["methods", "other"], {}, id="label-alone"),
        pytest.param(["methods", "sasrec", "config", "widht"], 3, id="option"),
        pytest.param(["methods", "wide", "config", "width"], "64", id="type"),
        pytest.param(["methods", "ease", "config", "regularisation"], 1, id="option-of-another-method"),
        pytest.param(["methods", "wide", "grid", "heads"], [], id="empty-grid"),
        pytest.param(["metrics"], ["NDGC"], id="metric"),
        pytest.param(["seeds"], [1, 1], id="seed-twice"),
        pytest.param(["seeds"], [-1], id="negative-seed"),
        pytest.param(["figures", "f", "kind"], "popularty", id="kind-of-figure"),
        pytest.param(["figures", "f", "users"], 3, id="option-of-another-kind"),
        pytest.param(["figures", "g", "users"], 0, id="figure-range"),
        pytest.param(["figures", "h", "pairs"], [["wide"]], id="half-a-pair"),
        pytest.param(["figures", "h", "pairs"], [["wide", "wide"]], id="pair-of-one-method"),
        pytest.param(["figures", "h", "methods"], ["wide"], id="methods-beside-pairs"),
        pytest.param(["profiles", "full", "figures"], {"f": {}}, id="figure-of-a-profile"),
        pytest.param(["profiles", "full", "sedes"], [1], id="section-of-a-profile"),
        pytest.param(["profiles", "full", "profiles"], {}, id="profile-of-a-profile"),
    ],
)
def test_a_wrong_suite(place: list[Any], value: Any) -> None:
    wrong = copy.deepcopy(GOOD)
    section = wrong
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = value
    assert not CHECK.is_valid(wrong)


def test_parts_of_one_name_stay_apart(plug: Any) -> None:
    def source(label: str, choice: Any) -> type[DataSource]:
        part = type("Part", (Config,), {"__annotations__": {"choice": choice}, "__doc__": "A part."})
        members = {"__annotations__": {"part": part}, "__doc__": "A source.", "name": label, "read": lambda self: None}
        return type("Source", (DataSource,), members)

    sources = [source("one", Literal["a"]), source("two", Literal["b"])]
    hook = hookimpl(specname="register_datasets")(lambda: sources)
    check = Draft202012Validator(suite_schema(load_catalog([plug("parts", hook=hook), *entry_points(group=GROUP)])))

    def suite(name: str, choice: str) -> dict[str, Any]:
        return {**GOOD, "datasets": {"d": {"source": name, "options": {"part": {"choice": choice}}}}}

    assert [check.is_valid(suite(*pair)) for pair in [("one", "a"), ("one", "b"), ("two", "a"), ("two", "b")]] == [
        True, False, False, True
    ]  # fmt: skip
