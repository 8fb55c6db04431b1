"""Entry points -> Catalog: everything a suite may name, and who offers it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
from pydantic import PydanticUserError, ValidationError

from llmrec_bench import hookspecs
from llmrec_bench.data.source import DataSource
from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.llm.language_model import LanguageModel
from llmrec_bench.method import Method
from llmrec_bench.metrics.metric import Metric

GROUP = "llmrec_bench"
"""The entry-point group plugins announce themselves under."""


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that could not be loaded; the others still work."""

    name: str
    reason: str


@dataclass(frozen=True)
class Catalog:
    """What the installed plugins offer, by the names suites use."""

    methods: dict[str, type[Method]] = field(default_factory=dict)
    datasets: dict[str, type[DataSource]] = field(default_factory=dict)
    metrics: dict[str, type[Metric]] = field(default_factory=dict)
    language_models: dict[str, type[LanguageModel]] = field(default_factory=dict)
    plugin_of: dict[str, str] = field(default_factory=dict)
    """Plugin by offered name, e.g. `method sasrec` -> `builtin`."""
    broken: list[BrokenPlugin] = field(default_factory=list)
    hooks: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager(GROUP))

    @property
    def context(self) -> dict[str, Any]:
        """What options that name methods or language models need for their own checks, as pydantic hands it to
        validators."""
        return {"methods": self.methods, "language_models": self.language_models}

    def unknown(self, kind: str, name: str) -> str:
        """The message for a name nobody offers: the close match, and the plugins that might have offered it."""
        message = f"unknown {kind} '{name}'{suggest(name, getattr(self, kind.replace(' ', '_') + 's'))}"
        if self.broken:
            message += "; not loaded: " + ", ".join(f"plugin '{b.name}' ({b.reason})" for b in self.broken)
        return message


def load_catalog(found: Iterable[EntryPoint] | None = None) -> Catalog:
    """Load every plugin of the entry-point group (or the given ones) and collect what they register.

    A plugin whose import fails, or that is made for another version of the API, is kept in `Catalog.broken`. Raises
    `BenchError` for a misspelt hook, a hook with a wrong signature, a name offered twice, and things that are not what
    their hook is for.
    """
    catalog = Catalog()
    manager = catalog.hooks
    manager.add_hookspecs(hookspecs)
    for entry_point in sorted(entry_points(group=GROUP) if found is None else found, key=lambda e: e.name):
        try:
            plugin = entry_point.load()
        except (Exception, SystemExit) as error:
            catalog.broken.append(BrokenPlugin(entry_point.name, _why_not(error)))
            continue
        made_for = getattr(plugin, "llmrec_bench_api", hookspecs.API_VERSION)
        if made_for != hookspecs.API_VERSION:
            ours = f"this llmrec-bench has version {hookspecs.API_VERSION}"
            catalog.broken.append(BrokenPlugin(entry_point.name, f"made for version {made_for} of the API; {ours}"))
            continue
        if manager.has_plugin(entry_point.name):
            raise BenchError(f"two installed plugins are called '{entry_point.name}'; uninstall or rename one")
        if manager.is_registered(plugin):
            raise BenchError(f"plugins '{manager.get_name(plugin)}' and '{entry_point.name}' are the same; keep one")
        _refuse_unmarked_hooks(manager, plugin, entry_point.name)
        try:
            manager.register(plugin, name=entry_point.name)
        except pluggy.PluginValidationError as error:
            raise BenchError(f"plugin '{entry_point.name}': {_one_line(error)}") from error
    _refuse_misspelt_hooks(manager)
    _collect(catalog, "method", manager.hook.register_methods, Method, catalog.methods)
    _collect(catalog, "dataset", manager.hook.register_datasets, DataSource, catalog.datasets)
    _collect(catalog, "metric", manager.hook.register_metrics, Metric, catalog.metrics)
    models = catalog.language_models
    _collect(catalog, "language model", manager.hook.register_language_models, LanguageModel, models)
    return catalog


@cache
def installed_catalog() -> Catalog:
    """What is installed here, loaded once in a process. Raises `BenchError` as `load_catalog` does."""
    return load_catalog()


def _why_not(error: BaseException) -> str:
    """Why a module could not be imported."""
    if isinstance(error, PydanticUserError) and error.code == "model-field-missing-annotation":
        given = re.search("`(.*?)`", str(error))
        return f"an option has no type: {given[1] if given else error}; write it as in `width: int = 64`"
    return _one_line(f"{type(error).__name__}: {error}")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _specified(manager: pluggy.PluginManager) -> list[str]:
    return [name for name, hook in vars(manager.hook).items() if not name.startswith("_") and hook.has_spec()]


def _refuse_unmarked_hooks(manager: pluggy.PluginManager, plugin: object, name: str) -> None:
    """Without its mark a hook would never be called, and nobody would know why."""
    for hook in _specified(manager):
        if callable(getattr(plugin, hook, None)) and manager.parse_hookimpl_opts(plugin, hook) is None:
            raise BenchError(f"plugin '{name}': {hook} lacks @hookimpl (from llmrec_bench import hookimpl)")


def _refuse_misspelt_hooks(manager: pluggy.PluginManager) -> None:
    specified = _specified(manager)
    for name in [name for name in vars(manager.hook) if not name.startswith("_")]:
        if name not in specified:
            plugins = ", ".join(f"'{impl.plugin_name}'" for impl in getattr(manager.hook, name).get_hookimpls())
            raise BenchError(f"plugin {plugins}: there is no hook '{name}'{suggest(name, specified)}")


def _collect(catalog: Catalog, kind: str, hook: Any, base: type, offered: dict[str, Any]) -> None:
    for implementation in hook.get_hookimpls():
        plugin = implementation.plugin_name
        call: Callable[[], list[type]] = implementation.function
        try:
            classes = list(call())
        except (Exception, SystemExit) as error:
            reason = _one_line(f"{hook.name} raised {type(error).__name__}: {error}")
            catalog.broken.append(BrokenPlugin(plugin, reason))
            continue
        for offer in classes:
            fault = _fault(offer, base)
            if fault:
                raise BenchError(f"plugin '{plugin}': {hook.name} offers {offer!r}, which {fault}")
            name: str = offer.name  # type: ignore[attr-defined]
            if name in offered:
                other = catalog.plugin_of[f"{kind} {name}"]
                raise BenchError(f"{kind} '{name}' is offered by plugin '{other}' and by plugin '{plugin}'; keep one")
            offered[name] = offer
            catalog.plugin_of[f"{kind} {name}"] = plugin


def _fault(offer: object, base: type) -> str | None:
    if not isinstance(offer, type) or not issubclass(offer, base):
        return f"is not a subclass of {base.__name__}"
    missing = [name for name in getattr(base, "__annotations__", {}) if not hasattr(offer, name)]
    if missing:
        return f"has no {' and no '.join(missing)}"
    if not isinstance(offer.name, str) or not offer.name:  # type: ignore[attr-defined]
        return f"has {offer.name!r} for a name"  # type: ignore[attr-defined]
    for kind in (Method, LanguageModel):
        own = getattr(offer, "Config", None)
        if issubclass(offer, kind) and not (isinstance(own, type) and issubclass(own, kind.Config)):
            return f"has a Config that is not a subclass of {kind.__name__}.Config"
    if issubclass(offer, Method):
        for name, options in offer.settings.items():
            try:
                offer.Config.model_validate(dict(options))
            except ValidationError as error:
                # An option without a default comes from the suite.
                broken = [part for part in error.errors() if part["type"] != "missing" or len(part["loc"]) > 1]
                if not broken:
                    continue
                first = broken[0]
                where = ".".join(map(str, first["loc"])) or "options"
                return f"has settings '{name}' that its Config refuses ({where}: {_one_line(first['msg'])})"
    abstract = getattr(offer, "__abstractmethods__", None)
    if abstract:
        return f"does not define {', '.join(sorted(abstract))}"
    if not (offer.__doc__ or "").strip():
        return "has no docstring to describe it by"
    return None
