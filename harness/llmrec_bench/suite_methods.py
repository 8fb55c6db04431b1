"""The methods of a suite: each entry with its config, its grid and what tuning may try."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, ValidationError

from llmrec_bench.apart.environment import open_environment
from llmrec_bench.apart.method import apart_method
from llmrec_bench.config import Config
from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.method import Method
from llmrec_bench.plugins import Catalog
from llmrec_bench.search_space import Choice, Range, SearchSpace, declared_space, plain_space, whole_options
from llmrec_bench.suite_mistakes import Mistakes
from llmrec_bench.suite_values import fill
from llmrec_bench.tuning import INSTALL, has_optuna


def _scalar(value: Any) -> Any:
    """Raises `ValueError` for what no choice can hold."""
    if isinstance(value, list | dict):
        raise ValueError("should be a number, a text, true, false or null")
    return value


_Part = Annotated[
    Annotated[Range, Tag("range")]
    | Annotated[list[Annotated[JsonValue, AfterValidator(_scalar)]], Field(min_length=2), Tag("choice")],
    Discriminator(lambda given: "choice" if isinstance(given, list) else "range"),
]
_Tune = Annotated[
    Annotated[bool, Tag("own")] | Annotated[dict[str, _Part], Tag("given")],
    Discriminator(lambda given: "given" if isinstance(given, dict) else "own"),
]


class MethodEntry(Config):
    """One method, or with a grid one method for every combination."""

    method: str | None = None
    """Name of the method; left out, the label is the name. `bench list methods` shows them."""
    env: Path | None = None
    """The folder of a virtual environment in which the method's plugin is installed, where it cannot be beside the
    others; its trials run there. A relative path starts at the suite's folder."""
    settings: str | None = None
    """Named options of the method, such as those its paper prints; `bench describe NAME` lists them. Left out, the
    method's defaults."""
    config: dict[str, JsonValue] = {}  # noqa: RUF012 - pydantic copies defaults
    """Options that differ from these; `bench describe NAME` explains them. A relative path starts at the suite's
    folder."""
    grid: dict[str, Annotated[list[JsonValue], Field(min_length=1)]] = {}  # noqa: RUF012
    """Option -> values; every combination becomes a row of its own, labelled `label[option=value]`."""
    datasets: Annotated[list[str], Field(min_length=1)] | None = None
    """Labels of the data sets it runs on; all of them if left out."""
    tune: _Tune = False
    """`true`: choose the options that the method declares for tuning, on validation queries, with the budget of the
    section `tune`; or option -> a list of values, or a range `{low, high, log}`, to choose just these."""


@dataclass(frozen=True)
class SuiteMethod:
    """A method with its resolved config."""

    label: str
    method: type[Method]
    config: Method.Config
    """Where the method is tuned, what its search starts from."""
    space: SearchSpace
    """What tuning may try; empty where the method is not tuned."""
    datasets: tuple[str, ...]
    """Labels of the data sets it runs on with this config; with another one, on others, it is another `SuiteMethod` of
    the same label."""

    @property
    def settings(self) -> str:
        """What a reader should know of the options: `tuned`, `default`, the name of the method's own settings that
        they equal, or `own` for any others."""
        if self.space:
            return "tuned"
        fields = self.method.Config.model_fields.items()
        # What has no default, a suite gives beside named settings.
        given = {name: getattr(self.config, name) for name, field in fields if field.is_required()}
        named = {name: {**given, **options} for name, options in self.method.settings.items()}
        for name, options in {"default": {}, **named}.items():
            try:
                known = self.method.Config.model_validate(options)
            except ValidationError:
                continue  # a method with a required option has no defaults
            if known == self.config:
                return name
        return "own"


def resolve_methods(
    section: Any, values: Mapping[str, Mapping[str, Any]], mistakes: Mistakes, catalog: Catalog, folder: Path
) -> Iterator[SuiteMethod]:
    """Every row that the section `methods` asks for; what is wrong with it goes to `mistakes`. `values` say by data set
    what `$name` stands for; relative paths start at `folder`."""
    first: dict[tuple[str, str], str] = {}
    labels: set[tuple[str, str]] = set()
    for label, entry in section.items() if isinstance(section, dict) else ():
        if not isinstance(entry, dict):
            continue
        name = label if entry.get("method") is None else entry["method"]
        if not isinstance(name, str):
            continue  # reported as a mistake of shape already
        try:
            method = _method(name, entry, catalog, folder)
        except BenchError as error:
            mistakes.add(("methods", label, "method" if entry.get("env") is None else "env"), str(error))
            continue
        for datasets, filled in fill(label, entry, values, mistakes):
            for row in _rows(label, filled, datasets, method, mistakes):
                identity = f"{name} {row.config.model_dump_json()} {plain_space(row.space)}"
                same = next((first[identity, d] for d in datasets if (identity, d) in first), None)
                if same is not None:
                    mistakes.add(
                        ("methods", label), f"'{row.label}' is the same as '{same}': same method, same options"
                    )
                    continue
                if any((row.label, d) in labels for d in datasets):
                    mistakes.add(("methods", label), f"two methods are labelled '{row.label}'; rename one")
                    continue
                first.update({(identity, d): row.label for d in datasets})
                labels.update((row.label, d) for d in datasets)
                yield row


def _method(name: str, entry: Mapping[str, Any], catalog: Catalog, folder: Path) -> type[Method]:
    """Raises `BenchError` where nobody offers it, or its environment cannot be asked."""
    if isinstance(entry.get("env"), str):
        if entry.get("tune"):
            raise BenchError("a method with an env cannot be tuned: what of its options could be tried, only it knows")
        return apart_method(open_environment(folder.absolute() / Path(entry["env"]).expanduser()), name)
    if name not in catalog.methods:
        raise BenchError(catalog.unknown("method", name))
    return catalog.methods[name]


def _rows(
    label: str, entry: Mapping[str, Any], datasets: tuple[str, ...], method: type[Method], mistakes: Mistakes
) -> Iterator[SuiteMethod]:
    """The entry's combinations of options, those with mistakes left out."""
    config, grid, named = entry.get("config", {}), entry.get("grid", {}), entry.get("settings")
    if not isinstance(config, dict) or not isinstance(grid, dict) or not isinstance(named, str | None):
        return
    for key in grid.keys() & config.keys():
        message = f"methods.{label}: '{key}' is fixed under config and varied under grid"
        mistakes.add(("methods", label, "grid", key), message)
    if not all(isinstance(values, list) for values in grid.values()):
        return
    known = {"default": {}, **method.settings}
    if named is not None and named not in known:
        message = f"methods.{label}.settings: '{method.name}' has no settings '{named}'{suggest(named, known)}"
        mistakes.add(("methods", label, "settings"), message)
        return
    base = {**known[named or "default"], **config}
    space = _space(label, entry.get("tune", False), {*config, *grid}, method, mistakes)
    whole = whole_options(method.Config)
    for combination in itertools.product(*grid.values()):
        varied = dict(zip(grid, combination, strict=True))
        in_grid = dict.fromkeys(varied, ("methods", label, "grid"))
        resolved = mistakes.parse(method.Config, {**base, **varied}, ("methods", label, "config"), in_grid)
        if resolved is None:
            continue
        for option, part in space.items():
            for edge in part.edges():
                value = int(edge) if option in whole and isinstance(edge, float) else edge
                in_tune = {option: ("methods", label, "tune")}
                mistakes.parse(method.Config, {**base, **varied, option: value}, ("methods", label, "config"), in_tune)
        options = ",".join(f"{key}={value}" for key, value in varied.items())
        yield SuiteMethod(f"{label}[{options}]" if options else label, method, resolved, space, datasets)


def _space(label: str, tune: Any, fixed: set[str], method: type[Method], mistakes: Mistakes) -> SearchSpace:
    """What tuning may try of a method whose options `fixed` stand in the suite; empty where it is not tuned."""

    def complain(message: str, *below: str) -> None:
        mistakes.add(("methods", label, "tune", *below), f"methods.{label}.tune: {message}")

    if tune is not True and not isinstance(tune, dict):
        return {}
    if not has_optuna():
        complain(f"tuning needs the package optuna; {INSTALL}")
    if tune is True:
        space = {option: part for option, part in declared_space(method.Config).items() if option not in fixed}
        if not space:
            left = "that is left to tune" if declared_space(method.Config) else "for tuning"
            complain(f"'{method.name}' declares no option {left}; name options and ranges instead of `true`")
        return space
    if not tune:
        complain("names no option; write `true` for those that the method declares")
    space = {}
    for option, given in tune.items():
        if option not in method.Config.model_fields:
            complain(f"'{method.name}' has no option '{option}'{suggest(option, method.Config.model_fields)}", option)
        elif option in fixed:
            complain(f"'{option}' is fixed or varied by the suite already", option)
        else:
            try:
                space[option] = Choice(tuple(map(_scalar, given))) if isinstance(given, list) else Range(**given)
            except (TypeError, ValueError):
                continue  # reported as a mistake of shape already
            broken = [e for e in space[option].edges() if isinstance(e, float) and not e.is_integer()]
            if option in whole_options(method.Config) and broken:
                complain(f"'{option}' holds whole numbers (given {broken[0]:g})", option)
                del space[option]
    return space
