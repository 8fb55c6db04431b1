"""Named settings and tuning in a suite: what they mean, and every mistake with its line."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, model_validator

from llmrec_bench import Choice, DataSource, Method, Range
from llmrec_bench.errors import SuiteErrors
from llmrec_bench.metrics.accuracy import HR, NDCG
from llmrec_bench.metrics.coverage import Gini
from llmrec_bench.metrics.popularity import ARP
from llmrec_bench.plugins import Catalog
from llmrec_bench.suite import Suite, load_suite
from llmrec_bench.suite_methods import SuiteMethod
from llmrec_bench.tuning import Tuning


class Walker(Method):
    """A method with something to tune."""

    name = "walker"
    version = "1"
    settings: ClassVar = {"paper": {"width": 50, "rate": 1e-3}, "paper-large": {"width": 100}}

    class Config(Method.Config):
        width: Annotated[int, Choice((16, 32))] = Field(8, ge=1, le=100)
        rate: Annotated[float, Range(1e-4, 1e-1, log=True)] = 0.01
        depth: int = Field(1, ge=1)
        heads: int = 1

        @model_validator(mode="after")
        def _heads_divide_width(self) -> "Walker.Config":
            if self.width % self.heads:
                raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
            return self

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


class Sitter(Walker):
    """A method with nothing to tune."""

    name = "sitter"
    settings: ClassVar = {}

    class Config(Method.Config):
        size: int = 3


class Needy(Walker):
    """A method with an option that has no default."""

    name = "needy"
    settings: ClassVar = {"wide": {"size": 9}}

    class Config(Method.Config):
        folder: str
        size: int = 3


class Source(DataSource):
    """A source."""

    name = "source"

    def read(self) -> Any: ...


CATALOG = Catalog(
    methods={"walker": Walker, "sitter": Sitter, "needy": Needy},
    datasets={"source": Source},
    metrics={"HR": HR, "NDCG": NDCG, "ARP": ARP, "Gini": Gini},
)
HEAD = "datasets: {d: {source: source}}\nmetrics: [HR]\n"

Load = Callable[[str], Suite]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load_text(text: str) -> Suite:
        path = tmp_path / "study.yaml"
        path.write_text(HEAD + text, encoding="utf-8")
        return load_suite(path, CATALOG)

    return load_text


def only(suite: Suite) -> SuiteMethod:
    [method] = suite.methods
    return method


# What they mean


def test_named_settings_are_where_config_starts(load: Load) -> None:
    assert only(load("methods: {walker: {settings: paper}}")).config == Walker.Config(width=50, rate=1e-3)
    changed = only(load("methods: {walker: {settings: paper, config: {rate: 0.5}}}"))
    assert changed.config == Walker.Config(width=50, rate=0.5)
    assert only(load("methods: {walker: {settings: default}}")).config == Walker.Config()


@pytest.mark.parametrize(
    ("entry", "mark"),
    [
        ("walker:", "default"),
        ("walker: {config: {width: 8}}", "default"),
        ("walker: {settings: paper}", "paper"),
        ("walker: {config: {width: 100}}", "paper-large"),  # however it was written
        ("walker: {settings: paper, config: {depth: 2}}", "own"),
        ("walker: {config: {width: 9}}", "own"),
        ("walker: {tune: true}", "tuned"),
        ("needy: {config: {folder: here}}", "own"),
        ("needy: {settings: wide, config: {folder: here}}", "wide"),
        ("needy: {settings: wide, config: {folder: here, size: 8}}", "own"),
    ],
)
def test_what_a_row_is_marked_as(load: Load, entry: str, mark: str) -> None:
    assert only(load(f"methods:\n  {entry}\n")).settings == mark


def test_tuning_with_what_the_method_declares(load: Load) -> None:
    suite = load("methods: {walker: {tune: true, config: {depth: 2}}}")
    assert only(suite).space == {"width": Choice((16, 32)), "rate": Range(1e-4, 1e-1, log=True)}
    assert only(suite).config == Walker.Config(depth=2)
    assert suite.tuning == Tuning(fits=20, metric="NDCG@10", sampler="tpe", seed=0)
    assert only(load("methods: {walker: {tune: false}}")).space == {}


def test_what_stands_in_the_suite_is_not_tuned(load: Load) -> None:
    fixed = only(load("methods: {walker: {tune: true, config: {width: 4}}}"))
    assert list(fixed.space) == ["rate"]
    rows = load("methods: {walker: {tune: true, grid: {width: [4, 5]}}}").methods
    assert [(row.label, row.config.model_dump()["width"], list(row.space)) for row in rows] == [
        ("walker[width=4]", 4, ["rate"]),
        ("walker[width=5]", 5, ["rate"]),
    ]
    # Settings are where the search starts, not what it must keep.
    assert list(only(load("methods: {walker: {tune: true, settings: paper}}")).space) == ["width", "rate"]


def test_tuning_with_a_space_of_the_suites_own(load: Load) -> None:
    suite = load(
        "methods: {sitter: {tune: {size: {low: 1, high: 9}}}, walker: {tune: {rate: {low: 1e-2, high: 1, log: true}, "
        "width: [1, 2]}}}\ntune: {fits: 3, metric: HR@5, sampler: random, seed: 7}"
    )
    assert [row.space for row in suite.methods] == [
        {"size": Range(1, 9)},
        {"rate": Range(1e-2, 1, log=True), "width": Choice((1, 2))},
    ]
    assert suite.tuning == Tuning(fits=3, metric="HR@5", sampler="random", seed=7)


def test_spaces_tell_rows_apart(load: Load) -> None:
    text = "methods: {a: {method: walker, tune: true}, b: {method: walker, tune: {width: [1, 2]}}, walker: }"
    assert [row.label for row in load(text).methods] == ["a", "b", "walker"]


# Mistakes


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (
            "methods: {walker: {settings: papper}}",
            ["methods.walker.settings: 'walker' has no settings 'papper'; did you mean 'paper'?"],
        ),
        ("methods: {walker: {settings: 3}}", ["methods.walker.settings: should be text (given 3)"]),
        (
            "methods: {sitter: {tune: true}}",
            ["methods.sitter.tune: 'sitter' declares no option for tuning; name options and ranges instead of `true`"],
        ),
        (
            "methods: {walker: {tune: true, config: {width: 1, rate: 1}}}",
            [
                "methods.walker.tune: 'walker' declares no option that is left to tune; "
                "name options and ranges instead of `true`"
            ],
        ),
        (
            "methods: {walker: {tune: {}}}",
            ["methods.walker.tune: names no option; write `true` for those that the method declares"],
        ),
        (
            "methods: {walker: {tune: {widht: [1, 2], rate: {low: 1, high: 2}}}}",
            ["methods.walker.tune: 'walker' has no option 'widht'; did you mean 'width'?"],
        ),
        (
            "methods: {walker: {config: {rate: 1}, grid: {width: [1]}, tune: {rate: [1, 2], width: [1, 2]}}}",
            [
                "methods.walker.tune: 'rate' is fixed or varied by the suite already",
                "methods.walker.tune: 'width' is fixed or varied by the suite already",
            ],
        ),
        (
            "methods: {walker: {tune: {width: [0, 101]}}}",
            [
                "methods.walker.tune.width: should be greater than or equal to 1 (given 0)",
                "methods.walker.tune.width: should be less than or equal to 100 (given 101)",
            ],
        ),
        (
            "methods: {walker: {tune: {width: {low: 1.5, high: 3}}}}",
            ["methods.walker.tune: 'width' holds whole numbers (given 1.5)"],
        ),
        (
            "methods: {walker: {tune: {rate: {low: 2, high: 1}}}}",
            ["methods.walker.tune.rate: low should be below high (given 2 and 1)"],
        ),
        (
            "methods: {walker: {tune: {rate: {low: 0, high: 1, log: true}}}}",
            ["methods.walker.tune.rate: a range drawn by powers of ten should start above 0 (given 0)"],
        ),
        (
            "methods: {walker: {tune: {rate: {low: 0, hihg: 1}}}}",
            [
                "methods.walker.tune.rate: 'high' is missing",
                "methods.walker.tune.rate: unknown key 'hihg'; did you mean 'high'?",
            ],
        ),
        ("methods: {walker: {tune: {width: [1]}}}", ["methods.walker.tune.width: should have at least 2 entries"]),
        ("methods: {walker: {tune: 3}}", ["methods.walker.tune: should be true or false (given 3)"]),
        (
            "methods: {walker: {tune: {width: 3}}}",
            ["methods.walker.tune.width: should be a mapping (given 3)"],
        ),
        (
            "methods: {walker: {tune: {width: [[1], 2]}}}",
            ["methods.walker.tune.width.0: should be a number, a text, true, false or null"],
        ),
        ("methods: {walker: }\ntune: {fits: 0}", ["tune.fits: should be greater than or equal to 1 (given 0)"]),
        ("methods: {walker: }\ntune: {metric: NDGC@10}", ["tune.metric: unknown metric 'NDGC'; did you mean 'NDCG'?"]),
        ("methods: {walker: }\ntune: {metric: HR}", ["tune.metric: should name a cut-off, as HR@10 (given 'HR')"]),
        (
            "methods: {walker: }\ntune: {metric: ARP@10}",
            ["tune.metric: of 'ARP' higher is not better, so that nothing can be chosen by it"],
        ),
        (
            "methods: {walker: }\ntune: {sampler: grid}",
            ["""tune.sampler: should be 'tpe' or 'random' (given "grid")"""],
        ),
    ],
)
def test_a_mistake(load: Load, tmp_path: Path, text: str, mistakes: list[str]) -> None:
    with pytest.raises(SuiteErrors) as error:
        load(text)
    line = 4 if "\n" in text else 3
    assert error.value.mistakes == [f"{tmp_path}/study.yaml:{line}: {mistake}" for mistake in mistakes]


def test_tuning_without_optuna_says_what_to_install(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmrec_bench.suite_methods.has_optuna", lambda: False)
    with pytest.raises(SuiteErrors) as error:
        load("methods: {walker: {tune: true}}")
    assert str(error.value).endswith(
        ":3: methods.walker.tune: tuning needs the package optuna; pip install 'llmrec-bench[tune]'"
    )
    load("methods: {walker: }")
