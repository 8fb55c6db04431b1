"""The scripts that make the shipped cassettes, as modules, and the cassettes themselves."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from llmrec_bench.llm.cassette import Cassette
from llmrec_bench_plugins.llms.recorded import Recorded


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up, and one script imports the other
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def rebuild() -> ModuleType:
    return script("rebuild")


@pytest.fixture(scope="session")
def rebuild_games(rebuild: ModuleType) -> ModuleType:
    return script("rebuild_games")


@pytest.fixture(scope="session")
def cassette() -> Cassette:
    found = Cassette(None, Recorded.recordings)
    found.refresh()
    return found
