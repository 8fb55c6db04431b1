"""Suites: what the YAML means, and every kind of mistake with its line and what would work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from llmrec_bench import BenchError, DataSource, Method
from llmrec_bench.data.splits import LeaveOneOut
from llmrec_bench.errors import SuiteErrors
from llmrec_bench.metrics.accuracy import HR, MRR, NDCG
from llmrec_bench.plugins import Catalog
from llmrec_bench.protocol import CandidateFile, Protocol
from llmrec_bench.suite import Suite, load_suite


class Walker(Method):
    """A method with an option of each type."""

    name = "walker"
    version = "1"

    class Config(Method.Config):
        width: int = Field(default=8, ge=1)
        rate: float = 0.1
        deep: bool = False
        loss: Literal["bpr", "cross-entropy"] = "bpr"
        sizes: tuple[int, ...] = ()

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


class Sitter(Walker):
    """A method without options."""

    name = "sitter"

    class Config(Method.Config): ...


class Paths(DataSource):
    """A source with paths."""

    name = "paths"

    path: Path = Path("ratings.csv")
    items: Path | None = None
    rows: int = 3

    def read(self) -> Any: ...


CATALOG = Catalog(
    methods={"walker": Walker, "sitter": Sitter},
    datasets={"paths": Paths},
    metrics={"HR": HR, "MRR": MRR, "NDCG": NDCG},
)

Load = Callable[..., Suite]
Find = Callable[..., list[str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load_text(text: str, profile: str | None = None) -> Suite:
        path = tmp_path / "study.yaml"
        path.write_text(text, encoding="utf-8")
        return load_suite(path, CATALOG, profile)

    return load_text


@pytest.fixture
def find(load: Load, tmp_path: Path) -> Find:
    """The mistakes of a text, each as `line: message`."""

    def find_in(text: str, profile: str | None = None) -> list[str]:
        with pytest.raises(SuiteErrors) as error:
            load(text, profile)
        start = f"{tmp_path}/study.yaml:"
        assert all(line.startswith(start) for line in error.value.mistakes)
        assert str(error.value).splitlines() == error.value.mistakes  # one line each
        return [line.removeprefix(start) for line in error.value.mistakes]

    return find_in


DATA = "datasets: {d: {source: paths}}\n"
METHODS = "methods: {walker: }\n"

# What a suite means


def test_the_smallest_suite(load: Load, tmp_path: Path) -> None:
    suite = load(DATA + METHODS)
    assert suite.name == "study"
    assert suite.protocol == Protocol()
    assert suite.seeds == (1, 2, 3)
    assert suite.metrics == ("HR", "NDCG", "MRR")
    assert [(m.label, m.method, m.config) for m in suite.methods] == [("walker", Walker, Walker.Config())]
    assert [t.metrics for t in suite.tables] == [("HR@20", "NDCG@20", "MRR@20")]


def test_a_label_of_its_own(load: Load) -> None:
    (method,) = load(DATA + "methods: {wide: {method: walker, config: {width: 64}}}").methods
    assert (method.label, method.method, method.config) == ("wide", Walker, Walker.Config(width=64))


def test_a_grid_is_every_combination(load: Load) -> None:
    suite = load(DATA + "methods: {walker: {config: {rate: 1}, grid: {width: [1, 2], deep: [false, true]}}}")
    assert [(m.label, m.config) for m in suite.methods] == [
        (f"walker[width={width},deep={deep}]", Walker.Config(rate=1, width=width, deep=deep))
        for width in (1, 2)
        for deep in (False, True)
    ]


def test_tables_name_whole_grids_and_single_rows(load: Load) -> None:
    text = DATA + "methods: {walker: {grid: {width: [1, 2]}}, sitter: }\n"
    tables = load(
        text + "metrics: [HR]\ntables: {a: {metrics: [HR@10], methods: [walker]}, "
        "b: {metrics: [HR@20], methods: [sitter, 'walker[width=2]'], datasets: [d]}}"
    ).tables
    assert [table.methods for table in tables] == [
        ("walker[width=1]", "walker[width=2]"),
        ("sitter", "walker[width=2]"),
    ]
    assert [table.datasets for table in tables] == [("d",), ("d",)]


@pytest.mark.parametrize(
    ("written", "rate"), [("1e-3", 0.001), ("1E3", 1000.0), ("2", 2.0), (".5", 0.5), ("-1.", -1.0), ("+1.5e+1", 15.0)]
)
def test_numbers_with_and_without_a_point(load: Load, written: str, rate: float) -> None:
    (method,) = load(DATA + f"methods: {{walker: {{config: {{rate: {written}}}}}}}").methods
    assert method.config == Walker.Config(rate=rate)


@pytest.mark.parametrize(("written", "width"), [("010", 10), ("0x1F", 31), ("0o17", 15), ("+7", 7)])
def test_whole_numbers(load: Load, written: str, width: int) -> None:
    (method,) = load(DATA + f"methods: {{walker: {{config: {{width: {written}}}}}}}").methods
    assert method.config == Walker.Config(width=width)


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "1_000", "1:30", "2024-01-01", "nul"])
def test_words_that_look_like_something_else(load: Load, word: str) -> None:
    assert load(f"description: {word}\n" + DATA + METHODS).description == word


def test_anchors_and_merge_keys(load: Load) -> None:
    suite = load(
        DATA + "methods:\n"
        "  small: &small {method: walker, config: &config {width: 2, rate: 1}}\n"
        "  large: {<<: *small, config: {<<: *config, width: 4}}\n"
    )
    assert [m.config for m in suite.methods] == [Walker.Config(width=2, rate=1), Walker.Config(width=4, rate=1)]


def test_an_anchor_with_a_merge_key_may_be_used_twice(load: Load) -> None:
    suite = load(
        DATA + "methods:\n"
        "  small: {method: walker, config: &config {width: 2, rate: 1}}\n"
        "  large: &large {method: walker, config: {<<: *config, width: 4}}\n"
        "profiles:\n  big: {methods: {walker: *large}}\n",
        profile="big",
    )
    assert [m.config for m in suite.methods] == [Walker.Config(width=4, rate=1)]


def test_the_first_of_merged_mappings_wins(load: Load) -> None:
    text = "methods: {walker: {config: {<<: [{width: 2}, {width: 3, rate: 1}]}}}"
    assert load(DATA + text).methods[0].config == Walker.Config(width=2, rate=1)


def test_a_profile_replaces_whole_sections(load: Load) -> None:
    text = DATA + METHODS + "seeds: [1]\nprofiles: {full: {seeds: [4, 5], methods: {sitter: }}}"
    plain, full = load(text), load(text, profile="full")
    assert (plain.profile, plain.seeds, [m.label for m in plain.methods]) == (None, (1,), ["walker"])
    assert (full.profile, full.seeds, [m.label for m in full.methods]) == ("full", (4, 5), ["sitter"])
    assert full.datasets == plain.datasets


# Paths


@pytest.mark.parametrize("written", ["/data/x.csv", "~/x.csv", "$DATA/x.csv", "${DATA}/x.csv"])
def test_paths_that_start_elsewhere_stay(load: Load, written: str) -> None:
    (entry,) = load(f"datasets: {{d: {{source: paths, options: {{path: '{written}'}}}}}}\n" + METHODS).datasets
    assert entry.source == Paths(path=Path(written))


def test_relative_paths_start_at_the_suites_folder(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (entry,) = load("datasets: {d: {source: paths, options: {path: a/x.csv, items: ../i.csv}}}\n" + METHODS).datasets
    assert entry.source == Paths(path=tmp_path / "a" / "x.csv", items=tmp_path / ".." / "i.csv")


def test_a_default_path_is_relative_too(load: Load, tmp_path: Path) -> None:
    assert load(DATA + METHODS).datasets[0].source == Paths(path=tmp_path / "ratings.csv")


@pytest.mark.parametrize("written", ["lists/c.txt", "$LISTS/c.txt", "~/lists/c.txt"])
def test_a_candidate_file_starts_at_the_suites_folder(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("LISTS", str(tmp_path / "lists"))
    monkeypatch.setenv("HOME", str(tmp_path))
    suite = load(DATA + METHODS + f"protocol: {{candidates: {{kind: file, path: {written}}}}}")
    assert suite.protocol.candidates == CandidateFile(path=tmp_path / "lists" / "c.txt")


def test_a_candidate_file_under_an_unset_variable(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTS", raising=False)
    text = DATA + METHODS + "protocol:\n  candidates: {kind: file, path: $LISTS/c.txt}"
    assert find(text) == [
        "4: protocol.candidates.path: the environment variable in $LISTS/c.txt is not set; set it or write the path out"
    ]


def test_the_paths_of_llm_are_written_out_as_those_of_candidates(
    load: Load, find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TAPES", raising=False)
    use = load(DATA + METHODS + "llm: {cassette: ~/tapes, prices: mine.yaml}").llm
    assert (use.cassette, use.prices) == (tmp_path / "tapes", tmp_path / "mine.yaml")
    assert find(DATA + METHODS + "llm:\n  cassette: $TAPES/a") == [
        "4: llm.cassette: the environment variable in $TAPES/a is not set; set it or write the path out"
    ]


# Files that are no suite


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "study.yaml: there is nothing in it"),
        ("# only a comment\n", "study.yaml: there is nothing in it"),
        ("a: [1\nb: 2\n", "study.yaml:2: not valid YAML: expected ',' or ']', but got ':'"),
        ("a: 1\n\tb: 2\n", "study.yaml:2: not valid YAML: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2\n", "study.yaml:2: not valid YAML: but found another document"),
        ("a: *b\n", "study.yaml:1: not valid YAML: found undefined alias 'b'"),
        ("a: &b\n  c: *b\n", "study.yaml:1: an anchor stands inside itself"),
        ("a: &b {<<: *b}\n", "study.yaml:1: an anchor stands inside itself"),
        ("a: \x00\n", "study.yaml: not valid YAML: special characters are not allowed at character 3"),
        ("- 1\n", "study.yaml:1: suite: should be a mapping (given a list)"),
        ("hello\n", 'study.yaml:1: suite: should be a mapping (given "hello")'),
        ("null\n", "study.yaml:1: suite: should be a mapping (given null)"),
    ],
    ids=[
        "empty",
        "comment",
        "bracket",
        "tab",
        "two",
        "alias",
        "cycle",
        "merge-cycle",
        "control",
        "list",
        "word",
        "null",
    ],
)
def test_not_a_suite(load: Load, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BenchError) as error:
        load(text)
    assert str(error.value) == f"{tmp_path}/{message}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"description: caf\xe9\n")
    for path, reason in [
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "cannot be read ([Errno 21] Is a directory"),
        (tmp_path / "latin.yaml", "cannot be read ('utf-8' codec can't decode byte 0xe9"),
    ]:
        with pytest.raises(BenchError) as error:
            load_suite(path, CATALOG)
        assert str(error.value).startswith(f"{path}: {reason}")


# Mistakes, one kind at a time; DATA is line 1, METHODS line 2 unless replaced


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        # sections and keys
        pytest.param(
            "seeds: [1]\n", ["1: suite: 'datasets' is missing", "1: suite: 'methods' is missing"], id="no-sections"
        ),
        pytest.param(
            DATA + METHODS + "metrisc: []",
            ["3: suite: unknown key 'metrisc'; did you mean 'metrics'?"],
            id="unknown-section",
        ),
        pytest.param(METHODS + "datasets: {}", ["2: datasets: should have at least 1 entry"], id="no-data-set"),
        pytest.param(METHODS + "datasets:", ["2: datasets: should be a mapping (given null)"], id="null-datasets"),
        pytest.param(
            METHODS + "datasets: {d: }", ["2: datasets.d: should be a mapping (given null)"], id="null-data-set"
        ),
        pytest.param(METHODS + "datasets: {d: {}}", ["2: datasets.d: 'source' is missing"], id="no-source"),
        pytest.param(
            METHODS + "datasets: {d: {source: paths, sauce: x}}",
            ["2: datasets.d: unknown key 'sauce'; did you mean 'source'?"],
            id="unknown-data-key",
        ),
        pytest.param(
            METHODS + "datasets: {d: {source: pahts}}",
            ["2: unknown dataset 'pahts'; did you mean 'paths'?"],
            id="unknown-source",
        ),
        pytest.param(
            METHODS + "datasets: {d: {source: [paths]}}",
            ["2: datasets.d.source: should be text (given a list)"],
            id="list-for-source",
        ),
        pytest.param(
            METHODS + "datasets:\n  d:\n    source: paths\n    options: {row: 1}",
            ["5: datasets.d.options: unknown key 'row'; did you mean 'rows'?"],
            id="unknown-source-option",
        ),
        pytest.param(
            METHODS + "datasets:\n  d:\n    source: paths\n    options:\n      path: 3\n      rows: '3'",
            [
                "6: datasets.d.options.path: should be text (given 3)",
                '7: datasets.d.options.rows: should be a whole number (given "3")',
            ],
            id="source-option-types",
        ),
        pytest.param(
            METHODS + "datasets: {d: {source: paths, item_id_order: shuffled}}",
            [
                "2: datasets.d.item_id_order: should be published or shuffled(SEED), such as shuffled(1) "
                "(given 'shuffled')"
            ],
            id="item-id-order",
        ),
        # filters
        pytest.param(
            METHODS + "datasets:\n  d:\n    source: paths\n    filters:\n"
            "      - {filter: k-cor}\n      - {users: 5}\n      - k-core\n"
            "      - {filter: k-core, usres: 1, items: 0}\n      - {filter: latest}\n",
            [
                "6: datasets.d.filters.0: unknown filter 'k-cor'; did you mean 'k-core'?",
                "7: datasets.d.filters.1: 'filter' is missing; "
                "known: activity-group, drop-duplicates, k-core, latest, sample-users, titled-items",
                '8: datasets.d.filters.2: should be a mapping (given "k-core")',
                "9: datasets.d.filters.3.items: should be greater than or equal to 1 (given 0)",
                "9: datasets.d.filters.3: unknown key 'usres'; did you mean 'users'?",
                "10: datasets.d.filters.4: 'n' is missing",
            ],
            id="filters",
        ),
        # protocol
        pytest.param(
            DATA + METHODS + "protocol:\n  seen: maks\n  cutoffs: [10, true, 0]\n  splits: {}\n",
            [
                "4: protocol.seen: should be 'mask', 'none' or 'zero' (given \"maks\"); did you mean 'mask'?",
                "5: protocol.cutoffs.1: should be a whole number (given true)",
                "5: protocol.cutoffs.2: should be greater than 0 (given 0)",
                "6: protocol: unknown key 'splits'; did you mean 'split'?",
            ],
            id="protocol",
        ),
        pytest.param(
            DATA + METHODS + "protocol:\n  split: {kind: leave-one-ot}\n  candidates: {kind: sampled, nn: 5}\n",
            [
                "4: protocol.split: unknown kind 'leave-one-ot'; did you mean 'leave-one-out'?",
                "5: protocol.candidates: 'n' is missing",
                "5: protocol.candidates: unknown key 'nn'; did you mean 'n'?",
            ],
            id="split-and-candidates",
        ),
        pytest.param(
            DATA + METHODS + "protocol: {split: {train: 0.8}}",
            ["3: protocol.split: 'kind' is missing; known: global-time, leave-one-out, ratio"],
            id="split-without-kind",
        ),
        pytest.param(
            DATA + METHODS + "protocol:\n  candidates: {kind: sampled, n: 5}\n  cutoffs: [10]",
            ["3: protocol: cut-off 10 is larger than the 6 candidates (target and 5 negatives)"],
            id="cutoff-beyond-candidates",
        ),
        # methods
        pytest.param(
            DATA + "methods: {wlaker: }", ["2: unknown method 'wlaker'; did you mean 'walker'?"], id="unknown-label"
        ),
        pytest.param(
            DATA + "methods:\n  w:\n    config: {}\n    method: wlaker",
            ["5: unknown method 'wlaker'; did you mean 'walker'?"],
            id="unknown-method",
        ),
        pytest.param(
            DATA + "methods: {w: {method: [walker]}}",
            ["2: methods.w.method: should be text (given a list)"],
            id="list-for-method",
        ),
        pytest.param(
            DATA + "methods: {walker: wide}",
            ['2: methods.walker: should be a mapping (given "wide")'],
            id="word-for-method",
        ),
        pytest.param(
            DATA + "methods: [walker]", ["2: methods: should be a mapping (given a list)"], id="list-of-methods"
        ),
        pytest.param(
            DATA + "methods: {walker: {confg: {}}}",
            ["2: methods.walker: unknown key 'confg'; did you mean 'config'?"],
            id="unknown-method-key",
        ),
        pytest.param(
            DATA + "methods:\n  walker:\n    config:\n      widht: 3\n      width: 0\n      rate: true\n      deep: 1\n"
            "      loss: bpz\n      sizes: [1, x]\n",
            [
                "5: methods.walker.config: unknown key 'widht'; did you mean 'width'?",
                "6: methods.walker.config.width: should be greater than or equal to 1 (given 0)",
                "7: methods.walker.config.rate: should be a number (given true)",
                "8: methods.walker.config.deep: should be true or false (given 1)",
                "9: methods.walker.config.loss: should be 'bpr' or 'cross-entropy' (given \"bpz\"); "
                "did you mean 'bpr'?",
                '10: methods.walker.config.sizes.1: should be a whole number (given "x")',
            ],
            id="config",
        ),
        pytest.param(
            DATA + "methods: {walker: {config: {width: '3', rate: .nan, deep: yes}}}",
            [
                '2: methods.walker.config.deep: should be true or false (given "yes")',
                "2: methods.walker.config.rate: should be a finite number (given NaN)",
                '2: methods.walker.config.width: should be a whole number (given "3")',
            ],
            id="config-types",
        ),
        pytest.param(
            DATA + "methods: {sitter: {config: {width: 3}}}",
            ["2: methods.sitter.config: unknown key 'width'; no options here"],
            id="no-options",
        ),
        pytest.param(
            DATA + "methods:\n  walker:\n    grid:\n      width: [8, 0, 4]\n      rate: 1\n      sizes: []\n",
            [
                "6: methods.walker.grid.rate: should be a list (given 1)",
                "7: methods.walker.grid.sizes: should have at least 1 entry",
            ],
            id="grid-shape",
        ),
        pytest.param(
            DATA + "methods:\n  walker:\n    grid:\n      width: [8, 0, 4]\n      rat: [1, 2]\n",
            [
                "5: methods.walker.grid.width: should be greater than or equal to 1 (given 0)",
                "6: methods.walker.grid: unknown key 'rat'; did you mean 'rate'?",
            ],
            id="grid-values",
        ),
        pytest.param(
            DATA + "methods:\n  walker:\n    config: {width: 3}\n    grid: {width: [1]}\n",
            ["5: methods.walker: 'width' is fixed under config and varied under grid"],
            id="grid-and-config",
        ),
        pytest.param(
            DATA + "methods:\n  walker: {grid: {width: [8, 4, 8]}}\n  same: {method: walker}",
            [
                "3: 'walker[width=8]' is the same as 'walker[width=8]': same method, same options",
                "4: 'same' is the same as 'walker[width=8]': same method, same options",
            ],
            id="same-row",
        ),
        pytest.param(
            DATA
            + "methods:\n  walker: {grid: {width: [8]}}\n  'walker[width=8]': {method: walker, config: {width: 4}}",
            ["4: two methods are labelled 'walker[width=8]'; rename one"],
            id="same-label",
        ),
        pytest.param(
            DATA + 'methods:\n  "two\\nlines": {method: walker}\n',
            ["3: methods.two\\nlines: a label should be one line without control characters (given 'two\\nlines')"],
            id="label-of-two-lines",
        ),
        # seeds, metrics, tables
        pytest.param(
            DATA + METHODS + "seeds:\n  - 1\n  - 2\n  - 1\n  - -1\n  - 1.5\n  - 4294967296\n",
            [
                "6: seeds: 1 stands here twice",
                "7: seeds.3: should be greater than or equal to 0 (given -1)",
                "8: seeds.4: should be a whole number (given 1.5)",
                "9: seeds.5: should be less than 4294967296 (given 4294967296)",
            ],
            id="seeds",
        ),
        pytest.param(DATA + METHODS + "seeds: []", ["3: seeds: should have at least 1 entry"], id="no-seeds"),
        pytest.param(DATA + METHODS + "seeds: 3", ["3: seeds: should be a list (given 3)"], id="number-for-seeds"),
        pytest.param(
            DATA + METHODS + "metrics: [HR, NDGC, HR]",
            ["3: metrics: HR stands here twice", "3: unknown metric 'NDGC'; did you mean 'NDCG'?"],
            id="metrics",
        ),
        pytest.param(
            DATA + METHODS + "metrics: [HR]\ntables:\n  t:\n    metrics: [HR@10, HR@5, HR]\n    methods: [walkr]\n"
            "    datasets: [e]\n    tittle: x\n",
            [
                "6: tables.t: 'HR' is not measured by this suite (metrics HR at 10, 20); known: HR@10, HR@20",
                "6: tables.t: 'HR@5' is not measured by this suite (metrics HR at 10, 20); did you mean 'HR@20'?",
                "7: tables.t: there is no method 'walkr'; did you mean 'walker'?",
                "8: tables.t: there is no dataset 'e'; known: d",
                "9: tables.t: unknown key 'tittle'; did you mean 'title'?",
            ],
            id="tables",
        ),
        pytest.param(
            DATA + METHODS + "tables: {t: {}}", ["3: tables.t: 'metrics' is missing"], id="table-without-metrics"
        ),
        # keys of YAML
        pytest.param(
            "datasets: {d: {source: paths}}\nmethods: {walker: }\nseeds: [1]\nmethods: {walker: {}}\n",
            ["4: key 'methods' stands here a second time (first on line 2)"],
            id="second-section",
        ),
        pytest.param(
            DATA + "methods:\n  walker:\n    config:\n      width: 1\n      width: 2\n",
            ["6: key 'width' stands here a second time (first on line 5)"],
            id="second-option",
        ),
        pytest.param(DATA + METHODS + "? [a]\n: 1\n", ["3: a key must be a plain word"], id="list-for-key"),
        pytest.param(
            DATA + METHODS + "seeds: [!!binary aGk=]\n",
            [
                "3: 'aGk=' is neither text nor a number; leave its tag out",
                "3: seeds.0: should be a whole number (given null)",
            ],
            id="binary",
        ),
        pytest.param(
            DATA + "methods: {<<: 3, walker: }\n",
            ["2: '<<' takes a mapping, or a list of mappings"],
            id="merge-of-a-number",
        ),
        pytest.param(
            METHODS + "datasets: {'': {source: paths}}",
            ['2: datasets.: should have at least 1 character (given "")'],
            id="empty-label",
        ),
    ],
)
def test_a_mistake(find: Find, text: str, mistakes: list[str]) -> None:
    assert find(text) == mistakes


def test_every_mistake_at_once(find: Find) -> None:
    assert find(
        """\
datasets:
  d: {source: pahts}
  e: {source: paths, options: {rows: x}}
protocol: {cutoffs: [5], seen: zero}
methods:
  wlaker:
  sitter: {config: {width: 3}}
  walker: {grid: {width: [0]}}
seeds: [1, 1, x]
metrics: [HR, NDGC]
tables:
  t: {metrics: [HR@10], datasets: [d, e, f]}
profiles:
  full: {seeds: [3, 3]}
colour: red
"""
    ) == [
        "2: unknown dataset 'pahts'; did you mean 'paths'?",
        '3: datasets.e.options.rows: should be a whole number (given "x")',
        "6: unknown method 'wlaker'; did you mean 'walker'?",
        "7: methods.sitter.config: unknown key 'width'; no options here",
        "8: methods.walker.grid.width: should be greater than or equal to 1 (given 0)",
        '9: seeds.2: should be a whole number (given "x")',
        "9: seeds: 1 stands here twice",
        "10: unknown metric 'NDGC'; did you mean 'NDCG'?",
        "12: tables.t: 'HR@10' is not measured by this suite (metrics HR, NDGC at 5); did you mean 'HR@5'?",
        "12: tables.t: there is no dataset 'f'; known: d, e",
        "14: seeds: 3 stands here twice",
        "15: suite: unknown key 'colour'; known: "
        "datasets, description, figures, llm, methods, metrics, profiles, protocol, seeds, tables, tune",
    ]


# Profiles

PROFILES = """\
datasets: {d: {source: paths}}
methods: {walker: }
metrics: [HR]
tables:
  t: {metrics: [HR@10]}
profiles:
  short:
    seeds: [1, one]
    methods:
      walker:
        grid:
          width: [0]
      sitter: {config: {a: 1}}
  other:
    protocol: {cutoffs: [5]}
    sedes: [1]
  nested:
    profiles: {}
  word: 3
"""


def test_mistakes_of_profiles_stand_at_their_own_lines(find: Find) -> None:
    assert find(PROFILES) == [
        "5: tables.t: 'HR@10' is not measured by this suite (metrics HR at 5); did you mean 'HR@5'?",
        '8: seeds.1: should be a whole number (given "one")',
        "12: methods.walker.grid.width: should be greater than or equal to 1 (given 0)",
        "13: methods.sitter.config: unknown key 'a'; no options here",
        "16: suite: unknown key 'sedes'; did you mean 'seeds'?",
        "18: a profile cannot hold profiles",
        "19: profiles.word: should be a mapping (given 3)",
    ]


def test_a_mistake_of_the_base_suite_is_told_once(find: Find) -> None:
    text = DATA + "methods: {wlaker: }\nprofiles: {a: {seeds: [1]}, b: {seeds: [2]}}"
    assert find(text) == ["2: unknown method 'wlaker'; did you mean 'walker'?"]


def test_an_unknown_profile(find: Find) -> None:
    text = DATA + METHODS + "profiles:\n  full: {seeds: [1]}\n"
    assert find(text, profile="ful") == ["3: there is no profile 'ful'; did you mean 'full'?"]
    assert find(DATA + METHODS, profile="full") == ["1: there is no profile 'full'"]


def test_a_split_may_be_left_out(load: Load) -> None:
    assert load(DATA + METHODS + "protocol: {}").protocol.split == LeaveOneOut()
