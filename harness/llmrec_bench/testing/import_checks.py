"""What importing a plugin may not do: everybody who has it installed imports it with every command."""

from typing import Any, Protocol

from llmrec_bench.testing.check import named
from llmrec_bench.testing.fresh_process import import_report


class Importable(Protocol):
    """A subject whose class is in a module."""

    @property
    def kind(self) -> Any:
        """The class."""


def import_without_network(subject: Importable) -> str | None:
    """The module is imported in a new interpreter, and asks no network for anything."""
    module = subject.kind.__module__
    report = import_report(module)
    if report.dialled:
        return f"importing {module} asks the network for {report.dialled[0]}"
    return f"{module} cannot be imported elsewhere: {report.fault}" if report.fault else None


def import_without_framework(subject: Importable) -> str | None:
    """Importing the module loads no framework; heavy imports stand where they are needed, as inside fit."""
    module = subject.kind.__module__
    frameworks = import_report(module).frameworks
    return f"importing {module} loads {', '.join(frameworks)}" if frameworks else None


IMPORT_CHECKS = named(import_without_network, import_without_framework)
