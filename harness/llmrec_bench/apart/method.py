"""A method of another environment, as the harness sees it: a name, a version and options; its trials run there."""

import copyreg
from abc import ABCMeta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, PrivateAttr, ValidatorFunctionWrapHandler, model_validator

from llmrec_bench.apart.environment import Environment
from llmrec_bench.apart.own import own_method, own_options
from llmrec_bench.data.training import Queries, TrainingData
from llmrec_bench.errors import BenchError, suggest
from llmrec_bench.method import Method, Run, Scores


class _Apart(ABCMeta):
    """Classes that are sent to another process by their name, and are the real method there."""

    name: str


def _by_name(method: _Apart) -> Any:
    return own_method, (method.name,)


copyreg.pickle(_Apart, _by_name)  # type: ignore[arg-type]


class ApartConfig(Method.Config):
    """Options as the other environment has resolved them."""

    model_config = ConfigDict(extra="allow")

    environment: ClassVar[Environment]
    method: ClassVar[str]
    _identity: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _resolve(cls, given: Any, handler: ValidatorFunctionWrapHandler) -> "ApartConfig":
        answer = cls.environment.resolve(cls.method, given)
        if "faults" in answer:
            raise ValueError("; ".join(answer["faults"]))
        config: ApartConfig = handler(answer["config"])
        config._identity = answer["identity"]
        return config

    def identity(self) -> dict[str, Any]:
        """As the method itself tells it."""
        return self._identity

    def __reduce__(self) -> Any:
        """Sent to the other environment's processes, where it is the method's own."""
        return own_options, (self.method, self.model_dump(mode="json"))


class ApartMethod(Method, metaclass=_Apart):
    """Stands for the method wherever nothing is fitted."""

    environment: ClassVar[Environment]
    plugin: ClassVar[str]

    def fit(self, train: TrainingData, run: Run) -> None:
        """Raises `BenchError`: this is not the method itself."""
        raise BenchError(f"'{self.name}' runs in {self.environment.folder} only; give --workers 1 or more")

    def score(self, queries: Queries) -> Scores:
        """Raises `BenchError`, as `fit` does."""
        raise BenchError(f"'{self.name}' runs in {self.environment.folder} only; give --workers 1 or more")


def apart_method(environment: Environment, name: str) -> type[ApartMethod]:
    """The method of that name in the environment. Raises `BenchError`, with the close match, where there is none."""
    known = environment.inventory["methods"]
    if name not in known:
        broken = "".join(f"; not loaded: {plugin} ({why})" for plugin, why in environment.inventory["broken"].items())
        raise BenchError(f"no method '{name}' in {environment.folder}{suggest(name, known)}{broken}")
    about = known[name]
    config = type("Config", (ApartConfig,), {"environment": environment, "method": name, "__doc__": about["about"]})
    members = {
        "name": name,
        "version": about["version"],
        "source": about["source"],
        "settings": about["settings"],
        "ties_are_open": about["ties_are_open"],
        "plugin": about["plugin"],
        "environment": environment,
        "Config": config,
        "__doc__": about["about"],
    }
    return _Apart(name, (ApartMethod,), members)  # type: ignore[return-value]


def interpreter_for(method: type[Method]) -> Path | None:
    """Whose Python a method's trials run in; None for this one's."""
    return method.environment.interpreter if issubclass(method, ApartMethod) else None
