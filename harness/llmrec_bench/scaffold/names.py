"""What a new plugin may be called, and what its parts are called after it."""

import builtins
import keyword
import re
from dataclasses import dataclass

import llmrec_bench
from llmrec_bench.errors import BenchError
from llmrec_bench.plugins import Catalog
from llmrec_bench.testing.offers import stages_offered

_WORDS = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_METRIC = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")


_TAKEN = {*llmrec_bench.__all__, *dir(builtins), "Annotated", "Field", "Literal", "Path"}
"""Names that the templates use, and that a class would hide."""


@dataclass(frozen=True)
class Names:
    """Of a new plugin and its parts."""

    kind: str
    """`method`, `dataset`, `metric`, `language-model` or `stage`."""
    name: str
    """What a suite writes."""

    @property
    def class_name(self) -> str:
        """`MyMethod` of `my-method`."""
        return "".join(word[0].upper() + word[1:] for word in re.split("[-_]", self.name))

    @property
    def distribution(self) -> str:
        """What pip knows it by, and the name of its entry point."""
        return f"llmrec-bench-{self.name.lower().replace('_', '-')}"

    @property
    def package(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def module(self) -> str:
        """The module in the package that holds the class."""
        return self.kind.replace("-", "_")


def new_names(kind: str, name: str, catalog: Catalog) -> Names:
    """Raises `BenchError` for what is no name, or is one that somebody has."""
    pattern, shape = (_METRIC, "a word such as MyMetric") if kind == "metric" else (_WORDS, "words such as my-method")
    if not pattern.fullmatch(name):
        words = re.findall("[A-Za-z0-9]+", name)
        close = "".join(words) if kind == "metric" else "-".join(words).lower()
        hint = f"; try '{close}'" if pattern.fullmatch(close) else ""
        raise BenchError(f"'{name}' cannot be the name of a {kind}: should be {shape}{hint}")
    names = Names(kind, name)
    if keyword.iskeyword(names.class_name) or names.class_name in _TAKEN:
        raise BenchError(f"'{name}' cannot be the name of a {kind}: {names.class_name}, its class, is something else")
    owner = catalog.plugin_of.get(f"{kind.replace('-', ' ')} {name}")
    if owner is not None:
        raise BenchError(f"{kind} '{name}' is taken: plugin '{owner}' offers it; choose another name")
    if kind == "stage":
        stage = stages_offered(catalog).get(name)
        if stage is not None:
            raise BenchError(f"stage '{name}' is taken: {stage.__module__} has it; choose another name")
        owner = catalog.plugin_of.get(f"method by-{name}")
        if owner is not None:
            raise BenchError(f"method 'by-{name}' is taken: plugin '{owner}' offers it; choose another name")
    if catalog.hooks.has_plugin(names.distribution) or any(b.name == names.distribution for b in catalog.broken):
        raise BenchError(f"a plugin '{names.distribution}' is installed; choose another name, or uninstall it first")
    return names
