"""What a suite's YAML says: its shape, and the loader that reports every mistake at once."""

import json
import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, JsonValue, ValidationError

from llmrec_bench.config import Config
from llmrec_bench.data.dataset import Preparation
from llmrec_bench.data.source import DataSource
from llmrec_bench.errors import BenchError, SuiteErrors, suggest
from llmrec_bench.llm.metered import Mode
from llmrec_bench.metrics.metric import Metric
from llmrec_bench.plugins import Catalog
from llmrec_bench.protocol import CandidateFile, CandidatePlaces, Protocol, ProtocolOptions
from llmrec_bench.published import Published, read_published
from llmrec_bench.stage import elsewhere
from llmrec_bench.suite_figures import FigureEntry, SuiteFigure, check_figures, resolve_figures
from llmrec_bench.suite_methods import MethodEntry, SuiteMethod, resolve_methods
from llmrec_bench.suite_mistakes import Mistakes
from llmrec_bench.suite_names import check_names
from llmrec_bench.suite_tables import SuiteTable, TableEntry, check_published_only, check_tables, resolve_tables
from llmrec_bench.suite_values import VALUE_NAME
from llmrec_bench.tuning import Tuning
from llmrec_bench.yaml_lines import Document, Location, read_yaml

ConfigT = TypeVar("ConfigT", bound=Config)


def _one_line(text: str) -> str:
    """Raises `ValueError` for what would break a line or colour a terminal."""
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in text):
        raise ValueError(f"a label should be one line without control characters (given {text!r})")
    return text


Label = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_one_line)]


ValueName = Annotated[str, Field(pattern=f"^{VALUE_NAME}$", max_length=80)]


class DatasetEntry(Preparation):
    """One data set: a source, its options, and what is done to it before the split."""

    source: str
    """Name of the data source; `bench list datasets` shows them."""
    options: dict[str, JsonValue] = {}  # noqa: RUF012 - pydantic copies defaults
    """Options of the source; `bench describe NAME` explains them. Relative paths start at the suite's folder."""
    values: dict[ValueName, JsonValue] = {}  # noqa: RUF012
    """What `$name` stands for on this data set, wherever the options of a method have it: so that one row may have
    another teacher, student or encoder on each data set."""
    protocol: ProtocolOptions | None = None
    """Options that differ from the suite's protocol on this data set; those left out are the suite's. The same data may
    stand under two labels where they are tested in two ways."""


class LanguageModelUse(Config):
    """How the suite's language models are asked; which ones, the options of its methods say."""

    mode: Mode = "record"
    """`record`: answers that no cassette holds are asked for and kept. `replay`: nothing is asked, and an answer that
    is not recorded is an error."""
    cassette: Path | None = None
    """The folder of recorded answers; left out, `cassette` in the results folder. A relative path starts at the suite's
    folder."""
    prices: Path | None = None
    """A YAML list of prices in US dollars per million tokens, `{model, date, prompt, completion, source}`, that go
    before those that come with the project."""


class SuiteFile(Config):
    """A suite of experiments: every method on every data set with every seed, under one protocol."""

    description: str = ""
    """What the suite is for, printed above its tables."""
    datasets: Annotated[dict[Label, DatasetEntry], Field(min_length=1)]
    """Data sets by label."""
    protocol: Protocol = Protocol()
    """How the methods are tested; its hash stands on every number."""
    methods: Annotated[dict[Label, MethodEntry], Field(min_length=1)]
    """Methods by label."""
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)] = [1, 2, 3]  # noqa: RUF012
    """One trial for each; means and deviations are over these."""
    llm: LanguageModelUse = LanguageModelUse()
    """How language models are asked, recorded and priced."""
    tune: Tuning = Tuning()
    """How the methods that ask for `tune` are tuned: every one with the same budget, on validation queries only."""
    metrics: Annotated[list[str], Field(min_length=1)] = ["HR", "NDCG", "MRR"]  # noqa: RUF012
    """Metrics to compute at every cut-off of the protocol; `bench list metrics` shows them."""
    tables: dict[Label, TableEntry] = {}  # noqa: RUF012
    """Tables by name; left out, one table shows every metric at the largest cut-off."""
    figures: dict[Label, FigureEntry] = {}  # noqa: RUF012
    """Figures by name, as tables of their numbers; printed below the tables."""
    profiles: dict[Label, dict[str, JsonValue]] = {}  # noqa: RUF012
    """Named variants: each replaces whole sections of the suite, as in `full: {seeds: [1, 2, 3, 4, 5]}`."""


@dataclass(frozen=True)
class SuiteDataset:
    """A data set as the suite asks for it, nothing read yet."""

    label: str
    source: DataSource
    preparation: Preparation
    protocol: Protocol | None = None
    """Where it is not tested by the suite's."""


@dataclass(frozen=True)
class ProtocolUse:
    """A protocol and what it tests."""

    hash: str
    description: str
    datasets: tuple[str, ...]
    """Labels; none where it tests all data sets of the suite."""

    @property
    def line(self) -> str:
        """Hash, data sets and description."""
        tested = f" ({', '.join(self.datasets)})" if self.datasets else ""
        return f"{self.hash}{tested}: {self.description}"


@dataclass(frozen=True)
class Suite:
    """A suite with every name resolved against the catalog."""

    name: str
    path: Path
    profile: str | None
    description: str
    datasets: tuple[SuiteDataset, ...]
    protocol: Protocol
    methods: tuple[SuiteMethod, ...]
    seeds: tuple[int, ...]
    llm: LanguageModelUse
    tuning: Tuning
    metrics: tuple[str, ...]
    measures: Mapping[str, type[Metric]]
    """Of these metrics, by name."""
    tables: tuple[SuiteTable, ...]
    figures: tuple[SuiteFigure, ...]

    def protocol_on(self, dataset: str) -> Protocol:
        """How the data set of that label is tested: by a protocol of its own, or else by the suite's."""
        own = next((d.protocol for d in self.datasets if d.label == dataset), None)
        return self.protocol if own is None else own

    @property
    def protocols(self) -> tuple[ProtocolUse, ...]:
        """Each protocol of the data sets once. Raises `BenchError` where a candidate file cannot be read."""
        found: dict[str, tuple[Protocol, list[str]]] = {}
        for dataset in self.datasets:
            protocol = self.protocol_on(dataset.label)
            found.setdefault(protocol.hash, (protocol, []))[1].append(dataset.label)
        alone = len(found) == 1
        return tuple(
            ProtocolUse(hash, protocol.describe(), () if alone else tuple(labels))
            for hash, (protocol, labels) in found.items()
        )

    def columns_on(self, dataset: str) -> list[str]:
        """Everything that is measured on the data set of that label, as `NDCG@10` or `BLEU-4`."""
        cutoffs = self.protocol_on(dataset).cutoffs
        return [column for name in self.metrics for column in self.measures[name].columns(cutoffs)]


def load_suite(path: Path, catalog: Catalog, profile: str | None = None) -> Suite:
    """Read a suite and resolve its names.

    Raises `SuiteErrors` with every mistake of the file, its profiles included, each as `file:line: what; what
    would work`; `BenchError` where the file is missing or not YAML.
    """
    document = read_yaml(path)
    mistakes = Mistakes(document, catalog.context)
    suite = _resolve(document, document.data, (), mistakes, catalog, None)
    variants: dict[str, Suite | None] = {}
    profiles = document.data.get("profiles") if isinstance(document.data, dict) else None
    for name, sections in (profiles if isinstance(profiles, dict) else {}).items():
        if not isinstance(sections, dict):
            continue  # reported as a mistake of shape already
        if "profiles" in sections:
            mistakes.add(("profiles", name, "profiles"), "a profile cannot hold profiles")
            continue
        merged = {**{k: v for k, v in document.data.items() if k != "profiles"}, **sections}
        variants[name] = _resolve(document, merged, ("profiles", name), mistakes, catalog, name)
    if profile is not None and profile not in variants:
        mistakes.add(("profiles",), f"there is no profile '{profile}'{suggest(profile, variants)}")
    if mistakes.lines:
        raise SuiteErrors(mistakes.in_file_order())
    chosen = suite if profile is None else variants[profile]
    assert chosen is not None  # no mistakes means it was resolved
    return chosen


def _resolve(
    document: Document,
    data: Any,
    inside: Location,
    mistakes: Mistakes,
    catalog: Catalog,
    profile: str | None,
) -> Suite | None:
    """The suite in `data`, or None after noting why not. Sections that `inside` lacks are the base suite's own."""
    data = _spell_out(data)
    mistakes.enter(inside, data)
    try:
        # The JSON route is strict about types (no `true` for 1) yet takes lists for tuples and strings for paths.
        file = SuiteFile.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        mistakes.add_all(error, SuiteFile)
        file = None
    sections, folder = data if isinstance(data, dict) else {}, document.path.parent
    datasets = list(_datasets(sections, mistakes, catalog, folder))
    values = _values(sections.get("datasets"))
    resolved = resolve_methods(sections.get("methods"), values, mistakes, catalog, folder)
    methods = [replace(method, config=_anchor(method.config, folder)) for method in resolved]
    labels = list(dict.fromkeys(m.label for m in methods))
    for method in methods:
        for other in sorted(elsewhere(method.config) - set(values)):
            message = (
                f"methods.{method.label}: 'built_on: {other}' names no data set of the suite{suggest(other, values)}"
            )
            mistakes.add(("methods", method.label, "config"), message)
    named = {"metrics": SuiteFile.model_fields["metrics"].default, **sections}
    check_names(named, mistakes, catalog)
    check_tables(named, labels, mistakes, catalog)
    check_figures(named, labels, mistakes, catalog)
    published = dict(_published(sections.get("tables"), mistakes, folder))
    check_published_only(sections.get("tables"), published, labels, mistakes)
    if file is None:
        return None
    measures = {name: catalog.metrics[name] for name in file.metrics if name in catalog.metrics}
    shared = set.intersection(*(set((d.protocol or file.protocol).cutoffs) for d in datasets)) if datasets else set()
    if datasets and not shared and not file.tables:
        mistakes.add(("datasets",), "datasets: their protocols share no cut-off to make one table of; name `tables`")
    widest = [column for kind in measures.values() for column in kind.columns([max(shared, default=1)])]
    return Suite(
        name=document.path.stem,
        path=document.path,
        profile=profile,
        description=file.description,
        datasets=tuple(datasets),
        protocol=_with_candidates(file.protocol, ("protocol",), mistakes, folder),
        methods=tuple(methods),
        seeds=tuple(file.seeds),
        llm=_placed(file.llm, ("llm",), mistakes, folder),
        tuning=file.tune,
        metrics=tuple(file.metrics),
        measures=measures,
        tables=tuple(resolve_tables(file.tables, widest, [d.label for d in datasets], labels, published)),
        figures=tuple(resolve_figures(file.figures, [d.label for d in datasets], labels)),
    )


def _spell_out(data: Any) -> Any:
    """`popularity:` with nothing behind it means a method with its defaults."""
    if isinstance(data, dict) and isinstance(data.get("methods"), dict):
        methods = {label: {} if entry is None else entry for label, entry in data["methods"].items()}
        return {**data, "methods": methods}
    return data


def _datasets(
    sections: Mapping[str, Any], mistakes: Mistakes, catalog: Catalog, folder: Path
) -> Iterator[SuiteDataset]:
    section = sections.get("datasets")
    for label, entry in section.items() if isinstance(section, dict) else ():
        name = entry.get("source") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue  # reported as a mistake of shape already
        if name not in catalog.datasets:
            mistakes.add(("datasets", label, "source"), catalog.unknown("dataset", name))
            continue
        source = mistakes.parse(catalog.datasets[name], entry.get("options", {}), ("datasets", label, "options"))
        rest = {key: value for key, value in entry.items() if key in Preparation.model_fields}
        try:
            preparation = Preparation.model_validate_json(json.dumps(rest), strict=True)
        except ValidationError:
            continue  # reported as a mistake of shape already
        if source is not None:
            own = _own_protocol(label, entry.get("protocol"), sections.get("protocol", {}), mistakes, folder)
            yield SuiteDataset(label, _anchor(source, folder), preparation, own)


def _own_protocol(label: str, changes: Any, protocol: Any, mistakes: Mistakes, folder: Path) -> Protocol | None:
    """The suite's `protocol` with the changes of a data set, both plain data; None where it changes nothing, and after
    noting why what comes of them is none."""
    if not isinstance(changes, dict) or not isinstance(protocol, dict):
        return None  # nothing, or reported as a mistake of shape already
    here: Location = ("datasets", label, "protocol")
    inherited: dict[str, Location] = {name: ("protocol",) for name in protocol if name not in changes}
    merged = mistakes.parse(Protocol, {**protocol, **changes}, here, inherited)
    place = inherited.get("candidates", here)
    return None if merged is None else _with_candidates(merged, place, mistakes, folder)


def _values(section: Any) -> dict[str, dict[str, Any]]:
    """By data set, what `$name` stands for there."""
    entries = section.items() if isinstance(section, dict) else ()
    given = {label: entry.get("values") if isinstance(entry, dict) else None for label, entry in entries}
    return {label: values if isinstance(values, dict) else {} for label, values in given.items()}


def _anchor(options: ConfigT, folder: Path) -> ConfigT:
    """The options with their relative paths starting at the suite's folder."""
    anchored = {
        name: folder.absolute() / value
        for name in type(options).model_fields
        if isinstance(value := getattr(options, name), Path) and not str(value).startswith(("$", "~", "/"))
    }
    return options.model_copy(update=anchored)


def _with_candidates(protocol: Protocol, location: Location, mistakes: Mistakes, folder: Path) -> Protocol:
    """The protocol at `location` with the path of its candidate file, if it has one, written out."""
    rule = protocol.candidates
    if not isinstance(rule, CandidateFile | CandidatePlaces):
        return protocol
    return protocol.model_copy(update={"candidates": _placed(rule, (*location, "candidates"), mistakes, folder)})


def _placed(options: ConfigT, location: Location, mistakes: Mistakes, folder: Path) -> ConfigT:
    """The options with their paths written out: `~`, environment variables, and the suite's folder before relative
    ones."""
    placed: dict[str, Path] = {}
    for name in type(options).model_fields:
        value = getattr(options, name)
        if not isinstance(value, Path):
            continue
        placed[name] = _written_out(value, (*location, name), mistakes)
    return _anchor(options.model_copy(update=placed), folder)


def _written_out(path: Path, location: Location, mistakes: Mistakes) -> Path:
    written = os.path.expandvars(path)
    if "$" in written:
        message = f"the environment variable in {written} is not set; set it or write the path out"
        mistakes.add(location, f"{'.'.join(map(str, location))}: {message}")
    return Path(written).expanduser()


def _published(section: Any, mistakes: Mistakes, folder: Path) -> Iterator[tuple[str, Published]]:
    """The published numbers that tables ask for, by the table's name."""
    for name, entry in section.items() if isinstance(section, dict) else ():
        given = entry.get("published") if isinstance(entry, dict) else None
        if not isinstance(given, str):
            continue  # none, or reported as a mistake of shape already
        location = ("tables", name, "published")
        path = folder.absolute() / _written_out(Path(given), location, mistakes)
        if "$" in str(path):
            continue  # reported already
        try:
            yield name, read_published(path)
        except BenchError as error:
            mistakes.add(location, f"tables.{name}.published: {error}")
