"""Who may import whom, read from the parsed sources."""

import ast
import graphlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmrec_bench

ROOT = Path(__file__).parents[1]
HARNESS = ROOT / "harness" / "llmrec_bench"
PLUGINS = ROOT / "plugins" / "llmrec_bench_plugins"

# Highest first. A module imports from lower lines only, and from its own room where that is a package.
ORDER = [
    {"cli"},
    {"commands"},
    {"scaffold"},
    {"testing"},
    {"report"},
    {"live", "describe", "schema", "sources"},
    {"estimate_text", "imported_run", "added_method"},
    {"execute"},
    {"cost_text"},
    {"compare"},
    {"figures", "gate"},
    {"table_text"},
    {"tables", "costs", "sheet", "matching"},
    {"store", "evaluate", "artifacts"},
    {"plan"},
    {"suite"},
    {"suite_figures", "suite_tables"},
    {"suite_methods", "suite_names", "published"},
    {"suite_values"},
    {"apart"},
    {"plugins"},
    {"candidates"},
    {"candidate_files"},
    {"protocol"},
    {"method_option"},
    {"method", "metrics"},
    {"stage"},
    {"llm"},
    {"data"},
    {"tuning"},
    {"search_space"},
    {"suite_mistakes"},
    {"yaml_lines"},
    {"versioned_json"},
    {"stats"},
    {"hookspecs", "config", "errors", "tie_order"},
]
LEVELS = {room: -level for level, rooms in enumerate(ORDER) for room in rooms}

HEAVY = {"torch", "scipy", "recbole", "transformers", "optuna", "openai", "peft", "sklearn", "altair", "vl_convert"}
SHARED_FAMILIES = {"blocks", "stages", "backbones", "datasets"}
"""Methods that add to a backbone extend it; those that read a file do it as data sources do."""
PAST_TYPE_CHECKING = {"hookspecs"}
"""Modules that name the types of higher rooms, for type checkers only."""


def imports(path: Path, *, everywhere: bool = True, typing: bool = True) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import; `from a import b` gives `a.b`.

    `everywhere` includes those inside functions, `typing` those for type checkers only.
    """
    yield from _imports(ast.parse(path.read_text(encoding="utf-8")), everywhere, typing)


def _imports(node: ast.AST, everywhere: bool, typing: bool) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: a relative import"
        yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not everywhere:
        return
    elif isinstance(node, ast.If) and not typing and ast.unparse(node.test) == "TYPE_CHECKING":
        for child in node.orelse:
            yield from _imports(child, everywhere, typing)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, everywhere, typing)


def module_of(path: Path) -> str:
    """`data.sequences` of `.../llmrec_bench/data/sequences.py`; a package is the name of its folder."""
    return ".".join(path.relative_to(HARNESS).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted(HARNESS.rglob("*.py")) if path != HARNESS / "__init__.py"}


def harness_imports(module: str) -> Iterator[tuple[int, str]]:
    """(line, module) of what a harness module imports of the harness."""
    for line, name in imports(MODULES[module], typing=module not in PAST_TYPE_CHECKING):
        inside = name.removeprefix("llmrec_bench.")
        if inside != name:
            # What is imported is a module, or a name in one.
            yield line, inside if inside in MODULES else inside.rpartition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_the_harness_imports_downwards(module: str) -> None:
    room = module.split(".")[0]
    assert room in LEVELS, f"{room} has no place in ORDER yet"
    for line, imported in harness_imports(module):
        other = imported.split(".")[0]
        assert other, f"{module}:{line} imports from the public names, which are for plugins"
        assert other == room or LEVELS[other] < LEVELS[room], f"{module}:{line} imports {imported}"


def test_the_harness_has_no_circle() -> None:
    graph = {module: {imported for _, imported in harness_imports(module)} for module in MODULES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_every_room_in_the_order_exists() -> None:
    assert {module.split(".")[0] for module in MODULES} == LEVELS.keys()


@pytest.mark.parametrize("module", MODULES)
def test_the_harness_knows_no_plugin_and_no_framework(module: str) -> None:
    barred = {"llmrec_bench_plugins", "torch", "transformers", "recbole"}
    for line, name in imports(MODULES[module]):
        assert name.split(".")[0] not in barred, f"{module}:{line} imports {name}"


PLUGIN_FILES = {str(path.relative_to(PLUGINS)): path for path in sorted(PLUGINS.rglob("*.py"))}


@pytest.mark.parametrize("file", PLUGIN_FILES)
def test_plugins_import_public_names_only(file: str) -> None:
    for line, name in imports(PLUGIN_FILES[file]):
        package, _, rest = name.partition(".")
        if package == "llmrec_bench":
            assert rest in llmrec_bench.__all__, f"{file}:{line} imports {name}"
            assert not file.startswith("blocks/"), f"{file}:{line} imports {name}; blocks know nothing of the harness"


@pytest.mark.parametrize("file", [file for file in PLUGIN_FILES if "/" in file])
def test_families_do_not_import_each_other(file: str) -> None:
    family = file.split("/")[0]
    for line, name in imports(PLUGIN_FILES[file]):
        package, _, rest = name.partition(".")
        if package == "llmrec_bench_plugins":
            allowed = {"blocks"} if family == "blocks" else {family, *SHARED_FAMILIES}
            assert rest.split(".")[0] in allowed, f"{file}:{line} imports {name}"


@pytest.mark.parametrize("file", [file for file in PLUGIN_FILES if not file.startswith("blocks/")])
def test_heavy_imports_wait_until_they_are_needed(file: str) -> None:
    for line, name in imports(PLUGIN_FILES[file], everywhere=False, typing=False):
        assert name.split(".")[0] not in HEAVY, f"{file}:{line} imports {name} before it is needed"
        assert not name.startswith("llmrec_bench_plugins.blocks"), f"{file}:{line} imports {name} before it is needed"


def loaded_by(code: str) -> set[str]:
    """The top-level packages a fresh interpreter has loaded after running `code`."""
    report = "import sys, atexit; atexit.register(lambda: print('', *sys.modules, sep='\\n#'))\n"
    done = subprocess.run(
        [sys.executable, "-c", report + code],
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return {line[1:].split(".")[0] for line in done.stdout.splitlines() if line.startswith("#")}


def test_help_loads_no_numbers() -> None:
    loaded = loaded_by("from llmrec_bench.cli import main\nmain(['--help'])")
    assert "click" in loaded
    assert not loaded & {"numpy", "pandas", "pydantic", "llmrec_bench_plugins", *HEAVY}


def test_the_built_in_plugins_load_no_framework() -> None:
    loaded = loaded_by("import llmrec_bench_plugins")
    assert "numpy" in loaded
    assert not loaded & HEAVY


def test_every_public_name_loads() -> None:
    for name in llmrec_bench.__all__:
        assert getattr(llmrec_bench, name) is not None
    assert sorted(llmrec_bench.__all__) == sorted(llmrec_bench._HOMES)
    with pytest.raises(AttributeError, match="no attribute 'Methods'"):
        llmrec_bench.Methods  # noqa: B018
