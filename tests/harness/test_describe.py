"""What `bench list`, `bench describe` and `bench data describe` say, and that everything built in is explained."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from llmrec_bench import BenchError, Config, DataSource, Log, Method, hookimpl
from llmrec_bench.cli import main
from llmrec_bench.data.dataset import Preparation, load_dataset
from llmrec_bench.data.description import describe_data
from llmrec_bench.data.filters import KCore, Latest
from llmrec_bench.describe import KINDS, describe_entry, describe_loaded, list_entries
from llmrec_bench.plugins import Catalog, load_catalog
from llmrec_bench.sources import parse_preparation, resolve_source


class Part(Config):
    """A part of the options."""

    size: int = 1
    """Its size."""


class Method1(Method):
    """Score by number. The rest
    of the story.

    And more of it.
    """

    name = "number"
    version = "3"
    source = "a paper"

    class Config(Method.Config):
        need: int = Field(ge=1, lt=2**32)
        """What must be given."""
        share: float = Field(default=0.5, gt=0, le=1)
        """A share of something,
        on two lines."""
        loss: Literal["bpr", "ce"] = "ce"
        """Which loss."""
        limit: int | None = None
        """A limit, or none."""
        file: Path | None = None
        """A file."""
        deep: bool = False
        """Whether deep."""
        sizes: tuple[int, ...] = (1, 2)
        """Some sizes."""
        part: Part = Part()
        """A part."""

    def fit(self, train: Any, run: Any) -> None: ...

    def score(self, queries: Any) -> Any: ...


class Plain(DataSource):
    """A file of numbers."""

    name = "number"
    reference = "nobody"
    simulated = True

    path: Path
    """The file."""
    rate: float = 1.0
    """A rate."""
    mark: str = ","
    """A mark."""

    def read(self) -> Log:
        raise AssertionError("never read")

    @classmethod
    def recognise(cls, path: Path) -> "Plain | None":
        return cls(path=path, rate=2.0) if path.suffix == ".number" else None


class Other(Plain):
    """Another file of numbers."""

    name = "other"

    @classmethod
    def recognise(cls, path: Path) -> "Other | None":
        return cls(path=path) if path.suffixes[-1:] == [".number"] and path.stem == "both" else None


@pytest.fixture
def catalog(plug: Any) -> Catalog:
    hooks = {
        "methods": hookimpl(specname="register_methods")(lambda: [Method1]),
        "sources": hookimpl(specname="register_datasets")(lambda: [Plain, Other]),
    }
    return load_catalog([plug("mine", **hooks)])


# Everything built in


BUILT_IN = load_catalog()
ENTRIES = [(kind, name) for kind in KINDS for name in getattr(BUILT_IN, kind)]


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_everything_built_in_is_explained(kind: str, name: str) -> None:
    entry = getattr(BUILT_IN, kind)[name]
    assert entry.__doc__.strip()
    assert kind == "language_models" or (entry.reference if kind == "datasets" else entry.source)
    configured = {"datasets": entry, "metrics": None}.get(kind, getattr(entry, "Config", None))
    options = {} if configured is None else configured.model_fields
    for option, field in options.items():
        assert field.description, f"{name}: option {option} has no sentence"
        assert field.description.endswith((".", ")")), f"{name}: option {option}: {field.description}"
    described = describe_entry(BUILT_IN, name)
    headings = [line for line in described.splitlines() if line.startswith(f"{name} (")]  # a name may be of two kinds
    assert any(line.startswith(f"{name} ({kind[:-1].replace('_', ' ')}") for line in headings)
    assert all(f"\n  {option} (" in described for option in options)


@pytest.mark.parametrize("kind", KINDS)
def test_lists_have_a_sentence_for_every_name(kind: str) -> None:
    entries = list_entries(BUILT_IN, kind)
    assert [name for name, _, _ in entries] == sorted(getattr(BUILT_IN, kind))
    for name, plugin, summary in entries:
        assert plugin in ("builtin", "metrics")
        assert summary.endswith((".", "?")), f"{name}: {summary}"
        assert "\n" not in summary


# Descriptions


def test_a_list_shows_the_first_sentence(catalog: Catalog) -> None:
    assert list_entries(catalog, "methods") == [("number", "mine", "Score by number.")]


def test_a_description_says_everything(catalog: Catalog) -> None:
    assert (
        describe_entry(catalog, "number")
        == """\
number (method, version 3, plugin mine)

Score by number. The rest
of the story.

And more of it.

Source: a paper

Options:
  need (required; whole number >= 1 and < 4294967296)
      What must be given.
  share (default 0.5; number > 0 and <= 1)
      A share of something,
      on two lines.
  loss (default "ce"; one of bpr, ce)
      Which loss.
  limit (default null; whole number or none)
      A limit, or none.
  file (default null; path or none)
      A file.
  deep (default false; true or false)
      Whether deep.
  sizes (default [1, 2]; list)
      Some sizes.
  part (default {"size": 1}; Part)
      A part.
      Part: A part of the options.
        size (default 1; whole number)
            Its size.
number (dataset, version 1, plugin mine)

A file of numbers.

Source: nobody
SIMULATED: made by a program, not observed.

Options:
  path (required; path)
      The file.
  rate (default 1.0; number)
      A rate.
  mark (default ","; text)
      A mark."""
    )


def test_a_metric_is_described_by_its_formula() -> None:
    described = describe_entry(BUILT_IN, "HR").splitlines()
    assert described[0] == "HR (metric, plugin metrics)"
    assert "Range: 0 to 1; higher is better" in described
    assert any(line.startswith("Formula: ") for line in described)


def test_an_unknown_name(catalog: Catalog) -> None:
    with pytest.raises(BenchError, match=r"^nothing is called 'numbr'; did you mean 'number'\?$"):
        describe_entry(catalog, "numbr")


# Data by name and by path


def test_a_source_by_name(catalog: Catalog) -> None:
    source = resolve_source(catalog, "number", ["path=a b.txt", "rate=1e-3", "mark=|"])
    assert source == Plain(path=Path("a b.txt"), rate=0.001, mark="|")


@pytest.mark.parametrize(
    ("option", "mark"), [("mark=:", ":"), ("mark=,", ","), ("mark='7'", "7"), ("mark=a=b", "a=b"), ('mark="\\t"', "\t")]
)
def test_a_mark_is_taken_as_written(catalog: Catalog, option: str, mark: str) -> None:
    assert resolve_source(catalog, "number", ["path=x", option]) == Plain(path=Path("x"), mark=mark)


def test_a_path_speaks_for_itself_and_options_have_the_last_word(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "a.number"
    path.write_text("7")
    assert resolve_source(catalog, str(path), []) == Plain(path=path, rate=2.0)
    assert resolve_source(catalog, str(path), ["rate=3"]) == Plain(path=path, rate=3.0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("numbr", [], "'numbr' is neither a data source nor an existing path; did you mean 'number'?"),
        ("number", [], "data source 'number': options: 'path' is missing"),
        ("number", ["pth=x"], "data source 'number': options: unknown key 'pth'; did you mean 'path'?"),
        ("number", ["path=x", "rate=much"], "data source 'number': options.rate: should be a number (given \"much\")"),
        ("number", ["path"], "--option path: should be KEY=VALUE"),
    ],
    ids=["name", "missing", "key", "type", "pair"],
)
def test_a_source_that_cannot_be_made(catalog: Catalog, name: str, options: list[str], message: str) -> None:
    with pytest.raises(BenchError) as error:
        resolve_source(catalog, name, options)
    assert str(error.value) == message


@pytest.mark.parametrize(("file", "who"), [("both.number", "number, other"), ("some.thing", "none")])
def test_a_path_that_does_not_speak_for_itself(catalog: Catalog, tmp_path: Path, file: str, who: str) -> None:
    path = tmp_path / file
    path.write_text("7")
    with pytest.raises(BenchError) as error:
        resolve_source(catalog, str(path), [])
    assert str(error.value) == (
        f"{path}: the format is not plain to see (recognised by: {who}); name the source, as in "
        f"bench data describe interaction-table -o path={path}"
    )


def test_an_empty_file_is_called_empty(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "a.number"
    path.touch()
    with pytest.raises(BenchError) as error:
        resolve_source(catalog, str(path), [])
    assert str(error.value) == f"{path}: the file is empty"


def test_filters_from_the_command_line() -> None:
    assert parse_preparation(None) == Preparation()
    made = parse_preparation("[{filter: k-core, users: 3}, {filter: latest, n: 50}]")
    assert made.filters == (KCore(filter="k-core", users=3), Latest(filter="latest", n=50))


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ("[{filter: kcore}]", "--filters: filters.0: unknown filter 'kcore'; did you mean 'k-core'?"),
        ("latest", '--filters: filters: should be a list (given "latest")'),
        ("[{filter: latest, n: 1, n: 2}]", "--filters:1: key 'n' stands here a second time (first on line 1)"),
        ("[{", "--filters:1: not valid YAML: expected the node content, but found '<stream end>'"),
        ("", "--filters: there is nothing in it"),
    ],
    ids=["unknown", "word", "twice", "torn", "empty"],
)
def test_filters_that_are_none(filters: str, message: str) -> None:
    with pytest.raises(BenchError) as error:
        parse_preparation(filters)
    assert str(error.value) == message


# A loaded data set, through the command

CSV = """\
user,item,rating,timestamp
1,10,3,1000000000
1,11,4,1000000100
2,11,5,1000000200
2,10,5,1000000200
2,10,5,1000086400
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int | str | None, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["data", "describe", *arguments])
    out, err = capsys.readouterr()
    return stop.value.code, out, err


def test_reviews_and_features_are_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "said.csv"
    path.write_text("user,item,review,feature\n1,1,soft strings,strings\n1,2,loud,\n2,1,,\n2,2,fine,\n")
    status, out, err = run(capsys, str(path))
    assert (status, err) == (0, "")
    assert out.splitlines()[-2:] == [
        "interactions with a review: 75.0%",
        "interactions whose review is known to be about a feature: 25.0%",
    ]


def test_a_file_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(CSV)
    status, out, err = run(capsys, str(path), "--filters", "[{filter: latest, n: 2}]")
    assert (status, err) == (0, "")
    source = resolve_source(BUILT_IN, str(path), [])
    dataset = load_dataset("x", source, Preparation(filters=(Latest(filter="latest", n=2),)))
    assert out == describe_loaded(source, describe_data(dataset)) + "\n"
    assert out.splitlines()[0] == f"interaction-table (path={path}, time=timestamp, rating=rating)"
    assert out.splitlines()[3:] == [
        "users 2; items 2; interactions 4",
        "density 100.0000%",
        f"fingerprint {dataset.fingerprint}",
        "times 2001-09-09 to 2001-09-10",
        "",
        "funnel                                        users       items  interactions",
        "  read                                            2           2             5",
        "  latest n=2                                      2           2             4",
        "",
        "events per user: min 2.0, 25% 2.0, median 2.0, mean 2.0, 75% 2.0, max 2.0",
        "repeats of an item by a user: 1 interactions",
        "users whose last two events share a time: 0.0% (their test item rests on the order of the file)",
        "items with a title: 0.0%",
    ]


def test_a_description_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(CSV)
    _, out, _ = run(capsys, str(path), "-o", "time=null", "--json")
    found = json.loads(out)
    assert (found["source"], found["options"]["time"], found["users"]) == ("interaction-table", None, 2)
    assert found["tied_last_share"] is None


def test_a_mistake_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, str(tmp_path / "none.csv"))[::2] == (
        2,
        f"bench: '{tmp_path}/none.csv' is neither a data source nor an existing path; "
        f"known: {', '.join(sorted(BUILT_IN.datasets))}\n",
    )


def test_a_family_is_described_by_its_common_name() -> None:
    told = describe_entry(load_catalog(), "slim")
    members = ["slim-gru4rec", "slim-matching", "slim-recbole", "slim-sasrec", "slim-srgnn"]
    assert [line.split(":")[0] for line in told.splitlines()[:5]] == members
    assert all(f"\n{member} (method, version" in told for member in members)
    for said in ("The paper has BERT", "300 in the paper", "the paper has LLaMA2-7B", "the paper leaves it unsaid"):
        assert said in told
